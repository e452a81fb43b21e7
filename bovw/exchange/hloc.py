"""Local features as hloc writes them: HDF5 with a group for each picture.

A group has the datasets ``keypoints`` (N x 2), ``descriptors`` (D x N), ``image_size`` (width and
height), and perhaps ``scores``, ``scales`` and ``oris`` (degrees). As with us, the centre of the
upper left pixel is (0, 0). Groups of pictures in folders are nested. Numbers are often float16, in
which a coordinate beyond 2,048 is a multiple of two pixels. hloc does not turn pictures by their
EXIF orientation, and bovw does. https://github.com/cvg/Hierarchical-Localization
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ExistsError, FormatError, ImageError, SettingsError, StorageError
from ..features import Features
from ..files import replaced_path
from ..pictures import read_image
from ..settings import checked_arguments
from .naming import named

# Coordinates may be rounded to so many pixels beyond the border (float16, below 8,192 pixels).
_ROUNDED = 4.0


def _h5py() -> Any:
    try:
        return import_module("h5py")
    except ImportError as error:
        raise FormatError(
            "files of hloc are HDF5, which needs h5py, which is not installed: pip install "
            "bovw[hloc]"
        ) from error


class HlocFeatures(Mapping[str, Features]):
    """The local features in a ``features.h5`` of hloc, by the names of the pictures.

    Features are read when they are taken; those that are damaged raise a FormatError then.

    Parameters
    ----------
    path : path
    root : path, optional
        Folder of the pictures. It is needed if the file lacks ``image_size``: the size is then
        that of the picture.

    Attributes
    ----------
    origin : str
        Name of the features: "hloc-" and the stem of the file; see `Engine.from_features`.

    Raises
    ------
    FormatError
        When the file holds no local features, or h5py is not installed.
    """

    @checked_arguments
    def __init__(
        self, path: str | os.PathLike[str], root: str | os.PathLike[str] | None = None
    ) -> None:
        self.path, self.root = Path(path), None if root is None else Path(root)
        self.origin = f"hloc-{self.path.stem}"
        h5py = _h5py()
        found: set[str] = set()
        others: set[str] = set()

        def note(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                parent, _, last = name.rpartition("/")
                (found if last == "keypoints" and parent else others).add(parent or last)

        with self._opened() as file:
            file.visititems(note)
        self._names = sorted(found)
        self._known = found
        if not found:
            raise FormatError(
                f"{self.path}: no local features: expected a group with keypoints and descriptors "
                f"for each picture, found {len(others)} other groups"
            )

    def _opened(self) -> Any:
        h5py = _h5py()
        try:
            return h5py.File(self.path, "r")
        except FileNotFoundError as error:
            raise FormatError(f"{self.path}: no such file; expected a file of hloc") from error
        except OSError as error:
            said = str(error).partition("\n")[0]
            raise FormatError(f"{self.path}: no sound HDF5 file ({said:.200})") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"HlocFeatures({os.fspath(self.path)!r}, {len(self)} pictures)"

    def __getitem__(self, name: str) -> Features:
        if name not in self._known:
            raise KeyError(name)
        parts = "keypoints", "descriptors", "image_size", "scales", "oris"
        with self._opened() as file:
            try:
                group = file[name]
                held = {part: np.asarray(group[part]) for part in parts if part in group}
            except (KeyError, OSError, TypeError, ValueError) as error:
                raise FormatError(f"{name}: damaged in {self.path} ({error!s:.200})") from error
        if "descriptors" not in held:
            raise FormatError(f"{name}: no descriptors in {self.path}; extract them again")
        points, values = held["keypoints"], held["descriptors"]
        if points.ndim != 2 or values.ndim != 2 or values.shape[1] != len(points):
            raise FormatError(
                f"{name}: keypoints of shape {points.shape} and descriptors of shape "
                f"{values.shape} in {self.path}: expected N x 2 and D x N"
            )
        size = self._size(name, held.get("image_size"))
        made = np.zeros((len(points), 4), np.float32)
        made[:, :2] = points[:, :2]
        made[:, 2] = 1
        for column, part in ((2, "scales"), (3, "oris")):
            if part in held:
                if held[part].shape != (len(points),):
                    raise FormatError(
                        f"{name}: {part} of shape {held[part].shape} for {len(points)} keypoints"
                    )
                made[:, column] = held[part]
        for column in (0, 1):  # what float16 has rounded beyond the border
            low, high = -0.5, size[column] - 0.5
            near = made[:, column].clip(low, high)
            close = np.abs(near - made[:, column]) <= _ROUNDED
            made[close, column] = near[close]
        try:
            return Features.from_arrays(made, values.T, size, binary=False)
        except SettingsError as error:
            raise FormatError(f"{name}: {error} ({self.path})") from error

    def _size(self, name: str, stored: Any) -> tuple[int, int]:
        if stored is not None and stored.shape == (2,):
            return int(stored[0]), int(stored[1])
        if self.root is None:
            raise FormatError(f"{name}: no image_size in {self.path}; give the folder as root")
        try:
            return read_image(self.root / name).size
        except ImageError as error:
            raise FormatError(f"{name}: no image_size in {self.path}, and {error}") from error


@checked_arguments
def write_hloc(
    features: Mapping[str, Features] | Iterable[tuple[str, Features]],
    path: str | os.PathLike[str],
    *,
    half: bool = True,
    overwrite: bool = False,
) -> int:
    """Write features to an HDF5 file that hloc's matchers read.

    Parameters
    ----------
    features : mapping of str to Features, or iterable of pairs of these
        By the names of the pictures, relative to the folder that hloc is given.
    path : path
        A new file; or one that is added to, if it has other pictures.
    half : bool
        Write descriptors as float16, as hloc does. Keypoints are float32 in any case.
    overwrite : bool
        Replace the file if it exists, when all is written.

    Returns
    -------
    int
        Number of pictures.

    Notes
    -----
    Descriptors that are uint8, such as RootSIFT, are scaled to length 1, which hloc's matchers
    expect. There are no scores: they are 0, as for hloc's own SIFT.

    Raises
    ------
    ExistsError
        When the file has features of one of the pictures, and `overwrite` is false.
    """
    h5py, target, n = _h5py(), Path(path), 0
    with replaced_path(target) as aside:  # what is there stays until all is written
        adds = target.exists() and not overwrite
        if adds:
            shutil.copyfile(target, aside)
        try:
            with h5py.File(aside, "a" if adds else "w") as file:
                for name, each in named(features):
                    if name in file:
                        raise ExistsError(
                            f"{target} has features of {name} already: overwrite it "
                            "(overwrite=True, --overwrite), or write another file"
                        )
                    _write(file.create_group(name), each, half)
                    n += 1
        except OSError as error:
            said = str(error).partition("\n")[0]
            raise StorageError(
                f"{target} cannot be written ({said:.200}); check the path"
            ) from error
    return n


def _write(group: Any, features: Features, half: bool) -> None:
    values = features.descriptors.astype(np.float32)
    if features.descriptors.dtype == np.uint8:
        values /= np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
    group["keypoints"] = features.keypoints[:, :2]
    group["keypoints"].attrs["uncertainty"] = 1.0
    group["descriptors"] = values.T.astype(np.float16 if half else np.float32)
    group["scores"] = np.zeros(len(features), np.float32)
    group["scales"] = features.keypoints[:, 2]
    group["oris"] = features.keypoints[:, 3]
    group["image_size"] = np.array(features.size)
