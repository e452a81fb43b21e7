"""Faults of a file that harm no pixel, what is said of other files, and limits of memory."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import PngImagePlugin

from bovw.errors import ImageError
from bovw.pictures import LARGEST_FILE, missing_plug_in, read_image
from bovw.settings import ImageSettings

from ..support import SAMPLE

PICTURE = SAMPLE / "posters" / "poster_01_1.jpg"


def photo() -> PillowImage.Image:
    with PillowImage.open(PICTURE) as image:
        return image.convert("RGB").resize((180, 240))


def encoded(image: PillowImage.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes, error: int = 0) -> bytes:
    check = zlib.crc32(kind + data) ^ error
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


@pytest.mark.parametrize("key", ["prompt", "XML:com.adobe.xmp"])
@pytest.mark.parametrize("packed", [True, False])
def test_much_text_in_a_png(key: str, packed: bool) -> None:
    text = PngImagePlugin.PngInfo()
    (text.add_itxt if ":" in key else text.add_text)(key, "x" * (3 << 20), zip=packed)
    plain, full = encoded(photo(), "PNG"), encoded(photo(), "PNG", pnginfo=text)
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    assert np.array_equal(read_image(full).pixels, read_image(plain).pixels)
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


@pytest.mark.parametrize("kind", [b"tEXt", b"iCCP", b"eXIf", b"zzZz"])
def test_a_wrong_checksum_where_no_pixels_are(kind: bytes) -> None:
    plain = encoded(photo(), "PNG")
    damaged = plain[:33] + chunk(kind, b"a\0b", error=1) + plain[33:]
    assert np.array_equal(read_image(damaged).pixels, read_image(plain).pixels)


def test_a_wrong_checksum_of_pixels_is_an_error() -> None:
    plain = encoded(photo(), "PNG")
    at = plain.index(b"IDAT") + 40
    with pytest.raises(ImageError, match="PNG that is damaged"):
        read_image(plain[:at] + bytes([plain[at] ^ 1]) + plain[at + 1 :])


JPEGS = {
    "plain": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "full colour": {"subsampling": 0},
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_without_its_end(kind: str, mode: str) -> None:
    whole = encoded(photo().convert(mode), "JPEG", quality=90, **JPEGS[kind])
    pixels = read_image(whole).pixels
    for cut in (1, 2):
        assert np.array_equal(read_image(whole[:-cut]).pixels, pixels)
    # What is missing beyond the end is pixels, or harms none.
    for cut in (*range(3, 60), 200, len(whole) // 2):
        try:
            found = read_image(whole[:-cut]).pixels
        except ImageError as error:
            assert "truncated" in error.found
        else:
            assert np.array_equal(found, pixels), cut
    for cut in (1000, len(whole) // 2):
        with pytest.raises(ImageError, match=f"truncated after {len(whole) - cut} bytes"):
            read_image(whole[:-cut])


def test_a_progressive_jpeg_without_its_last_scan_is_an_error() -> None:
    whole = encoded(photo(), "JPEG", progressive=True)
    with pytest.raises(ImageError, match="truncated"):
        read_image(whole[: whole.rindex(b"\xff\xda")])


def test_damaged_exif_data_do_not_damage_the_picture() -> None:
    plain = encoded(photo(), "JPEG")
    payload = b"Exif\0\0" + bytes(range(200, 255)) * 3
    exif = b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload
    found = read_image(plain[:2] + exif + plain[2:])
    assert np.array_equal(found.pixels, read_image(plain).pixels)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"PK\x03\x04" + bytes(40), "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\0\0\0\x18ftypmp42" + bytes(40), "a film"),
        (bytes(500), "nothing but zeros"),
        (b"plain words", "a text"),
    ],
)
def test_a_message_says_what_a_file_seems_to_be(content: bytes, found: str) -> None:
    with pytest.raises(ImageError, match="no picture in a known format") as caught:
        read_image(content)
    assert found in caught.value.found


def test_heif_without_its_plug_in_names_the_extra() -> None:
    if not missing_plug_in(".heic"):
        pytest.skip("pillow-heif is installed")
    with pytest.raises(ImageError, match=r"HEIF.*bovw\[formats\]"):
        read_image(b"\0\0\0\x24ftypheic\0\0\0\0mif1heic" + bytes(400))


@pytest.mark.parametrize("format_", ["PNG", "WEBP", "BMP"])
def test_a_message_says_how_much_of_a_file_is_there(format_: str) -> None:
    content = encoded(photo(), format_)
    half = content[: len(content) // 2]
    with pytest.raises(ImageError, match=rf"truncated after {len(half)} of \d+ bytes"):
        read_image(half)


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.jpg"
    with path.open("wb") as file:
        file.truncate(LARGEST_FILE + 1)  # takes no room on the disk
    with pytest.raises(ImageError, match="a file of more than 1024 MB"):
        read_image(path)


def test_what_is_dear_to_decode_is_refused_earlier() -> None:
    content = encoded(PillowImage.new("RGB", (6000, 6000)), "WEBP", lossless=True, method=0)
    with pytest.raises(ImageError, match=r"6000 x 6000 pixels as WEBP, which take some 0\.6 GB"):
        read_image(content, ImageSettings(max_pixels=40_000_000))
    jpeg = encoded(PillowImage.new("RGB", (6000, 6000)), "JPEG")
    assert read_image(jpeg, ImageSettings(max_pixels=40_000_000)).size == (6000, 6000)


def test_the_size_of_a_jpeg_xl_is_known_before_it_is_decoded() -> None:
    pytest.importorskip("pillow_jxl", reason="pip install 'bovw[formats]'")
    for size in ((8, 8), (16, 24), (300, 200), (1920, 1080), (5000, 3)):
        content = encoded(PillowImage.new("RGB", size), "JXL", lossless=True, effort=1)
        with pytest.raises(ImageError, match=f"{size[0]} x {size[1]} pixels, more than"):
            read_image(content, ImageSettings(max_pixels=10))


_PEAK = """
import resource, sys
import cv2
from bovw.pictures import read_image
read_image({small!r})
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
read_image({large!r})
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory otherwise")
@pytest.mark.parametrize(
    ("mode", "format_", "options"),
    [
        ("RGB", "PNG", {}),
        ("RGBA", "PNG", {}),
        ("LA", "PNG", {}),
        ("P", "PNG", {"transparency": 0}),
        ("I;16", "PNG", {}),
        ("F", "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("I", "TIFF", {"compression": "tiff_lzw"}),
        ("CMYK", "JPEG", {}),
    ],
)
def test_decoding_takes_six_bytes_a_pixel(
    tmp_path: Path, mode: str, format_: str, options: dict
) -> None:
    side = 5000
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(encoded(PillowImage.new(mode, (900, 900)), format_, **options))
    large.write_bytes(encoded(PillowImage.new(mode, (side, side)), format_, **options))
    # From a shell, as a new process begins with the peak of the one it comes from.
    code = _PEAK.format(small=str(small), large=str(large))
    done = subprocess.run(
        ["/bin/sh", "-c", '"$0" -c "$1"', sys.executable, code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "MALLOC_ARENA_MAX": "1"},
    )
    allowed = 6 * side * side + large.stat().st_size + (16 << 20)  # strips of a million pixels
    assert int(done.stdout) * 1024 <= allowed


def test_pixels_that_do_not_fit_their_checksum_are_damage() -> None:
    """A crash of the writer leaves zeros; they are no part of the picture."""
    image = PillowImage.open(SAMPLE / "covers" / "cover_01_1.jpg")
    image.thumbnail((200, 200))
    file = io.BytesIO()
    image.save(file, "PNG")
    content = file.getvalue()
    half = len(content) // 2
    with pytest.raises(ImageError, match="checksum"):
        read_image(content[:half] + bytes(len(content) - half))


def test_a_pcx_without_its_palette_is_damage() -> None:
    image = PillowImage.open(PICTURE).convert("RGB").resize((120, 100))
    for mode in ("P", "L"):
        file = io.BytesIO()
        image.convert(mode).save(file, "PCX")
        content = file.getvalue()
        assert read_image(content).size == (120, 100)
        with pytest.raises(ImageError, match="truncated"):
            read_image(content[:-1])
