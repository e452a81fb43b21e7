"""Joins several indexes into a new one, without reading pictures again.

Segments never change once they are written, so the new index takes those of the others as they are:
as hard links, or as copies where the disk has no links. What depends on all pictures together is
computed anew.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ..collection import Catalogue, Segment, to_bytes
from ..errors import ExistsError, IncompatibleError, LockedError, SettingsError, some
from ..features import check_same_meaning
from ..settings import Settings
from .contents.index_folder import (
    KIND,
    VERSION,
    VERSIONS,
    load_listed,
    manifest_content,
    next_generation,
    upgraded,
)
from .contents.segment_folder import segment_name
from .contents.views_folder import write_views
from .folders import new_folder
from .incoming import unfinished
from .looking import files_below
from .manifest import file_facts, of_one_generation, replace_manifest
from .places import real
from .taking import Origin, Source, take, take_graphs, take_segment

Clash = Literal["error", "first", "last"]
_DESCRIBING = ("images", "features", "weighting")


@dataclass(frozen=True)
class Union:
    """What was joined.

    Attributes
    ----------
    n_pictures : tuple of int
        How many pictures each index held.
    same : tuple of str
        Identifiers that several indexes had with the same content; one picture of each was kept.
    clashing : tuple of str
        Identifiers that several indexes had with different content; see `merge_indexes`.
    """

    n_pictures: tuple[int, ...]
    same: tuple[str, ...]
    clashing: tuple[str, ...]


def join_indexes(
    sources: Sequence[Path],
    target: Path,
    *,
    clash: Clash = "error",
    prefix: bool = False,
    overwrite: bool = False,
    trusted: bool = True,
) -> Union:
    """Write a new index with the pictures of several; see `bovw.merge_indexes`."""
    _check_places(sources, target)
    found = [_opened(folder, trusted) for folder in sources]
    _check_fit(found)
    names = [f"{name}/" for name in _prefixes(sources)] if prefix else [""] * len(sources)
    segments, origins, dead = _renumbered(found, names)
    folders = {s.number: o[0].folder for s, o in zip(segments, origins, strict=True)}
    same, clashing = _clashes(segments, folders, dead, clash)
    index = replace(
        found[0].index.of_segments(segments or found[0].index.segments),
        settings=_settings(found),
        calibration=None,
        dead={number: tuple(sorted(places)) for number, places in dead.items() if places},
        digest="",
    )
    with new_folder(target, overwrite, kind=KIND) as folder:
        files = take(found[0], "vocabulary", folder / "vocabulary", "vocabulary")
        for segment, origin in zip(segments, origins, strict=True):
            files |= take_segment(folder, segment, *origin, renamed=prefix)
        graphs = take_graphs(folder, segments, origins)
        views = "views/0001"
        if segments:
            (folder / views).mkdir(parents=True)
            write_views(folder / views, index.collection.keys, index.weights)
        for source in found:
            source.check_unchanged()
        names_and_dead = {segment_name(s.number): index.dead.get(s.number, ()) for s in segments}
        written = {path.relative_to(folder).as_posix(): path for path in files_below(folder)}
        manifest = {
            "format": KIND,
            "version": VERSION,
            **manifest_content(index, next_generation(target), names_and_dead, graphs, views),
            # Files that were taken keep the hash that they should have: damage stays visible.
            "files": {n: files.get(n) or file_facts(path) for n, path in written.items()},
        }
        replace_manifest(folder, manifest)
    return Union(tuple(len(s.index.collection) for s in found), same, clashing)


def _check_places(sources: Sequence[Path], target: Path) -> None:
    if len(sources) < 2:
        raise SettingsError(f"{len(sources)} index given: expected at least two to merge")
    places = [real(folder) for folder in sources]
    twice = [str(f) for f, place in zip(sources, places, strict=True) if places.count(place) > 1]
    if twice:
        raise SettingsError(f"{some(twice)}: the same index twice; give each once")
    for folder, place in zip(sources, places, strict=True):
        there = real(target)
        if there == place or place in there.parents or there in place.parents:
            raise ExistsError(
                f"{target} is, holds, or lies in {folder}, which is merged: choose another output"
            )


def _opened(folder: Path, trusted: bool) -> Source:
    def load(manifest: dict[str, Any]) -> Source:
        newest = upgraded(manifest)
        return Source(folder, newest, load_listed(folder, newest, trusted))

    source = of_one_generation(folder, KIND, VERSIONS, load)
    waiting = sum(1 for _ in unfinished(folder, source.index.vocabulary.n_words_))
    if waiting:
        raise LockedError(
            f"{folder} has {waiting} pictures in its journal, of a run that is going on or was "
            "interrupted: let it end, or repeat its command, and merge then"
        )
    return source


def _check_fit(found: Sequence[Source]) -> None:
    """Raise an IncompatibleError when words or features of indexes cannot be compared."""
    first = found[0]
    fingerprint = first.index.vocabulary.fingerprint
    for other in found[1:]:
        both = f"{first.folder} and {other.folder}"
        theirs = other.index.vocabulary.fingerprint
        if fingerprint != theirs:
            raise IncompatibleError(
                f"{both} have different vocabularies ({fingerprint[:12]} and {theirs[:12]}), so "
                "their words mean different things: index the pictures of one again with the "
                "vocabulary of the other (bovw index -v OTHER/vocabulary), or both with "
                "-v builtin"
            )
        what = f"the index {first.folder}"
        check_same_meaning(first.index.descriptor, other.index.descriptor, what)
        apart = other.index.settings.differences(first.index.settings)
        apart = {room: apart[room] for room in _DESCRIBING if room in apart}
        if apart:
            raise IncompatibleError(
                f"{both} were made with different settings ({_listed(apart)} in the second): "
                "index the pictures of one again with the settings of the other"
            )


def _settings(found: Sequence[Source]) -> Settings:
    """Settings of the first index; a threshold that was calibrated is the default again."""
    first = found[0].index.settings
    usual = Settings()
    plain = []
    for source in found:
        settings = source.index.settings
        if source.index.calibration is not None:
            threshold = {"match_evidence": usual.geometry.match_evidence}
            settings = settings.changed(geometry=threshold)
        plain.append(settings)
    for source, settings in zip(found[1:], plain[1:], strict=True):
        apart = settings.differences(plain[0])
        apart.pop("vocabulary", None)  # how its words were trained; they are the same
        if apart:
            warnings.warn(
                f"{source.folder} searches with other settings ({_listed(apart)}): those of "
                f"{found[0].folder} are kept",
                stacklevel=4,
            )
    measured = [str(s.folder) for s in found if s.index.calibration is not None]
    if measured:
        warnings.warn(
            f"the threshold of a match of {some(measured)} was measured on that index alone, and "
            "is the default again: calibrate the merged index",
            stacklevel=4,
        )
    return plain[0] if measured else first


def _listed(settings: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(
        f"{room}.{name}={value!r}"
        for room, part in settings.items()
        for name, value in part.items()
    )


def _prefixes(sources: Sequence[Path]) -> list[str]:
    """Name of each index, without its ending; they must differ."""
    names = [real(folder).name.removesuffix(".bovw") for folder in sources]
    if len(set(names)) < len(names):
        raise SettingsError(
            f"prefixes {some(names)}: two indexes have the same name; rename the folder of one"
        )
    return names


def _renumbered(
    found: Sequence[Source], names: Sequence[str]
) -> tuple[list[Segment], list[Origin], dict[int, set[int]]]:
    """Segments of all indexes with new numbers, where each is from, and what is removed."""
    segments: list[Segment] = []
    origins: list[Origin] = []
    dead: dict[int, set[int]] = {}
    for source, name in zip(found, names, strict=True):
        for segment in source.index.segments:
            if segment.number == 0:  # the one of an empty index
                continue
            number = len(segments) + 1
            made = replace(segment, number=number)
            if name:
                records = [replace(r, identifier=name + r.identifier) for r in segment.records]
                failed = [replace(f, identifier=name + f.identifier) for f in segment.failures]
                made = replace(made, records=Catalogue.of(records), failures=tuple(failed))
            segments.append(made)
            origins.append((source, segment))
            dead[number] = set(source.index.dead.get(segment.number, ()))
    return segments, origins, dead


def _clashes(
    segments: Sequence[Segment],
    folders: Mapping[int, Path],
    dead: dict[int, set[int]],
    clash: Clash,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Mark as removed what several indexes hold; return identifiers of equal and other content.

    `folders` says which index each segment is of.
    """
    holder: dict[bytes, tuple[int, int]] = {}
    same: list[str] = []
    clashing: list[str] = []
    where: tuple[Path, Path] | None = None
    for segment in segments:
        for place in range(len(segment)):
            if place in dead[segment.number]:
                continue
            name, mine = segment.records.identifier(place), (segment.number, place)
            before = holder.setdefault(name, mine)
            if before is mine:
                continue
            one, other = segments[before[0] - 1].records[before[1]], segment.records[place]
            equal = one.sha256 == other.sha256 != ""
            (same if equal else clashing).append(one.identifier)
            if not equal and where is None:
                where = folders[before[0]], folders[segment.number]
            loser = before if clash == "last" and not equal else mine
            dead[loser[0]].add(loser[1])
            if loser is before:
                holder[name] = mine
    if where is not None and clash == "error":
        raise SettingsError(
            f"{where[0]} and {where[1]} hold different pictures of the same name: "
            f"{some(clashing)}. Keep those of the first or of the last index (--clash first, "
            "--clash last), or let each name begin with the name of its index (--prefix)"
        )
    for segment in segments:  # a failure is of no interest when another index has the picture
        for place, failure in enumerate(segment.failures, len(segment)):
            number = holder.get(to_bytes(failure.identifier), (segment.number,))[0]
            if number < segment.number and folders[number] != folders[segment.number]:
                dead[segment.number].add(place)
    return tuple(sorted(set(same))), tuple(sorted(set(clashing)))
