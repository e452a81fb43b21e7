"""Kinds of files: orientation in each, frames and pages, and which endings are read."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageOps, TiffImagePlugin

import bovw
from bovw.cli import main
from bovw.errors import ImageError
from bovw.pictures import (
    SUFFIXES,
    find_pictures,
    missing_plug_in,
    passed_over,
    read_image,
    readable_endings,
)
from bovw.settings import ImageSettings

from ..support import SAMPLE

DOCS = Path(__file__).parents[2] / "docs" / "pictures.md"
PHOTO = SAMPLE / "covers" / "cover_01_1.jpg"


def picture(width: int = 90, height: int = 60) -> PillowImage.Image:
    """A picture that no turning or mirroring leaves as it is."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)]
    return PillowImage.fromarray(np.stack(planes, 2).astype(np.uint8))


def encoded(image: PillowImage.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


def needs(ending: str) -> None:
    if ending not in readable_endings():
        pytest.skip(f"{ending} cannot be read here: pip install 'bovw[formats]', a newer Pillow")


ORIENTED = {
    "jpeg": (".jpg", "JPEG", {}),
    "mpo": (".mpo", "MPO", {}),
    "png": (".png", "PNG", {}),
    "webp": (".webp", "WEBP", {"lossless": True}),
    "tiff": (".tif", "TIFF", {}),
    "tiff lzw": (".tif", "TIFF", {"compression": "tiff_lzw"}),
    "tiff jpeg": (".tif", "TIFF", {"compression": "jpeg"}),
    "jpeg 2000": (".jp2", "JPEG2000", {}),
    "avif": (".avif", "AVIF", {"quality": 100}),
    "heif": (".heic", "HEIF", {"quality": -1}),
    "jpeg xl": (".jxl", "JXL", {"lossless": True}),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ORIENTED)
def test_orientation_is_applied_once(kind: str, orientation: int) -> None:
    ending, format_, options = ORIENTED[kind]
    needs(ending)
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    tags = {"tiffinfo": {0x0112: orientation}} if format_ == "TIFF" else {"exif": exif.tobytes()}
    content = encoded(picture(), format_, **options, **tags)
    with PillowImage.open(io.BytesIO(content)) as image:
        image.load()
        expected = np.asarray(ImageOps.exif_transpose(image).convert("L")).astype(int)
    found = read_image(content)
    assert found.size == expected.shape[::-1] == found.pixels.shape[::-1]
    assert np.abs(found.pixels - expected).max() <= 1
    # A region is one of the upright picture.
    part = read_image(content, region=(5, 10, 35, 30))
    x, y = part.offset
    height, width = part.pixels.shape
    assert np.array_equal(part.pixels, found.pixels[y : y + height, x : x + width])


@pytest.mark.parametrize("orientation", [3, 6])
def test_an_orientation_that_a_large_text_of_a_png_holds(orientation: int) -> None:
    from PIL import PngImagePlugin

    text = PngImagePlugin.PngInfo()
    xmp = f'<x tiff:Orientation="{orientation}"/>' + "x" * (3 << 20)
    text.add_itxt("XML:com.adobe.xmp", xmp, zip=True)
    upright = read_image(encoded(picture(), "PNG")).pixels
    turned = read_image(encoded(picture(), "PNG", pnginfo=text)).pixels
    turns = {3: 2, 6: 3}[orientation]
    assert np.array_equal(turned, np.rot90(upright, turns))


def frames() -> list[PillowImage.Image]:
    """A film that fades in from black."""
    black = PillowImage.new("RGB", (90, 60))
    return [black, picture().point(lambda value: value // 40), picture()]


@pytest.mark.parametrize(
    ("ending", "format_", "options"),
    [
        (".gif", "GIF", {}),
        (".webp", "WEBP", {"lossless": True}),
        (".png", "PNG", {}),
        (".avif", "AVIF", {"quality": 100}),
    ],
)
def test_the_first_frame_that_is_not_flat(ending: str, format_: str, options: dict) -> None:
    needs(ending)
    film = frames()
    content = encoded(film[0], format_, save_all=True, append_images=film[1:], **options)
    found = read_image(content)
    expected = np.asarray(film[2].convert("L")).astype(int)
    assert np.abs(found.pixels - expected).mean() < 3
    assert found.left_out == 2


def test_a_film_of_flat_frames_is_its_first() -> None:
    flat = [PillowImage.new("L", (30, 20), value) for value in (9, 200)]
    found = read_image(encoded(flat[0], "GIF", save_all=True, append_images=flat[1:]))
    assert (found.pixels == 9).all()
    assert found.left_out == 1


@pytest.mark.parametrize("format_", ["TIFF", "MPO"])
def test_the_largest_page(format_: str) -> None:
    pages = [picture(30, 20), picture(90, 60), picture(60, 40)]
    found = read_image(encoded(pages[0], format_, save_all=True, append_images=pages[1:]))
    assert found.size == (90, 60)
    assert found.left_out == 2


def test_smaller_copies_of_a_tiff_are_not_left_out() -> None:
    copy = picture(45, 30)
    copy.encoderinfo = {"tiffinfo": {254: 1}}
    content = encoded(picture(), "TIFF", save_all=True, append_images=[copy])
    found = read_image(content)
    assert (found.size, found.left_out) == ((90, 60), 0)


def test_a_page_too_large_is_refused() -> None:
    pages = [picture(30, 20), picture(300, 200)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(ImageError, match="300 x 200 pixels, more than max_pixels"):
        read_image(content, ImageSettings(max_pixels=5000))


def test_the_documentation_lists_the_endings() -> None:
    listed = re.findall(r"`(\.\w+)`", DOCS.read_text("utf-8").split("## From a file")[0])
    assert sorted(set(listed) - {".png", ".psd"} | {".png"}) == sorted(SUFFIXES)


def test_endings_of_plug_ins_are_read_when_they_are_installed() -> None:
    for ending, module in ((".heic", "pillow_heif"), (".jxl", "pillow_jxl")):
        try:
            __import__(module)
        except ImportError:
            assert missing_plug_in(ending)
            assert ending not in readable_endings()
        else:
            assert ending in readable_endings()
    assert readable_endings() <= SUFFIXES
    assert not missing_plug_in(".jpg") and not missing_plug_in(".txt")


@pytest.mark.parametrize(
    ("ending", "format_"),
    [
        (".tga", "TGA"),
        (".pcx", "PCX"),
        (".j2k", "JPEG2000"),
        (".qoi", "QOI"),
        (".ppm", "PPM"),
        (".mpo", "MPO"),
        (".apng", "PNG"),
        (".dds", "DDS"),
        (".sgi", "SGI"),
        (".avif", "AVIF"),
    ],
)
def test_more_kinds_of_files_are_found_and_read(tmp_path: Path, ending: str, format_: str) -> None:
    needs(ending)
    if format_ not in PillowImage.SAVE:
        pytest.skip(f"this Pillow does not write {format_}")
    path = tmp_path / f"x{ending}"
    path.write_bytes(encoded(picture(), format_))
    (found,) = find_pictures(tmp_path)
    pixels = read_image(found.path).pixels
    assert np.abs(pixels - np.asarray(picture().convert("L")).astype(int)).mean() < 4


def test_what_is_not_read_is_counted(tmp_path: Path) -> None:
    for name in ("a.jpg", "notes.txt", "b/more.TXT", "film.mp4", "README", ".hidden", "b/.c/d.x"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert passed_over(tmp_path) == {".txt": 2, "": 1, ".mp4": 1}
    assert passed_over([tmp_path / "notes.txt", tmp_path / "b"]) == {".txt": 1}
    assert passed_over(tmp_path, patterns=["*.jpg"]) == {}


def test_a_pattern_with_an_ending_is_tried(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.psd", "scan1", "c.txt"):
        (tmp_path / name).touch()

    def names(*patterns: str) -> list[str]:
        return [file.identifier for file in find_pictures(tmp_path, patterns=patterns)]

    assert names("*.psd") == ["b.psd"]
    assert names("scan1", "*.jpg") == ["a.jpg", "scan1"]
    assert names("*") == names("*.*") == ["a.jpg"]


def test_index_says_once_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(PHOTO.read_bytes())
    PillowImage.new("L", (80, 80), 7).save(folder / "flat.png")
    with PillowImage.open(PHOTO) as photo:
        black = PillowImage.new("RGB", photo.size)
        black.save(folder / "film.gif", save_all=True, append_images=[photo.convert("RGB")])
    (folder / "notes.txt").write_text("notes")
    words = tmp_path / "v"
    few = [str(path) for path in sorted((SAMPLE / "logos").glob("*_1.jpg"))]
    assert main(["train", *few, "-o", str(words), "--words", "300"]) == 0
    capsys.readouterr()
    arguments = ["index", str(folder), "-v", str(words)]
    for cache in ([], ["--cache", str(tmp_path / "c")], ["--cache", str(tmp_path / "c")]):
        index = str(tmp_path / f"i{len(list(tmp_path.glob('i*')))}")
        assert main([*arguments, "-o", index, *cache]) == 0
        notes = [s for s in capsys.readouterr().err.splitlines() if s.startswith("bovw: note")]
        assert len(notes) == 3, notes
        assert "1 .txt" in notes[0]
        assert "1 pictures have further frames" in notes[1] and "film.gif" in notes[1]
        assert "1 pictures have no features" in notes[2] and "flat.png" in notes[2]


def test_changes_list_what_was_left_out(tmp_path: Path, vocabulary: bovw.Vocabulary) -> None:
    engine = bovw.Engine.create(tmp_path / "i", vocabulary)
    folder = tmp_path / "p"
    folder.mkdir()
    PillowImage.new("L", (80, 80), 7).save(folder / "flat.png")
    film = frames()
    film[0].save(folder / "film.gif", save_all=True, append_images=film[1:])
    changes = engine.add(folder)
    assert changes.left_out == (("film.gif", 2),)
    assert "flat.png" in changes.without_features
    assert changes.to_dict()["left_out"] == (("film.gif", 2),)
    assert engine.add(folder).without_features == ()


def test_tags_that_name_no_data() -> None:
    values = np.add.outer(np.arange(40.0), np.arange(50.0)).astype(np.float32)
    values[:20] = -1
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[42113] = "-1"
    pixels = read_image(encoded(PillowImage.fromarray(values), "TIFF", tiffinfo=tags)).pixels
    assert len(np.unique(pixels[:20])) == 1
    assert pixels[20].min() < 5 and pixels[39].max() == 255
