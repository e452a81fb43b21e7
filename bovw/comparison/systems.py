"""Systems and fusions as users write them; mistakes are found before anything is ranked."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_args

from ..embeddings import Embeddings, as_embeddings
from ..engine import Engine
from ..errors import EmbeddingError, SettingsError, some
from ..evaluation import Run
from ..formats import is_submission, run_from
from ..settings import load_settings
from .embedding_options import EmbeddingOptions
from .fusion import Normalisation

_RUN_SUFFIXES = {".run", ".trec", ".txt"}
_FILES = ("queries", "names")
METHODS = ("rrf", *get_args(Normalisation), "verify")


@dataclass(frozen=True)
class System:
    """A system to compare: an index, a run, or embeddings.

    Attributes
    ----------
    name : str
    path : str
        An index is a folder. A run is a file in TREC's format (``.run``, ``.trec``, ``.txt``), or a
        submission of Google Landmarks (``.csv`` with the first line ``id,images``). All other
        files are embeddings. Empty, if there is `content`.
    options : mapping of str to str
        For an index: ``preset`` (a preset or a file of settings, whose search settings are used).
        For embeddings: ``queries`` and ``names`` (files), and the fields of `EmbeddingOptions`.
    content : Engine or Embeddings or None
        The system itself, if it is in memory.
    """

    name: str
    path: str
    options: Mapping[str, str] = field(default_factory=dict)
    content: Engine | Embeddings | None = field(default=None, repr=False)

    @classmethod
    def of(cls, name: str, source: Any) -> System | Run:
        """Make a system of a file or of what is in memory.

        Parameters
        ----------
        name : str
        source : path, System, Run, Engine, Embeddings, or other
            A path may have options, as in `parse`. Other: what `bovw.formats.run_from` takes, if it
            is a `ranx.Run` or a dictionary of dictionaries; else what
            `bovw.embeddings.as_embeddings` takes, with names.
        """
        if not isinstance(name, str) or not name:
            raise SettingsError(f"a system is called {name!r}: expected a name")
        if isinstance(source, (str, os.PathLike)):
            return replace(cls.parse(f"x={os.fsdecode(source)}"), name=name)
        if isinstance(source, (System, Run)):
            return replace(source, name=name)
        if isinstance(source, (Engine, Embeddings)):
            return cls(name, "", content=source)
        nested = isinstance(source, Mapping) and any(
            isinstance(v, Mapping) for v in source.values()
        )
        if nested or hasattr(source, "to_typed_list"):  # of ranx
            return run_from(source, name)
        try:
            return cls(name, "", content=as_embeddings(source))
        except EmbeddingError as error:
            raise EmbeddingError(f"system {name!r}: {error}") from error

    @classmethod
    def parse(cls, text: str) -> System:
        """Read ``[NAME=]PATH[,OPTION=VALUE...]``; the default name is the stem of the path.

        Examples
        --------
        >>> System.parse("net=net.npz,pca=256,whiten=true").options["pca"]
        '256'
        """
        given, options = text, {}
        while "," in text and "=" in text.rsplit(",", 1)[1]:
            text, last = text.rsplit(",", 1)
            key, value = last.split("=", 1)
            options[key] = value
        name, found, path = text.partition("=")
        if not found or "," in name:
            name, path = Path(text).stem, text
        if not name or not path:
            raise SettingsError(f"system {given!r}: expected [NAME=]PATH[,OPTION=VALUE...]")
        return cls(name, path, options)

    @property
    def kind(self) -> str:
        """The kind of system: "index", "run" or "embeddings".

        An `Engine` and a folder are an index. Of files the suffix decides, see `path`; of a
        ``.csv`` its first line, which is read whenever this is asked.
        """
        if self.content is not None:
            return "index" if isinstance(self.content, Engine) else "embeddings"
        if Path(self.path).is_dir():
            return "index"
        suffix = Path(self.path).suffix.lower()
        is_run = suffix in _RUN_SUFFIXES or (suffix == ".csv" and is_submission(self.path))
        return "run" if is_run else "embeddings"

    def check(self) -> None:
        """Raise a SettingsError when files do not exist or options are wrong."""
        self._check_path()
        kind = self.kind
        try:
            if kind == "embeddings":
                options = self.embedding_options()
                named = [self.options[key] for key in _FILES if key in self.options]
                for file in (*named, *([options.learn] if options.learn else [])):
                    if not Path(file).is_file():
                        raise SettingsError(f"{file} is no file; check the path")
            elif kind == "run" and self.options:
                raise SettingsError(f"a run has no options, such as {min(self.options)!r}")
            elif kind == "index":
                unknown = set(self.options) - {"preset"}
                if unknown:
                    raise SettingsError(f"option {min(unknown)!r} is not one of an index (preset)")
                if "preset" in self.options:
                    load_settings(self.options["preset"])
        except SettingsError as error:
            raise SettingsError(f"system {self.name!r}: {error}") from None

    def _check_path(self) -> None:
        if self.content is not None or Path(self.path).exists():
            return
        parts = self.path.split(",")
        for i in range(len(parts) - 1, 0, -1):
            if Path(",".join(parts[:i])).exists():
                raise SettingsError(
                    f"system {self.name!r}: {','.join(parts[i:])!r} is no option: expected "
                    "OPTION=VALUE, with commas between several"
                )
        raise SettingsError(
            f"system {self.name!r}: {self.path} does not exist: expected the folder of an index, "
            "or a file of embeddings or of a run; check the path"
        )

    def embedding_options(self) -> EmbeddingOptions:
        """Make `EmbeddingOptions` of the options, converted from text to their types."""
        defaults = EmbeddingOptions()
        known = {f.name: type(getattr(defaults, f.name)) for f in fields(defaults)}
        values: dict[str, Any] = {}
        for key, text in self.options.items():
            if key in _FILES:
                continue
            if key not in known:
                raise SettingsError(
                    f"option {key!r} is not one of embeddings ({', '.join((*_FILES, *known))})"
                )
            values[key] = _converted(key, text, known[key])
        return EmbeddingOptions(**values)


def _converted(key: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise SettingsError(f"{key}={text}: expected true or false")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        expected = "a whole number" if kind is int else "a number"
        raise SettingsError(f"{key}={text}: expected {expected}") from None


@dataclass(frozen=True)
class Fusion:
    """A fusion: one system that is made from several others.

    Attributes
    ----------
    name : str
    method : {"rrf", "min-max", "z", "rank", "verify"}
        See `fused_run`. "verify": the second system, which must be an index, verifies the first
        answers of the first system.
    systems : tuple of str
        Names of the systems, or of earlier fusions.
    """

    name: str
    method: str
    systems: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Fusion:
        """Read ``[NAME=]METHOD:SYSTEM+SYSTEM...``."""
        name, found, rest = text.partition("=")
        name, rest = (name, rest) if found else (text, text)
        method, found, systems = rest.partition(":")
        names = tuple(systems.split("+"))
        if not found or len(names) < 2 or not all(names):
            raise SettingsError(f"fusion {text!r}: expected [NAME=]METHOD:SYSTEM+SYSTEM...")
        return cls(name, method, names)

    def check(self, kinds: Mapping[str, str]) -> None:
        """Raise a SettingsError when the method or a member of the fusion is unknown.

        Parameters
        ----------
        kinds : mapping of str to str
            Kinds of the systems and of the earlier fusions, by name.
        """
        if self.method not in METHODS:
            raise SettingsError(
                f"fusion {self.name!r}: {self.method!r} is no method: expected one of "
                + ", ".join(METHODS)
            )
        for name in self.systems:
            if name not in kinds:
                raise SettingsError(f"fusion {self.name!r}: {name!r} is none of {some(kinds)}")
        if self.method == "verify" and not (
            len(self.systems) == 2 and kinds[self.systems[1]] == "index"
        ):
            raise SettingsError(
                f"fusion {self.name!r}: expected verify:SYSTEM+INDEX, the second being one of the "
                f"indexes ({', '.join(n for n, k in kinds.items() if k == 'index') or 'none here'})"
            )


def checked(
    systems: Sequence[System | Run | str] | Mapping[str, Any], fuse: Sequence[Fusion | str]
) -> tuple[list[System | Run], list[Fusion]]:
    """Read systems and fusions, and find mistakes before anything is ranked.

    Raises
    ------
    SettingsError
        When names repeat, files do not exist, or options, methods or members are unknown.
    """
    if isinstance(systems, Mapping):
        chosen = [System.of(name, source) for name, source in systems.items()]
    else:
        chosen = [System.parse(s) if isinstance(s, str) else s for s in systems]
    fusions = [Fusion.parse(f) if isinstance(f, str) else f for f in fuse]
    if not chosen:
        raise SettingsError("no systems: expected one or more")
    kinds: dict[str, str] = {}
    for each in (*chosen, *fusions):
        if each.name in kinds:
            raise SettingsError(f"two systems are called {each.name!r}: give them names")
        if isinstance(each, Fusion):
            each.check(kinds)
            kinds[each.name] = "fusion"
        elif isinstance(each, Run):
            kinds[each.name] = "run"
        else:
            each.check()
            kinds[each.name] = each.kind
    return chosen, fusions
