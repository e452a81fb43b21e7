"""Arrays that long work has computed, so that it can be resumed after an interruption."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replaced


class Checkpoints:
    """Keeps arrays by name in a folder, or nothing when there is no folder.

    The folder must belong to exactly this work, with these data and settings.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def load(self, name: str) -> NDArray[Any] | None:
        """Return an array, or None when it is not there."""
        if self.folder is None:
            return None
        try:
            array: NDArray[Any] = np.load(self.folder / f"{name}.npy")
        except (OSError, ValueError, EOFError):  # absent, or damaged: it is computed again
            return None
        return array

    def save(self, name: str, array: NDArray[Any]) -> None:
        """Keep an array."""
        if self.folder is not None:
            with replaced(self.folder / f"{name}.npy", sync=False) as file:
                np.save(file, array)

    def discard(self) -> None:
        """Remove the folder: the work is done."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
