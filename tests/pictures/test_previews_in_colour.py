"""Pictures to look at: in colour, upright, the frame that was searched, and of bounded size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from bovw.errors import ImageError
from bovw.pictures import read_image, read_preview

from ..support import SAMPLE

PICTURE = SAMPLE / "covers" / "cover_02_2.jpg"


def pixels(picture: PillowImage.Image) -> np.ndarray:
    return np.asarray(picture, np.int16)


def test_a_file_an_array_and_a_picture_look_alike() -> None:
    with PillowImage.open(PICTURE) as opened:
        picture = opened.convert("RGB")
    bgr = np.ascontiguousarray(np.asarray(picture)[:, :, ::-1])
    expected = read_preview(PICTURE, 200)
    assert expected.size == picture.size
    assert expected.picture.width * expected.picture.height <= 200 * 200 * 1.02
    small = picture.resize(expected.picture.size, PillowImage.Resampling.BOX)
    for source, channels in ((PICTURE, "bgr"), (bgr, "bgr"), (bgr[:, :, ::-1], "rgb"),
                             (picture, "bgr"), (PICTURE.read_bytes(), "bgr")):  # fmt: skip
        found = read_preview(source, 200, channels=channels)
        assert found.size == expected.size
        assert np.abs(pixels(found.picture) - pixels(small)).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_lies_as_it_was_searched(orientation: int, tmp_path: Path) -> None:
    with PillowImage.open(PICTURE) as opened:
        exif = opened.getexif()
        exif[0x0112] = orientation
        opened.save(tmp_path / "a.jpg", exif=exif, quality=95)
    found, image = read_preview(tmp_path / "a.jpg", 100), read_image(tmp_path / "a.jpg")
    assert found.size == image.size
    grey = PillowImage.fromarray(image.pixels).resize(found.picture.size)
    assert np.abs(pixels(found.picture.convert("L")) - pixels(grey)).mean() < 6


def test_the_frame_that_was_searched_is_shown(tmp_path: Path) -> None:
    with PillowImage.open(PICTURE) as opened:
        second = opened.convert("RGB").resize((120, 90))
    PillowImage.new("RGB", (120, 90), "white").save(
        tmp_path / "a.gif", save_all=True, append_images=[second], duration=100
    )
    found = read_preview(tmp_path / "a.gif")
    assert np.abs(pixels(found.picture) - pixels(second)).mean() < 12
    assert np.ptp(pixels(found.picture), axis=2).mean() > 5  # in colour


def test_transparent_and_deep_pictures(tmp_path: Path) -> None:
    layer = np.zeros((60, 80, 4), np.uint8)
    layer[20:40, 20:60] = (200, 30, 30, 255)
    PillowImage.fromarray(layer).save(tmp_path / "a.png")
    found = pixels(read_preview(tmp_path / "a.png").picture)
    assert found[30, 40].tolist() == [200, 30, 30]
    assert found[0, 0].tolist() in ([0, 0, 0], [255, 255, 255])
    deep = (np.arange(60 * 80).reshape(60, 80) * 13).astype(np.uint16)
    PillowImage.fromarray(deep).save(tmp_path / "b.png")
    assert np.ptp(pixels(read_preview(tmp_path / "b.png").picture), axis=2).max() == 0


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"a\.jpg"):
        read_preview(tmp_path / "a.jpg")
