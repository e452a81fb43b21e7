"""The scale on which floating-point descriptors become bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Values beyond these shares of all values are clipped, so that a few outliers do not make the
# steps coarse.
_CLIPPED = 0.0005
# The scale is learned from this many descriptors.
_SAMPLE = 20_000
_LARGEST = 255


@dataclass(frozen=True)
class DescriptorScale:
    """One offset and one step for all dimensions: ``round((x - low) / step)``, clipped to 0..255.

    Euclidean distances keep their proportions, but for rounding and clipping.

    Attributes
    ----------
    low : float
        The number that becomes 0.
    step : float
        Difference between the numbers that become 0 and 1.
    """

    low: float
    step: float

    def __post_init__(self) -> None:
        if not (np.isfinite(self.low) and np.isfinite(self.step) and self.step > 0):
            raise ValueError(f"low={self.low}, step={self.step}: expected a finite scale")

    @classmethod
    def fit(
        cls, descriptors: NDArray[np.float32], random_state: int = 0, margin: float = 0.0
    ) -> DescriptorScale:
        """Learn the scale from a sample of descriptors ``(n, d)``.

        The middle 99.9 % of their values get all 256 steps; with a `margin`, this share of their
        range more on both sides.
        """
        rng = np.random.default_rng(random_state)
        rows = np.sort(rng.permutation(len(descriptors))[:_SAMPLE])
        values = descriptors[rows].astype(np.float64)
        low, high = np.quantile(values, [_CLIPPED, 1 - _CLIPPED])
        if not low < high:
            low, high = values.min(), values.max()
        room = margin * (high - low)
        low, high = low - room, high + room
        step = (high - low) / _LARGEST
        return cls(float(low), float(step) if step > 0 else max(abs(float(low)), 1.0) / _LARGEST)

    def transform(self, descriptors: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Quantise descriptors ``(n, d)``."""
        values = descriptors - np.float32(self.low)
        values *= np.float32(1 / self.step)
        np.rint(values, out=values)
        return np.asarray(values.clip(0, _LARGEST), np.uint8)

    def error(self, descriptors: NDArray[np.float32]) -> float:
        """Root mean square of what quantising changes, as a share of the standard deviation."""
        values = descriptors.astype(np.float64)
        changed = self.transform(descriptors) * self.step + self.low - values
        return float(np.sqrt(np.square(changed).mean()) / max(float(values.std()), 1e-30))
