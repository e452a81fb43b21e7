"""Every kind of file gives a defined result: a picture, or one error that says what to do."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from bovw.errors import ImageError, SettingsError
from bovw.pictures import read_image
from bovw.settings import ImageSettings

from ..support import SAMPLE

PICTURE = SAMPLE / "posters" / "poster_01_1.jpg"


def encoded(image: PillowImage.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@pytest.fixture
def gradient() -> np.ndarray:
    y, x = np.mgrid[0:60, 0:90]
    return ((x * 2 + y) % 256).astype(np.uint8)


def test_path_bytes_and_pathlike_agree() -> None:
    content = PICTURE.read_bytes()
    from_path, from_bytes = read_image(str(PICTURE)), read_image(content)
    assert np.array_equal(from_path.pixels, from_bytes.pixels)
    assert from_path.sha256 == hashlib.sha256(content).hexdigest() == read_image(PICTURE).sha256


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF", "GIF", "WEBP", "PPM"])
def test_formats(gradient: np.ndarray, format_: str) -> None:
    options = {"lossless": True} if format_ == "WEBP" else {}
    image = read_image(encoded(PillowImage.fromarray(gradient), format_, **options))
    assert image.size == (90, 60)
    assert np.abs(image.pixels.astype(int) - gradient).max() <= 1


def test_sixteen_bits_keep_the_upper_eight(gradient: np.ndarray) -> None:
    deep = PillowImage.fromarray(gradient.astype(np.uint16) << 8)
    assert np.array_equal(read_image(encoded(deep, "PNG")).pixels, gradient)


def test_floats_are_stretched(gradient: np.ndarray) -> None:
    content = encoded(PillowImage.fromarray(gradient.astype(np.float32) / 7 - 3), "TIFF")
    pixels = read_image(content).pixels
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_cmyk() -> None:
    colour = PillowImage.new("RGB", (40, 30), (200, 30, 30))
    grey = np.asarray(colour.convert("L"))
    found = read_image(encoded(colour.convert("CMYK"), "JPEG", quality=95)).pixels
    assert np.abs(found.astype(int) - grey).max() <= 6


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparent_parts_are_white(mode: str) -> None:
    picture = PillowImage.new("RGBA", (20, 20), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (5, 5, 15, 15))
    if mode == "P":
        content = encoded(picture.convert("P"), "PNG", transparency=0)
        content = encoded(picture, "GIF")
    else:
        content = encoded(picture.convert(mode), "PNG")
    pixels = read_image(content).pixels
    assert pixels[0, 0] == 255
    assert pixels[10, 10] == 0


def test_first_frame_of_an_animation(gradient: np.ndarray) -> None:
    frames = [PillowImage.fromarray(gradient), PillowImage.fromarray(255 - gradient)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert np.abs(read_image(content).pixels.astype(int) - gradient).max() <= 1


def test_one_pixel() -> None:
    assert read_image(encoded(PillowImage.new("L", (1, 1)), "PNG")).pixels.shape == (1, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(gradient: np.ndarray, orientation: int) -> None:
    from PIL import ImageOps

    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    content = encoded(PillowImage.fromarray(gradient), "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(PillowImage.open(io.BytesIO(content))))
    image = read_image(content)
    assert np.array_equal(image.pixels, expected)
    assert image.size == expected.shape[::-1]


def test_exif_orientation_of_photographs(data: Path) -> None:
    folder = data / "bad_images" / "exif_orientation"
    for shape in ("Landscape", "Portrait"):
        first = read_image(folder / f"{shape}_1.jpg").pixels.astype(int)
        for i in range(2, 9):
            turned = read_image(folder / f"{shape}_{i}.jpg").pixels
            assert np.abs(turned - first).mean() < 12, (shape, i)


def test_large_jpeg_is_shrunk_and_positions_are_kept() -> None:
    canvas = np.full((3011, 4003), 90, np.uint8)
    canvas[2400:2440, 3000:3040] = 255
    image = read_image(encoded(PillowImage.fromarray(canvas), "JPEG"))
    assert image.pixels.shape == (694, 922)  # no more pixels than 800 x 800
    assert image.size == (4003, 3011)
    y, x = np.nonzero(image.pixels > 200)
    centre = image.to_original(np.array([[x.mean(), y.mean()]]))[0]
    assert np.abs(centre - (3019.5, 2419.5)).max() < 3


def test_small_pictures_are_not_enlarged(gradient: np.ndarray) -> None:
    assert read_image(gradient).pixels.shape == gradient.shape


def test_region_keeps_detail_and_positions() -> None:
    canvas = np.full((2000, 3000), 90, np.uint8)
    canvas[1010:1030, 2010:2030] = 255
    image = read_image(
        encoded(PillowImage.fromarray(canvas), "JPEG"), region=(1900.0, 900.0, 2300.0, 1200.0)
    )
    assert image.scale == pytest.approx((1, 1), abs=0.01)
    assert max(image.pixels.shape) < 700
    y, x = np.nonzero(image.pixels > 200)
    centre = image.to_original(np.array([[x.mean(), y.mean()]]))[0]
    assert np.abs(centre - (2019.5, 1019.5)).max() < 1.5


@pytest.mark.parametrize("region", [(50, 0, 40, 20), (200, 200, 300, 300), (0, 0, 0.5, 9)])
def test_region_outside_is_refused(gradient: np.ndarray, region: tuple) -> None:
    with pytest.raises(SettingsError, match="inside a picture of 90 x 60"):
        read_image(gradient, region=region)


@pytest.mark.parametrize(
    ("array", "value"),
    [
        (np.full((20, 30), 7, np.uint8), 7),
        (np.full((20, 30, 1), 7, np.uint8), 7),
        (np.full((20, 30, 3), 7, np.uint8), 7),
        (np.full((20, 30), 0xFFFF, np.uint16), 255),
        (np.full((20, 30), 0x0FFF, np.uint16), 255),
        (np.full((20, 30), 0x00FF, np.uint16), 255),
        (np.full((20, 30), 0.5, np.float64), 128),
        (np.ones((20, 30), bool), 255),
        (np.zeros((20, 30, 4), np.uint8), 0),  # alpha 0 everywhere is not meant
    ],
)
def test_arrays(array: np.ndarray, value: int) -> None:
    image = read_image(array)
    assert image.pixels.shape == (20, 30)
    assert image.pixels.dtype == np.uint8
    assert image.pixels[3, 3] == value


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4, 5), np.uint8),
        np.zeros(9, np.uint8),
        np.zeros((0, 4), np.uint8),
        np.full((4, 4), np.nan),
        np.zeros((4, 4), complex),
    ],
)
def test_arrays_that_are_no_pictures(array: np.ndarray) -> None:
    with pytest.raises(ImageError, match="array"):
        read_image(array)


def png_header(width: int, height: int) -> bytes:
    chunk = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + chunk
        + struct.pack(">I", zlib.crc32(chunk))
        + struct.pack(">I", 99)
        + b"IDAT"
        + b"\0" * 40
    )


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"this is text, not a picture", "no picture in a known format"),
        (png_header(60_000, 60_000), "pixels"),
        (png_header(15_000, 11_000), "more than max_pixels"),
        (png_header(40, 40), "damaged"),
        (PICTURE.read_bytes()[:4000], "damaged"),
        (PICTURE.read_bytes()[:100], ""),
    ],
)
def test_bad_files_are_one_error_that_names_them(
    tmp_path: Path, content: bytes, found: str
) -> None:
    path = tmp_path / "bad name.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert found in caught.value.found
    assert caught.value.advice


def test_truncated_at_every_tenth() -> None:
    content = PICTURE.read_bytes()
    for tenth in range(10):
        with pytest.raises(ImageError):
            read_image(content[: len(content) * tenth // 10])


@pytest.mark.parametrize("make", ["missing", "folder", "dangling"])
def test_what_is_no_file(tmp_path: Path, make: str) -> None:
    path = tmp_path / "x.jpg"
    if make == "folder":
        path.mkdir()
    elif make == "dangling":
        path.symlink_to(tmp_path / "nowhere")
    with pytest.raises(ImageError, match=r"x\.jpg"):
        read_image(path)


def test_names_that_are_not_utf8(tmp_path: Path, gradient: np.ndarray) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"caf\xe9 \n'.png")  # noqa: PTH118
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(encoded(PillowImage.fromarray(gradient), "PNG"))
    assert np.array_equal(read_image(os.fsdecode(path)).pixels, gradient)


def test_pixel_limit_is_a_setting(gradient: np.ndarray) -> None:
    content = encoded(PillowImage.fromarray(gradient), "PNG")
    with pytest.raises(ImageError, match="90 x 60"):
        read_image(content, ImageSettings(max_pixels=5000))
