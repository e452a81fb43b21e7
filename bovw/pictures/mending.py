"""Mends files that decoders refuse, although all their pixels are there."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from itertools import pairwise

_PNG = b"\x89PNG\r\n\x1a\n"
# Chunks of a PNG that are not critical but change its pixels: transparency, orientation, frames.
_NEEDED = (b"tRNS", b"eXIf", b"acTL", b"fcTL", b"fdAT")
_TEXT = 1 << 20  # largest number of bytes to which a text is unpacked
_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([0-9])')


def mended_png(content: bytes) -> bytes:
    """Return a PNG without its texts and profiles, and without other parts that may be broken.

    Pillow refuses a picture with more than a megabyte of text, or with a wrong checksum in a
    comment; libpng reads both. So texts, profiles and ancillary chunks with a wrong checksum are
    left out. The orientation that a text may hold is kept. Other files are returned as they are.
    """
    if not content.startswith(_PNG):
        return content
    view = memoryview(content)
    kept: list[bytes | memoryview] = [view[: len(_PNG)]]
    position = len(_PNG)
    while position + 12 <= len(content):
        length = int.from_bytes(view[position : position + 4], "big")
        kind, end = bytes(view[position + 4 : position + 8]), position + 12 + length
        if end > len(content):
            break
        sound = zlib.crc32(view[position + 4 : end - 4]) == int.from_bytes(
            view[end - 4 : end], "big"
        )
        if kind in (b"IDAT", b"fdAT") and not sound:
            # zlib alone would not notice a row of zeros, as a crash of the writer leaves it.
            raise OSError("its pixels do not fit their checksum")
        if kind[:1].isupper() or kind == b"fdAT":
            kept.append(view[position:end])
        elif sound:
            if kind in _NEEDED:
                kept.append(view[position:end])
            else:
                kept.append(_orientation(kind, view[position + 8 : end - 4]))
        position = end
        if kind == b"IEND":
            return b"".join(kept)
    return b"".join([*kept, view[position:]])


def _orientation(kind: bytes, data: memoryview) -> bytes:
    """A small chunk with the orientation that a text holds, or nothing."""
    key = bytes(data[:80]).partition(b"\0")[0]
    if kind == b"iTXt" and key == b"XML:com.adobe.xmp":
        # Whether it is packed, how, language, NUL, translated key, NUL, text.
        rest = bytes(data[len(key) + 1 :])
        text = rest[2:].split(b"\0", 2)[-1]
        found = _ORIENTATION.search(_unpacked(text) if rest[:1] == b"\1" else text)
        if found:
            return _chunk(b"iTXt", key + b"\0\0\0\0\0" + b'tiff:Orientation="%s"' % found[1])
    elif kind in (b"tEXt", b"zTXt") and key == b"Raw profile type exif" and len(data) < _TEXT:
        return _chunk(kind, bytes(data))
    return b""


def _unpacked(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _TEXT)
    except zlib.error:
        return b""


def _chunk(kind: bytes, data: bytes) -> bytes:
    checked = kind + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def lacks_palette(content: bytes) -> bool:
    """Whether a PCX of eight bits has lost the palette at its end, and does not say it is grey."""
    return content[-769:-768] != b"\x0c" and content[68:70] != b"\x02\x00"


def completions(content: bytes) -> list[bytes]:
    """Ways to complete a JPEG that lacks its end; none if more than the end is surely missing.

    If the picture is whole, all ways give the same pixels. If pixels are missing, the decoder
    takes them from what follows: nothing, odd bits, or odd bits behind a restart marker.
    """
    try:
        if not content.startswith(b"\xff\xd8") or not _has_all_scans(content):
            return []
    except IndexError:  # a segment is too short
        return []
    body = content.rstrip(b"\xff")
    # Half of all tails may look like the end of a block that lacks one, so several are tried.
    tails = [hashlib.sha256(b"%d" % i).digest().replace(b"\xff", b"") * 8 for i in range(12)]
    seen = re.findall(rb"\xff([\xd0-\xd7])", body)
    following = seen[-1][0] + 1 if seen else 0  # they count from 0 to 7, again and again
    restarts = b"".join(b"\xff%c" % (0xD0 | (following + i) & 7) + tails[i] for i in range(8))
    return [body + more + b"\xff\xd9" for more in (b"", restarts, *tails)]


def _has_all_scans(content: bytes) -> bool:
    """Whether the scans of a JPEG give every bit of every coefficient of all its components."""
    missing: dict[int, set[int]] = {}
    for marker, data in _segments(content):
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA) and len(data) >= 6:
            missing = {data[6 + 3 * i]: set(range(64)) for i in range(data[5])}
        elif marker == 0xDA and data:
            count = data[0]
            first, last, bits = data[1 + 2 * count], data[2 + 2 * count], data[3 + 2 * count]
            for component in data[1 : 1 + 2 * count : 2]:
                if bits & 15 == 0 and component in missing:
                    missing[component] -= set(range(first, last + 1))
    return bool(missing) and not any(missing.values())


def _segments(content: bytes) -> list[tuple[int, bytes]]:
    """Markers of a JPEG with their data; without the data of pixels."""
    found, position = [], 2
    starts = [match.start() for match in re.finditer(rb"\xff[\x01-\xcf\xd8-\xfe]", content)]
    for start, _ in pairwise([*starts, len(content)]):
        if start < position or start + 4 > len(content):
            continue  # inside of another segment
        length = int.from_bytes(content[start + 2 : start + 4], "big")
        data = content[start + 4 : start + 2 + length]
        if len(data) != length - 2:
            break
        found.append((content[start + 1], data))
        position = start + 2 + length
    return found
