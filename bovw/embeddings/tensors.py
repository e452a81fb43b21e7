"""Arrays of NumPy from what behaves like one, such as tensors of a network's framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import EmbeddingError, shown


def as_array(values: Any) -> NDArray[Any]:
    """Return an array; without a copy where that is possible.

    Parameters
    ----------
    values : array_like
        An array, nested lists, anything with ``__array__`` (JAX, TensorFlow, pandas), or a tensor
        of PyTorch: on any device, with or without a gradient, also of bfloat16, which NumPy does
        not have and which becomes float32.

    Raises
    ------
    EmbeddingError
        When it cannot be made an array.
    """
    try:
        if callable(getattr(values, "detach", None)):  # PyTorch, which is not imported for this
            tensor = values.detach().cpu()
            if "bfloat16" in str(getattr(tensor, "dtype", "")):
                tensor = tensor.float()
            values = tensor.numpy()
        return np.asarray(values)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise EmbeddingError(
            f"vectors={shown(values)}: expected rows of numbers, all of one length, in an array "
            "or a tensor"
        ) from error
