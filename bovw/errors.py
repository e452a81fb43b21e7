"""Every error that `bovw` raises on purpose.

::

    BovwError
    ├── SettingsError (ValueError)        a setting or argument out of its range
    ├── ImageError                        one picture that cannot be read
    ├── TrainingError (ValueError)        too little to learn from
    ├── NotFittedError (ValueError, AttributeError)   used before ``fit``
    ├── UnknownPictureError (KeyError)    an identifier the index does not hold
    ├── GroundTruthError (ValueError)     malformed, or it does not fit the index
    ├── EmbeddingError (ValueError)        vectors that are malformed, or do not fit their names
    └── StorageError                      what lies on disk
        ├── ExistsError                   something is there already and must not be overwritten
        ├── LockedError                   somebody else is changing it
        ├── FormatError                   broken, incomplete, or not one of ours
        └── IncompatibleError             sound, but it does not fit what it is used with

A message says what was given, what was expected, and what to do.
"""

from __future__ import annotations


class BovwError(Exception):
    """Root of the tree: catch it to catch every deliberate error of this package."""


class SettingsError(BovwError, ValueError):
    """A setting or argument is out of its range."""


class ImageError(BovwError):
    """A picture cannot be read.

    Parameters
    ----------
    name : str
        The file, or a description of the source when there is no file.
    found : str
        What was found there.
    advice : str
        What to do about it.
    """

    def __init__(self, name: str, found: str, advice: str) -> None:
        super().__init__(name, found, advice)
        self.name = name
        self.found = found
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.name}: {self.found}; {self.advice}"


class TrainingError(BovwError, ValueError):
    """There is too little to learn from."""


class NotFittedError(BovwError, ValueError, AttributeError):
    """An estimator was used before ``fit``."""


class UnknownPictureError(BovwError, KeyError):
    """An identifier names no picture of the index."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0])


class GroundTruthError(BovwError, ValueError):
    """A ground truth is malformed, or names pictures that are not there."""


class EmbeddingError(BovwError, ValueError):
    """Vectors are malformed, or do not fit their names."""


class StorageError(BovwError):
    """Something is wrong with what lies on disk."""


class ExistsError(StorageError):
    """The target exists already and was not to be overwritten."""


class LockedError(StorageError):
    """Another process is changing what was to be changed."""


class FormatError(StorageError):
    """What lies on disk is broken, incomplete, or not one of ours."""


class IncompatibleError(StorageError):
    """What lies on disk is sound, but does not fit what it is used with."""
