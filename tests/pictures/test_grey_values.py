"""Grey values of files and arrays with more than eight bits, floats, no data, transparency."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw

from bovw.errors import ImageError
from bovw.features import SiftExtractor
from bovw.pictures import read_image


def encoded(image: PillowImage.Image, format_: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_, **options)
    return buffer.getvalue()


@pytest.fixture
def grey() -> np.ndarray:
    y, x = np.mgrid[0:60, 0:90]
    return ((x * 2 + y * 3) % 256).astype(np.uint8)


@pytest.fixture
def colours(rng: np.random.Generator) -> np.ndarray:
    found = rng.integers(0, 256, (40, 60, 3)).astype(np.uint8)
    found[0, 0] = 255
    return found


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_bits_in_use_become_eight(grey: np.ndarray, bits: int) -> None:
    deep = grey.astype(np.uint16) << (bits - 8)
    image = PillowImage.fromarray(deep)
    for source in (deep, deep.astype(">u2"), encoded(image, "PNG"), encoded(image, "TIFF"), image):
        assert np.array_equal(read_image(source).pixels, grey)
    assert np.array_equal(read_image(deep.astype(np.int64)).pixels, grey)


def test_bits_of_integers_of_32(grey: np.ndarray) -> None:
    for shift in (2, 8, 16, 22):
        values = grey.astype(np.int32) << shift
        for source in (values, encoded(PillowImage.fromarray(values), "TIFF")):
            assert np.array_equal(read_image(source).pixels, grey)


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
def test_colours_of_sixteen_bits(colours: np.ndarray, bits: int) -> None:
    expected = read_image(colours).pixels.astype(int)
    deep = colours.astype(np.uint16) << (bits - 8)
    for source in (
        deep,
        cv2.imencode(".png", deep)[1].tobytes(),
        cv2.imencode(".tif", deep)[1].tobytes(),
        np.dstack([deep, np.full(deep.shape[:2], 65535, np.uint16)]),
    ):
        assert np.abs(read_image(source).pixels - expected).max() <= 1


@pytest.mark.parametrize("orientation", [2, 6, 7])
def test_colours_of_twelve_bits_are_turned_once(colours: np.ndarray, orientation: int) -> None:
    def turned(values: np.ndarray) -> np.ndarray:
        # OpenCV writes no orientation: its TIFF gets a directory with one more entry.
        content = cv2.imencode(".tif", values)[1].tobytes()
        start = int.from_bytes(content[4:8], "little")
        count = int.from_bytes(content[start : start + 2], "little")
        entries = [content[start + 2 + 12 * i : start + 14 + 12 * i] for i in range(count)]
        entries.append(struct.pack("<HHIHH", 274, 3, 1, orientation, 0))
        entries.sort(key=lambda entry: int.from_bytes(entry[:2], "little"))
        directory = struct.pack("<H", count + 1) + b"".join(entries) + bytes(4)
        tail = b"\0" * (len(content) % 2)
        place = struct.pack("<I", len(content) + len(tail))
        return read_image(content[:4] + place + content[8:] + tail + directory).pixels

    expected, found = turned(colours).astype(int), turned(colours.astype(np.uint16) << 4)
    assert expected.shape == found.shape == ((40, 60) if orientation < 5 else (60, 40))
    assert np.abs(found - expected).max() <= 1


def test_deep_pictures_whose_zero_is_white(grey: np.ndarray) -> None:
    deep = PillowImage.fromarray(grey.astype(np.uint16) << 4)
    content = encoded(deep, "TIFF", tiffinfo={262: 0})
    assert np.array_equal(read_image(content).pixels, 255 - grey)


def test_floats_from_0_to_1_stay(grey: np.ndarray) -> None:
    half = grey.astype(np.float32) / 510
    for source in (half, half.astype(np.float16), encoded(PillowImage.fromarray(half), "TIFF")):
        assert np.abs(read_image(source).pixels - grey / 2).max() <= 1


@pytest.mark.parametrize("damage", ["nan", "inf", "hot pixel", "no data"])
def test_what_a_sensor_adds_does_not_flatten_a_picture(grey: np.ndarray, damage: str) -> None:
    values = grey.astype(np.float32) * 7 - 100
    expected = np.abs(values - values.min()) * 255 / np.ptp(values)
    if damage == "no data":
        values[:10] = -9999
    else:
        values[0, 0] = {"nan": np.nan, "inf": np.inf, "hot pixel": 1e6}[damage]
    for source in (values, encoded(PillowImage.fromarray(values), "TIFF")):
        found = read_image(source).pixels
        assert np.abs(found[10:] - expected[10:]).max() <= 3
        if damage == "no data":
            assert len(np.unique(found[:10])) == 1


def test_integers_below_0_are_stretched(grey: np.ndarray) -> None:
    found = read_image(grey.astype(np.int16) - 100).pixels
    assert np.abs(found.astype(int) - grey).max() <= 3
    sea = grey.astype(np.int16) << 4
    sea[:10] = -32768
    assert np.array_equal(read_image(sea).pixels[10:], grey[10:])


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nothing_but_no_data_is_an_error(value: float) -> None:
    values = np.full((20, 30), value, np.float32)
    for source in (values, encoded(PillowImage.fromarray(values), "TIFF")):
        with pytest.raises(ImageError, match="only NaN"):
            read_image(source)


def logo(ink: int, mode: str = "RGBA") -> PillowImage.Image:
    """A ring and a bar on transparent ground that has the colour of the ink."""
    shape = PillowImage.new("L", (120, 120))
    draw = ImageDraw.Draw(shape)
    draw.ellipse((10, 10, 70, 70), outline=255, width=12)
    draw.rectangle((60, 80, 110, 100), fill=255)
    flat = PillowImage.new("L", shape.size, ink)
    if mode == "LA":
        return PillowImage.merge("LA", [flat, shape])
    return PillowImage.merge("RGBA", [flat, flat, flat, shape])


@pytest.mark.parametrize("ink", [0, 255])
def test_logos_on_transparent_ground_are_seen(ink: int) -> None:
    shape = np.asarray(logo(ink).getchannel("A"))
    expected = np.where(shape == 255, ink, 255 - ink)
    sources = {
        "png": encoded(logo(ink), "PNG"),
        "grey png": encoded(logo(ink, "LA"), "PNG"),
        "webp": encoded(logo(ink), "WEBP", lossless=True),
        "palette": encoded(logo(ink), "GIF"),
        "array": np.asarray(logo(ink)),
        "floats": np.asarray(logo(ink)) / 255,
        "pillow": logo(ink),
    }
    for name, source in sources.items():
        assert np.array_equal(read_image(source).pixels, expected), name
    assert len(SiftExtractor().extract(sources["png"])) > 3


@pytest.mark.parametrize("alpha", [0, 40])
def test_alpha_that_is_the_same_everywhere_is_not_meant(colours: np.ndarray, alpha: int) -> None:
    image = PillowImage.fromarray(colours)
    expected = np.asarray(image.convert("L"))
    image.putalpha(alpha)
    for format_, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        assert np.array_equal(read_image(encoded(image, format_, **options)).pixels, expected)
    found = read_image(np.asarray(image), channels="rgb").pixels
    assert np.abs(found - expected.astype(int)).max() <= 1


def test_cielab(colours: np.ndarray) -> None:
    cms = pytest.importorskip("PIL.ImageCms", reason="this Pillow has no colour management")
    neutral = PillowImage.fromarray(np.repeat(colours[:, :, :1], 3, 2))
    profiles = cms.createProfile("sRGB"), cms.createProfile("LAB")
    lab = cms.profileToProfile(neutral, *profiles, outputMode="LAB")
    for source in (encoded(lab, "TIFF"), lab):
        assert np.abs(read_image(source).pixels - colours[:, :, 0].astype(int)).max() <= 3
