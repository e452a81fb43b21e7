"""What may be given as a picture besides a file: arrays, tensors, open files, Pillow's pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

import bovw
from bovw.errors import BovwError, ImageError, SettingsError
from bovw.features import Features, SiftExtractor, extract_files, extract_queries
from bovw.pictures import Failure, PictureFile, read_image

from ..support import SAMPLE

PICTURE = SAMPLE / "posters" / "poster_01_1.jpg"


class Tensor:
    """As a tensor of another library: only `__array__`."""

    def __init__(self, values: Any) -> None:
        self.values = values

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        if self.values is None:
            raise TypeError("can't convert a tensor of another device")
        return self.values


@pytest.fixture(scope="module")
def rgb() -> np.ndarray:
    with PillowImage.open(PICTURE) as image:
        return np.asarray(image.convert("RGB"))


@pytest.fixture(scope="module")
def grey(rgb: np.ndarray) -> np.ndarray:
    return read_image(rgb[:, :, ::-1]).pixels.astype(int)


def test_everything_that_holds_pixels(rgb: np.ndarray, grey: np.ndarray) -> None:
    image = PillowImage.fromarray(rgb)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    bgr = rgb[:, :, ::-1]
    with PICTURE.open("rb") as file:
        from_file = read_image(file)
    assert np.array_equal(from_file.pixels, read_image(PICTURE).pixels)
    assert from_file.sha256 == read_image(PICTURE).sha256
    sources = {
        "pillow": image,
        "pillow rgba": image.convert("RGBA"),
        "bytes": buffer.getvalue(),
        "bytearray": bytearray(buffer.getvalue()),
        "memoryview": memoryview(buffer.getvalue()),
        "file": io.BytesIO(buffer.getvalue()),
        "tensor": Tensor(bgr),
        "big-endian": bgr.astype(">u2") * 257,
        "big-endian floats": bgr.astype(">f4") / 255,
    }
    for name, source in sources.items():
        found = read_image(source)
        assert np.abs(found.pixels - grey).max() <= 1, name
        assert found.size == (rgb.shape[1], rgb.shape[0])


def test_a_picture_of_pillow_is_turned_upright() -> None:
    image = PillowImage.fromarray(np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30))
    image.getexif()[0x0112] = 6
    assert read_image(image).size == (20, 30)
    assert image.size == (30, 20)  # and is itself left alone


def test_channels(rgb: np.ndarray, grey: np.ndarray) -> None:
    assert np.array_equal(read_image(rgb, channels="rgb").pixels, grey)
    assert not np.array_equal(read_image(rgb).pixels, grey)
    extractor = SiftExtractor()
    ours = extractor.extract(rgb, channels="rgb")
    assert np.array_equal(ours.descriptors, extractor.extract(rgb[:, :, ::-1]).descriptors)
    other: Any = "hsv"
    with pytest.raises(SettingsError, match="channels="):
        read_image(rgb, channels=other)


def test_a_file_that_was_read_before() -> None:
    buffer = io.BytesIO(PICTURE.read_bytes())
    buffer.read()
    with pytest.raises(ImageError, match=r"seek\(0\)"):
        read_image(buffer)


@pytest.mark.parametrize(
    ("source", "advice"),
    [
        (None, "cv2.imread"),
        ([[1, 2], [3, 4]], "numpy.asarray"),
        (5, "give a path"),
        (object(), "give a path"),
        (Tensor(None), "NumPy array"),
        (io.StringIO("words"), "'rb'"),
        (np.zeros((3, 20, 30), np.uint8), "transpose"),
        (np.zeros((1, 20, 30), np.uint8), "transpose"),
        (np.zeros((2, 20, 30, 3), np.uint8), "one picture at a time"),
        (np.zeros((20, 30), complex), "give integers"),
        (np.array([["a", "b"]]), "give integers"),
    ],
)
def test_what_is_no_picture_is_one_error_that_says_what_to_do(source: Any, advice: str) -> None:
    with pytest.raises(BovwError) as caught:
        read_image(source)
    if isinstance(caught.value, ImageError):
        assert advice in caught.value.advice


@pytest.mark.parametrize(
    "region", ["abcd", ("a", "b", "c", "d"), (1, 2), 5, (0, 0, float("nan"), 9)]
)
def test_a_region_that_is_none(region: Any) -> None:
    with pytest.raises(SettingsError, match="region"):
        read_image(PICTURE, region=region)


def test_a_path_with_nul_is_one_failed_picture(tmp_path: Path) -> None:
    good = PictureFile("good", str(PICTURE))
    bad = PictureFile("bad", str(tmp_path / "a\0b.jpg"))
    for cache in (None, tmp_path / "cache"):
        found = {
            file.identifier: result
            for file, result in extract_files([bad, good], bovw.Settings(), cache=cache)
        }
        assert isinstance(found["good"], Features)
        assert isinstance(found["bad"], Failure) and "no path" in found["bad"].reason


def test_queries_of_every_kind_and_a_bad_one_among_them(rgb: np.ndarray) -> None:
    closed = io.BytesIO(b"")
    closed.close()
    queries: list[Any] = [
        PICTURE,
        PillowImage.fromarray(rgb),
        Tensor(rgb),
        io.BytesIO(PICTURE.read_bytes()),
        None,
        "a\0b.jpg",
        closed,
    ]
    found = [r for _, r in extract_queries(queries, bovw.Settings(), n_jobs=2)]
    assert [isinstance(result, Features) for result in found] == [True] * 4 + [False] * 3
    assert all(isinstance(result, BovwError) for result in found[4:])


def test_masked_values_are_no_data() -> None:
    values = np.tile(np.arange(100.0), (100, 1))
    masked = values >= 50
    expected = read_image(np.where(masked, np.nan, values)).pixels
    values[masked] = 200
    assert np.array_equal(read_image(np.ma.array(values, mask=masked)).pixels, expected)
    # NumPy warns of this class whenever one is made.
    assert read_image(values.view(np.matrix)).size == (100, 100)


def test_a_pipe_that_gives_a_little_at_a_time_is_read_to_its_end() -> None:
    content = PICTURE.read_bytes()

    class Slow:
        at = 0

        def read(self, size: int = -1) -> bytes:
            part = content[self.at : self.at + min(1000, max(size, 0) or 1000)]
            self.at += len(part)
            return part

    assert np.array_equal(read_image(Slow()).pixels, read_image(content).pixels)
