"""Keypoints come back as precisely as six bytes allow."""

from __future__ import annotations

import numpy as np
import pytest

from bovw.collection.keypoints import pack_keypoints, unpack_angles, unpack_keypoints


@pytest.mark.parametrize("size", [(800, 600), (60, 4096), (12, 12)])
def test_precision(rng: np.random.Generator, size: tuple[int, int]) -> None:
    n, side = 2000, max(size)
    keypoints = np.stack(
        [
            rng.uniform(-0.5, size[0] - 0.5, n),
            rng.uniform(-0.5, size[1] - 0.5, n),
            side * np.exp2(rng.uniform(-11.9, 0, n)),
            rng.uniform(0, 360, n),
        ],
        axis=1,
    ).astype(np.float32)
    packed = pack_keypoints(keypoints, size)
    assert packed.dtype == np.uint16 and packed.shape == (n, 3)
    back = unpack_keypoints(packed, size)
    assert np.abs(back[:, :2] - keypoints[:, :2]).max() <= side / 16383 / 2 * 1.01
    assert np.abs(np.log(back[:, 2] / keypoints[:, 2])).max() < 0.0042
    turn = (back[:, 3] - keypoints[:, 3] + 180) % 360 - 180
    assert np.abs(turn).max() < 0.18
    assert np.array_equal(unpack_angles(packed), back[:, 3])
    assert np.array_equal(pack_keypoints(back, size), packed)  # what is packed stays the same


def test_extremes_are_clipped() -> None:
    keypoints = np.array([[-9, 9e6, 0, 359.99], [799.5, -0.5, 1e9, 0]], np.float32)
    back = unpack_keypoints(pack_keypoints(keypoints, (800, 600)), (800, 600))
    assert back[0] == pytest.approx([-0.5, 799.5, 800 / 4096, 0])
    assert back[1] == pytest.approx([799.5, -0.5, 800, 0])
