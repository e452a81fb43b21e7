"""A folder of broken pictures next to good ones, made from the sample pictures."""

from __future__ import annotations

import io
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from ..support import SAMPLE

NOT_A_PICTURE = "no picture in a known format"
_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class BrokenPictures:
    """What `make_broken_pictures` wrote; names are relative to its folder, with ``/``.

    Attributes
    ----------
    good : tuple of str
        Must be indexed.
    bad : dict of str to str
        Must fail; part of the reason ("" where decoders may put it as they like).
    either : tuple of str
        May be indexed or fail, but one of them: what is left of the picture is up to the decoder.
    empty : tuple of str
        Those of `good` in which there is no feature.
    """

    good: tuple[str, ...]
    bad: dict[str, str]
    either: tuple[str, ...]
    empty: tuple[str, ...]


@dataclass
class _Writer:
    """Writes files, and notes what must become of them."""

    folder: Path
    good: list[str] = field(default_factory=list)
    bad: dict[str, str] = field(default_factory=dict)
    either: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)

    def write(self, name: str, content: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def add_good(self, name: str, content: bytes) -> None:
        self.write(name, content)
        self.good.append(name)

    def add_bad(self, name: str, content: bytes, reason: str) -> None:
        self.write(name, content)
        self.bad[name] = reason

    def add_either(self, name: str, content: bytes) -> None:
        self.write(name, content)
        self.either.append(name)

    def add_empty(self, name: str, content: bytes) -> None:
        self.add_good(name, content)
        self.empty.append(name)


def make_broken_pictures(folder: Path) -> BrokenPictures:
    """Write some ninety small files, the same each time, into `folder`."""
    # No two good files are made of one sample, so that each finds itself first.
    samples = iter(sorted((SAMPLE / "covers").glob("*.jpg")))
    writer = _Writer(folder)
    _odd_names(writer, samples)
    _odd_kinds(writer, samples)
    _truncated(writer, next(samples).read_bytes())
    _flipped(writer, next(samples).read_bytes())
    _no_pictures(writer)
    _bombs(writer, next(samples))
    _odd_files(writer, samples)
    return BrokenPictures(tuple(writer.good), writer.bad, tuple(writer.either), tuple(writer.empty))


def _encoded(image: PillowImage.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def _small(path: Path, mode: str = "RGB") -> PillowImage.Image:
    with PillowImage.open(path) as image:
        return image.convert(mode).resize((240, 320))


def _odd_names(writer: _Writer, samples: Iterator[Path]) -> None:
    for name in (
        "plain.jpg",
        "UPPER.JPG",
        "with space.jpg",
        " leading and trailing .jpg",
        "line\nbreak.jpg",
        "tab\tand \x1b[31mred.jpg",
        'it\'s "quoted".jpg',
        "back\\slash $(date) 100% {0}.jpg",
        "-dash.jpg",
        "@at.jpg",
        "\N{CAMERA WITH FLASH} \N{GREEK SMALL LETTER PI}.jpg",
        os.fsdecode(b"caf\xe9 \xff.jpg"),
        os.fsdecode(b"folder \xe9/inside.jpg"),
    ):
        writer.add_good(name, next(samples).read_bytes())
    for name in (
        "bad line\nbreak.jpg",
        "bad \x1b[31mred.jpg",
        "bad \N{COLLISION SYMBOL}.jpg",
        "- bad.jpg",
        os.fsdecode(b"bad \xff.jpg"),
    ):
        writer.add_bad(name, b"no picture", NOT_A_PICTURE)


def _odd_kinds(writer: _Writer, samples: Iterator[Path]) -> None:
    writer.add_good("png called.jpg", _encoded(_small(next(samples)), "PNG"))
    writer.add_good("jpeg called.png", next(samples).read_bytes())
    writer.add_good("more behind its end.jpg", next(samples).read_bytes() + b"\0more" * 99)
    writer.add_good("cmyk.jpg", _encoded(_small(next(samples), "CMYK"), "JPEG", quality=90))
    writer.add_good("grey and alpha.png", _encoded(_small(next(samples), "LA"), "PNG"))
    deep = np.asarray(_small(next(samples), "L"), np.uint16) * np.uint16(257)
    writer.add_good("sixteen bits.png", _encoded(PillowImage.fromarray(deep), "PNG"))
    for format_, name in (
        ("GIF", "animated.gif"),
        ("WEBP", "animated.webp"),
        ("PNG", "animated.png"),
    ):
        frames = [_small(next(samples)), PillowImage.new("RGB", (240, 320), "red")]
        content = _encoded(frames[0], format_, save_all=True, append_images=frames[1:])
        writer.add_good(name, content)
    writer.add_empty("one pixel.png", _encoded(PillowImage.new("L", (1, 1)), "PNG"))
    writer.add_empty("flat.jpg", _encoded(PillowImage.new("RGB", (200, 150), "teal"), "JPEG"))
    writer.add_empty("thin.png", _encoded(PillowImage.new("1", (60_000, 2)), "PNG"))


def _truncated(writer: _Writer, content: bytes) -> None:
    for tenth in range(1, 10):
        cut = content[: len(content) * tenth // 10]
        writer.add_bad(f"truncated/{tenth} tenths.jpg", cut, "damaged")
    header = content.index(b"\xff\xda")
    for length in range(1, header, header // 8):
        writer.add_bad(f"truncated/{length:04d} bytes.jpg", content[:length], "")
    # Every pixel is there; only the marker of the end is not.
    writer.add_either("truncated/no end.jpg", content[:-2])
    png = _encoded(PillowImage.open(io.BytesIO(content)).resize((120, 160)), "PNG")
    for tenth in (1, 5, 9):
        writer.add_bad(f"truncated/{tenth} tenths.png", png[: len(png) * tenth // 10], "damaged")


def _flip(content: bytes, position: int, bit: int) -> bytes:
    return content[:position] + bytes([content[position] ^ (1 << bit)]) + content[position + 1 :]


def _flipped(writer: _Writer, jpeg: bytes) -> None:
    png = _encoded(PillowImage.open(io.BytesIO(jpeg)).resize((120, 160)), "PNG")
    for position in (0, 1):  # of what tells that it is a JPEG
        writer.add_bad(f"flipped/{position}.jpg", _flip(jpeg, position, 3), NOT_A_PICTURE)
    # The signature, the name of the first chunk, its width, and its check sum.
    for position in (0, 12, 18, 30):
        writer.add_bad(f"flipped/{position}.png", _flip(png, position, 3), NOT_A_PICTURE)
    header = jpeg.index(b"\xff\xda")
    positions = [*range(2, header, header // 5), *range(header, len(jpeg), len(jpeg) // 5)]
    for number, position in enumerate(positions):
        name = f"flipped/{position:06d}.jpg"
        writer.add_either(name, _flip(jpeg, position, number % 8))
    for number, position in enumerate(range(33, len(png), len(png) // 5)):
        writer.add_either(f"flipped/{position:06d}.png", _flip(png, position, number % 8))


def _no_pictures(writer: _Writer) -> None:
    writer.add_bad("nothing.jpg", b"", "an empty file")
    writer.add_bad("zeros.jpg", bytes(5000), NOT_A_PICTURE)
    writer.add_bad("text.jpg", b"this is text, not a picture\n", NOT_A_PICTURE)
    writer.add_bad("page.jpg", b"<!DOCTYPE html>\n<title>404 Not Found</title>\n", NOT_A_PICTURE)
    program = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    writer.add_bad("program.jpg", program, "PostScript")
    writer.add_bad("no size.png", _png(0, 0, b""), "")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _png(width: int, height: int, body: bytes, *more: bytes) -> bytes:
    """Return a PNG of one bit a pixel with compressed pixels `body`, and `more` chunks."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"".join(
        [_SIGNATURE, _chunk(b"IHDR", header), *more, _chunk(b"IDAT", body), _chunk(b"IEND", b"")]
    )


def _compressed_zeros(count: int) -> bytes:
    """What zlib makes of `count` zeros, without compressing them all."""
    block = 1 << 20
    compressor = zlib.compressobj(9)
    first = compressor.compress(bytes(block)) + compressor.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers to what was before, so that a block can be repeated.
    again = compressor.compress(bytes(block)) + compressor.flush(zlib.Z_FULL_FLUSH)
    last = compressor.compress(bytes(count % block)) + compressor.flush()
    check = struct.pack(">I", (count % 65_521) << 16 | 1)  # Adler-32 of zeros
    return first + again * (count // block - 1) + last[:-4] + check


def _flat_png(side: int) -> bytes:
    return _png(side, side, _compressed_zeros(side * (1 + (side + 7) // 8)))


def _bombs(writer: _Writer, sample: Path) -> None:
    """Files of a few kilobytes that claim gigabytes: refused by what their headers say."""
    writer.add_bad("bombs/header alone.png", _png(60_000, 60_000, b"\0" * 40), "pixels")
    writer.add_bad("bombs/sound.png", _flat_png(60_000), "pixels")
    # Pillow would still read this one.
    writer.add_bad("bombs/above the limit.png", _flat_png(13_000), "more than max_pixels")
    jpeg = bytearray(sample.read_bytes())
    frame = jpeg.index(b"\xff\xc0")
    jpeg[frame + 5 : frame + 9] = struct.pack(">HH", 65_500, 65_500)
    writer.add_bad("bombs/header.jpg", bytes(jpeg), "pixels")
    # A small picture with a comment that unpacks to 256 MB; a decoder may pass over it.
    comment = _chunk(b"zTXt", b"Comment\0\0" + _compressed_zeros(1 << 28))
    writer.add_either("bombs/comment.png", _png(8, 8, zlib.compress(bytes(16)), comment))


def _odd_files(writer: _Writer, samples: Iterator[Path]) -> None:
    folder = writer.folder
    writer.add_good("a folder.jpg/inside.jpg", next(samples).read_bytes())
    (folder / "an empty folder.jpg").mkdir()
    (folder / "dangling.jpg").symlink_to("nowhere.jpg")
    writer.bad["dangling.jpg"] = "no such file"
    for name, other in (("loop 1.jpg", "loop 2.jpg"), ("loop 2.jpg", "loop 1.jpg")):
        (folder / name).symlink_to(other)
        writer.bad[name] = "symbolic links"
    (folder / "a folder.jpg" / "up.jpg").symlink_to("..", target_is_directory=True)
    (folder / "link.jpg").symlink_to("elsewhere")
    writer.write("elsewhere", next(samples).read_bytes())
    writer.good.append("link.jpg")
    # As /dev/zero, which does not end, and pipes, which wait, but harmless if it is read.
    (folder / "device.jpg").symlink_to(os.devnull)
    writer.bad["device.jpg"] = "not a regular file"
    with socket.socket(socket.AF_UNIX) as unused:
        try:
            unused.bind(str(folder / "socket.jpg"))
        except OSError:  # the path of the folder is too long for it
            pass
        else:
            writer.bad["socket.jpg"] = "not a regular file"
    locked = writer.write("locked.jpg", next(samples).read_bytes())
    locked.chmod(0)
    if os.access(locked, os.R_OK):  # as root
        writer.good.append("locked.jpg")
    else:
        writer.bad["locked.jpg"] = "permission denied"
