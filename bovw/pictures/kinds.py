"""Says what kind of file some bytes seem to be, for messages about files that cannot be read."""

from __future__ import annotations

from .endings import PLUG_INS, register_plug_ins

_PNG = b"\x89PNG\r\n\x1a\n"
# How files begin, and what they are; the first that fits counts.
_BEGINNINGS = (
    (_PNG, "a PNG"),
    (b"\xff\xd8\xff", "a JPEG"),
    (b"GIF8", "a GIF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a BigTIFF"),
    (b"MM\0+", "a BigTIFF"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip file"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x1aE\xdf\xa3", "a film (Matroska)"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format 3", "a database (SQLite)"),
    (b"v/1\x01", "OpenEXR"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"SIMPLE  =", "FITS"),
    (b"version https://git-lfs", "a pointer of Git LFS: the picture itself was not fetched"),
)
_HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def kind_of(content: bytes) -> str | None:
    """Return what kind of file bytes seem to be, such as "an HTML page"; None if nothing fits."""
    start = content[:1024]
    if start[4:8] == b"ftyp":
        return _kind_of_boxes(start)
    if start[:4] == b"RIFF":
        return {b"WEBP": "a WebP", b"AVI ": "a film (AVI)"}.get(start[8:12], "a RIFF file")
    for beginning, kind in _BEGINNINGS:
        if start.startswith(beginning):
            return kind
    if start and not any(start):
        return "nothing but zeros"
    return _kind_of_text(start)


def _kind_of_boxes(start: bytes) -> str:
    others = start[16 : max(16, int.from_bytes(start[:4], "big"))]
    if start[8:12] in (b"avif", b"avis") or b"avif" in others:
        return "AVIF"
    return "HEIF" if start[8:12] in _HEIF else "a film (MP4)"


def _kind_of_text(start: bytes) -> str | None:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if b"<svg" in text:
        return "SVG, a drawing without pixels"
    for beginning, kind in ((b"<?xml", "XML"), (b"{", "JSON"), (b"[", "JSON")):
        if text.startswith(beginning):
            return kind
    is_text = text and all(byte >= 32 or byte in b"\t\n\r\f" for byte in start)
    return "a text" if is_text else None


def unknown(content: bytes) -> tuple[str, str]:
    """Say why Pillow knows no format for some bytes, and what to do."""
    kind = kind_of(content)
    name = {"HEIF": "HEIF", "JPEG XL": "JXL"}.get(kind or "")
    if name in PLUG_INS and name not in register_plug_ins():
        return (
            f"no picture in a known format: it is {kind}, which needs another package",
            "pip install 'bovw[formats]'",
        )
    begins = f"begins with {content[:8]!r}"
    if kind is None:
        return f"no picture in a known format ({begins})", "convert it"
    if kind.startswith("a pointer"):
        return f"no picture in a known format: {kind}", "git lfs pull"
    if kind in ("a PNG", "a JPEG", "a GIF", "a BMP", "a WebP", "HEIF", "AVIF", "JPEG 2000"):
        return (
            f"no picture in a known format: it seems to be {kind} that is damaged",
            "put an undamaged copy in its place",
        )
    if kind in ("a TIFF", "a BigTIFF"):
        return (
            f"no picture in a known format: {kind} that is damaged, or of a kind that Pillow does "
            "not read",
            "convert it to 8 or 16 bits",
        )
    advice = "take it out, or convert it"
    if kind in ("an HDF5 file", "a database (SQLite)"):
        advice = (
            "if it holds features of hloc or COLMAP, give it alone to 'bovw index'; vectors of "
            "pictures go to 'bovw compare'"
        )
    return f"no picture in a known format: it seems to be {kind}", advice


def announced_size(content: bytes) -> int | None:
    """How many bytes a file should have by its own header, or at least; None if unknown."""
    if content[:4] == b"RIFF" and len(content) >= 8:
        return 8 + int.from_bytes(content[4:8], "little")
    if content[:2] == b"BM" and len(content) >= 6:
        return int.from_bytes(content[2:6], "little")
    if content.startswith(_PNG):
        position = len(_PNG)
        while position + 8 <= len(content):
            position += 12 + int.from_bytes(content[position : position + 4], "big")
        return position if position > len(content) else None
    return None


def damage(content: bytes, error: Exception) -> str:
    """Say what is wrong with a file whose pixels could not be decoded."""
    kind, announced = kind_of(content), announced_size(content)
    what = f"{kind} that is damaged" if kind else "damaged"
    said = " ".join(str(error).split())
    if announced is not None and announced > len(content):
        return f"{what}: truncated after {len(content)} of {announced} bytes"
    if "truncated" in said or "not enough data" in said or isinstance(error, EOFError):
        return f"{what}: truncated after {len(content)} bytes"
    return f"{what}: {said}" if said else what
