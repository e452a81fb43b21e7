"""Checks descriptors: rows of uint8, or of floating-point numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..errors import SettingsError
from ..features import MOST_DIMENSIONS, Descriptors, finite_floats


def checked_descriptors(
    X: ArrayLike, dimensions: int | None = None, is_bytes: bool | None = None
) -> Descriptors:
    """Return descriptors as a uint8 or float32 array ``(n, d)``.

    Parameters
    ----------
    X : array-like
    dimensions : int, optional
        The only `d` that is accepted, unless there are no rows.
    is_bytes : bool, optional
        Whether only uint8 is accepted, or only other numbers.

    Raises
    ------
    SettingsError
        When it is something else, or holds NaN.
    """
    array = np.asarray(X)
    expected = "uint8 or floating-point numbers"
    if is_bytes is not None:
        expected = "uint8" if is_bytes else "floating-point numbers, not uint8"
    if array.ndim == 2 and len(array) == 0 and dimensions is not None:
        return np.zeros((0, dimensions), np.uint8 if is_bytes else np.float32)
    kind_fits = array.dtype == np.uint8 if is_bytes else array.dtype.kind in "fiu"
    if is_bytes is False and array.dtype == np.uint8:
        kind_fits = False
    shape_fits = array.ndim == 2 and 0 < array.shape[1] <= MOST_DIMENSIONS
    if not kind_fits or not shape_fits or (dimensions or array.shape[1]) != array.shape[1]:
        reason = "" if is_bytes is None or kind_fits else ", as this vocabulary was made of those"
        raise SettingsError(
            f"descriptors of shape {array.shape} and type {array.dtype}: "
            f"expected (n, {dimensions or 'd'}) and {expected}{reason}"
        )
    if array.dtype == np.uint8:
        return array
    return finite_floats(array)
