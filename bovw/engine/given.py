"""Features that were extracted before, by us or by others, as pictures to be indexed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import BovwError, ImageError, SettingsError, TrainingError, shown, some
from ..features import Features, describe_given
from ..parallel import progress_bar
from ..pictures import Failure, PictureFile
from ..settings import Settings
from ..vocabulary import Vocabulary, train_on_features
from .ingestion import fitting_settings, kind_of, opened_vocabulary

# A record has the time of its file, in 63 bits. Of given features it is the beginning of the hash.
_DIGITS = 15


class GivenFeatures:
    """Features of pictures by identifier, in the place of files.

    Parameters
    ----------
    features : mapping of str to Features
    root : path, optional
        Folder of the pictures.
    progress : bool
    """

    def __init__(
        self,
        features: Mapping[str, Features],
        root: str | os.PathLike[str] | None = None,
        *,
        progress: bool = False,
    ) -> None:
        self._features = features
        self._root = None if root is None else Path(os.path.abspath(root))
        self._progress = progress
        wrong = [name for name in features if not _is_identifier(name)]
        if wrong:
            raise SettingsError(
                f"identifiers {some(map(shown, wrong))}: expected texts that are not empty, such "
                "as the path of a picture relative to its folder"
            )

    def files(self) -> Iterator[PictureFile]:
        """Yield each picture as a file whose time is the beginning of the hash of its features."""
        for name in sorted(self._features):
            path = name if self._root is None else str(self._root / name)
            found = take(self._features, name)
            if isinstance(found, Features):
                stamp = int(found.sha256[:_DIGITS] or "0", 16)
                yield PictureFile(name, path, len(found), stamp)
            else:
                yield PictureFile(name, path)

    def extract(
        self, files: Sequence[PictureFile], _: Path | None, *, on_error: str
    ) -> Iterator[tuple[PictureFile, Features | Failure]]:
        """Yield the features of pictures, or why there are none."""
        wanted = progress_bar(files, "reading features") if self._progress else files
        for file in wanted:
            found = take(self._features, file.identifier)
            if isinstance(found, BovwError) and on_error == "raise":
                raise found
            if isinstance(found, BovwError):
                yield file, Failure(file.identifier, file.path, _reason(found))
            else:
                yield file, found


def take(features: Mapping[str, Features], name: str) -> Features | BovwError:
    """Return the features of a picture, or the error of getting them."""
    try:
        found = features[name]
    except BovwError as error:
        return error
    if not isinstance(found, Features):
        return SettingsError(f"{shown(found)}: expected Features; see Features.from_arrays")
    return found


def _fits(features: Features, kind: tuple[str, int]) -> bool:
    """Whether features are of a kind; indexing names those that are not."""
    descriptors = features.descriptors
    return len(features) == 0 or (str(descriptors.dtype), descriptors.shape[1]) == kind


def _reason(error: BovwError) -> str:
    return f"{error.found}; {error.advice}" if isinstance(error, ImageError) else str(error)


def _is_identifier(name: object) -> bool:
    return isinstance(name, str) and name != "" and "\0" not in name


def described_features(features: Mapping[str, Features], origin: str) -> dict[str, Any]:
    """Describe features by the first picture that has some.

    Raises
    ------
    TrainingError
        When no picture has features.
    """
    if not origin:
        raise SettingsError("origin='': expected the name of what made the features")
    first: BovwError | None = None
    for name in features:
        found = take(features, name)
        if isinstance(found, Features) and len(found):
            return describe_given(origin, found)
        if isinstance(found, BovwError):
            first = first or found
    reason = "" if first is None else f" (the first: {first!s:.500})"
    raise TrainingError(f"none of {len(features)} pictures has features{reason}: nothing to index")


def fitting_vocabulary(
    features: Mapping[str, Features],
    description: Mapping[str, Any],
    vocabulary: Vocabulary | str | os.PathLike[str] | None,
    settings: Settings | None,
    preset: str,
    *,
    trusted: bool = True,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Vocabulary:
    """Open a vocabulary, or train one on the features themselves; see `words_for`."""
    words = opened_vocabulary(vocabulary, trusted=trusted, n_jobs=n_jobs, kind=kind_of(description))
    if words is not None:
        return words
    given = GivenFeatures(features, progress=progress)
    files = [PictureFile(name, name) for name in sorted(features)]
    kind = description["dtype"], description["dimensions"]
    found = (each for _, each in given.extract(files, None, on_error="record"))
    return train_on_features(
        (each for each in found if isinstance(each, Failure) or _fits(each, kind)),
        fitting_settings(settings, preset, None),
        description,
        sized=True,
        n_jobs=n_jobs,
        progress=progress,
    )
