"""Every error that `bovw` raises on purpose.

::

    BovwError
    ├── SettingsError (ValueError)        a setting or argument is out of its range
    ├── ImageError                        a picture cannot be read
    ├── TrainingError (ValueError)        too little data to train on
    ├── NotFittedError (ValueError, AttributeError)   an estimator was used before ``fit``
    ├── MissingPackageError (ImportError) a package of an extra is not installed
    ├── UnknownPictureError (KeyError)    an identifier is not in the index
    ├── GroundTruthError (ValueError)     a ground truth is malformed, or does not fit the index
    ├── EmbeddingError (ValueError)       vectors are malformed, or do not fit their names
    ├── ClusterError                      other machines cannot be reached, or do not fit
    └── StorageError                      a folder or file on disk has a problem
        ├── ExistsError                   the target exists and must not be overwritten
        ├── LockedError                   another process is changing it
        ├── FormatError                   damaged, incomplete, or not a format of bovw
        └── IncompatibleError             intact, but made with other settings or versions

A message says what was given, what was expected, and what to do.
"""

from __future__ import annotations

import reprlib
import unicodedata
from collections.abc import Iterable
from importlib import import_module
from typing import Any


class BovwError(Exception):
    """Base class: catch it to catch every error that this package raises on purpose."""


class SettingsError(BovwError, ValueError):
    """A setting or an argument is out of its range."""


class ImageError(BovwError):
    """A picture cannot be read.

    Parameters
    ----------
    name : str
        Path of the file, or a description of the source when there is no file.
    found : str
        What is wrong.
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
    """There is too little data to train on."""


class NotFittedError(BovwError, ValueError, AttributeError):
    """An estimator was used before ``fit``."""


class MissingPackageError(BovwError, ImportError):
    """Something was asked for that needs a package of an extra, which is not installed."""


class UnknownPictureError(BovwError, KeyError):
    """An identifier is not that of a picture of the index."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0])


class GroundTruthError(BovwError, ValueError):
    """A ground truth is malformed, or names pictures that the index does not have."""


class EmbeddingError(BovwError, ValueError):
    """Embedding vectors are malformed, or do not fit their names."""


class ClusterError(BovwError):
    """The machines of a cluster cannot be reached, were lost, or do not fit this one."""


class StorageError(BovwError):
    """Something is wrong with a folder or a file on disk."""


class ExistsError(StorageError):
    """The target exists already, and must not be overwritten."""


class LockedError(StorageError):
    """Another process is changing the same index or vocabulary."""


class FormatError(StorageError):
    """A folder or file is damaged, incomplete, or not in a format of bovw."""


class IncompatibleError(StorageError):
    """Two things do not fit together, such as an index and the settings given for it."""


def imported(module: str, extra: str, what: str) -> Any:
    """Import a module of an optional package; if it is absent, say which extra has it.

    Parameters
    ----------
    module : str
    extra : str
        Name of the extra of this project that installs it.
    what : str
        What needs it, as the beginning of the message.

    Raises
    ------
    MissingPackageError
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingPackageError(
            f"{what} needs {module.partition('.')[0]}, which is not installed: "
            f"pip install 'bovw[{extra}]'"
        ) from error


def shown(value: Any) -> str:
    """Show a value in an error message: the beginning of a long one, the outside of a deep one."""
    return reprlib.repr(value)


def some(names: Iterable[str], n: int = 5) -> str:
    """Name the first few of many names, in order, and count the rest."""
    ordered = list(names)
    rest = f" and {len(ordered) - n} more" if len(ordered) > n else ""
    return ", ".join(ordered[:n]) + rest


# Control characters, bytes that are not UTF-8 (as surrogates), ends of lines and of paragraphs.
_ESCAPED = frozenset({"Cc", "Cs", "Zl", "Zp"})
# They change the direction of text, so that a name could look like another.
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def printable(text: str) -> str:
    """Escape in text what a terminal would obey, or what would break its line.

    Control characters, bidirectional controls, ends of lines, and bytes that are not UTF-8 become
    backslash escapes.
    """
    return "".join(
        c.encode("unicode_escape").decode("ascii")
        if c in _BIDIRECTIONAL or unicodedata.category(c) in _ESCAPED
        else c
        for c in text
    )
