"""Extracts features of many pictures in parallel; a bad picture does not stop the others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from ..errors import BovwError, ImageError, SettingsError, shown
from ..parallel import READING, Diary, ordered_map, worker_count
from ..pictures import (
    Box,
    Failure,
    Image,
    PictureFile,
    Source,
    content_of,
    describe,
    read_bytes,
    read_image,
)
from ..settings import Settings
from .cache import FeatureCache
from .extractor import Extractor
from .features import Features
from .sift import SiftExtractor

Result = TypeVar("Result")


def extract_query(
    query: tuple[Source | ImageError, Box | None],
    settings: Settings,
    cache: FeatureCache | None = None,
    extractor: Extractor | None = None,
    channels: str = "bgr",
) -> Features | BovwError:
    """Extract the features of one query; return the error if it cannot be read.

    An error in place of a source is returned. Without an `extractor` it is a `SiftExtractor` with
    these settings.
    """
    source, region = query
    if isinstance(source, ImageError):
        return source
    try:
        content = content_of(source)
        if isinstance(content, (str, os.PathLike)):
            content = read_bytes(content)
        kept = cache if isinstance(content, bytes) else None
        if kept is not None and isinstance(content, bytes):
            found = kept.load(hashlib.sha256(content).hexdigest(), region)
            if found is not None:
                return found
        name = describe(source)
        image = read_image(content, settings.images, region, channels=channels, name=name)
        features = _extracted(image, settings, extractor, name)
        if kept is not None:
            kept.save(features, region)
        return features
    except BovwError as error:
        return error


def _extracted(
    image: Image, settings: Settings, extractor: Extractor | None, name: str
) -> Features:
    if extractor is None:
        return SiftExtractor(settings.features).extract_image(image)
    try:
        features = extractor.extract_image(image)
    except MemoryError:
        raise
    except Exception as error:  # code of others, which may fail for one picture of many
        said = " ".join(str(error).split())
        kind = "" if isinstance(error, BovwError) else f"{type(error).__name__}: "
        raise ImageError(
            name,
            f"{type(extractor).__name__} failed ({kind}{said:.500})",
            "try extractor.extract_image(bovw.pictures.read_image(path)), or leave it out",
        ) from error
    if not isinstance(features, Features):
        raise SettingsError(
            f"{type(extractor).__name__}.extract_image returned {shown(features)}: expected "
            "Features"
        )
    return features


def extract_queries(
    queries: Iterable[Source | tuple[Source, Box | None]],
    settings: Settings,
    *,
    extractor: Extractor | None = None,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Generator[tuple[str, Features | BovwError], None, None]:
    """Extract the features of queries in parallel; yield names and features, or errors.

    Parameters
    ----------
    queries : iterable of sources, or of (source, region)
    settings : Settings
    extractor, cache, n_jobs
        See `extract_files`.
    progress : bool
        Show a progress bar on a terminal.
    """
    names, pairs = portable_queries(queries)
    check_portable(extractor, n_jobs)
    kept = None if cache is None else FeatureCache(cache, settings, extractor)
    found = ordered_map(
        partial(extract_query, settings=settings, cache=kept, extractor=extractor),
        pairs,
        n_jobs=n_jobs,
        lost=lambda query: lost_picture(describe(query[0])),
        description="searching" if progress else None,
        unit="query",
    )
    yield from as_given(names, found)


def portable_queries(
    queries: Iterable[Source | tuple[Source, Box | None]],
) -> tuple[list[str], list[tuple[Source | ImageError, Box | None]]]:
    """Names of queries, and queries that can be sent to another process, for `extract_query`.

    Open files and tensors cannot be sent, but their content can. Paths become absolute, because a
    process may have begun in another folder; `as_given` puts the names back into errors.
    """
    given = [q if isinstance(q, tuple) else (q, None) for q in queries]
    names = [describe(source) for source, _ in given]
    return names, [(_content(source), region) for source, region in given]


def _content(source: Source) -> Source | ImageError:
    try:
        content = content_of(source)
    except ImageError as error:
        return error
    if isinstance(content, (str, os.PathLike)) and os.fspath(content):
        return os.path.abspath(content)
    return content


def as_given(
    names: Iterable[str], found: Iterable[Result | BovwError]
) -> Iterator[tuple[str, Result | BovwError]]:
    """Yield names and results; errors call a picture by the name under which it was given."""
    for name, one in zip(names, found, strict=True):
        if isinstance(one, ImageError) and one.name == os.path.abspath(name):
            yield name, ImageError(name, one.found, one.advice)
        else:
            yield name, one


def or_raise(
    found: Generator[tuple[str, Result | BovwError], None, None],
) -> Iterator[tuple[str, Result]]:
    """Yield names and results; the first error is raised, when what works ahead has ended.

    A traceback would keep it waiting, and joblib would stop its workers at any later time, amid
    other work.
    """
    with closing(found):
        for name, one in found:
            if isinstance(one, BovwError):
                raise one
            yield name, one


def check_portable(extractor: Extractor | None, n_jobs: int | None) -> None:
    """Raise a SettingsError when an extractor cannot be sent to the processes of `n_jobs`."""
    if extractor is None or worker_count(n_jobs) < 2:
        return
    from joblib.externals.loky.cloudpickle_wrapper import dumps  # what joblib itself uses

    try:
        dumps(extractor)
    except Exception as error:  # whatever pickling raises
        raise SettingsError(
            f"{type(extractor).__name__} cannot be sent to other processes ({error!s:.200}): make "
            "what cannot be copied when it is first needed, or use n_jobs=1 (--jobs 1)"
        ) from error


def _extract_file(
    file: PictureFile,
    settings: Settings,
    cache: FeatureCache | None,
    extractor: Extractor | None,
) -> Features | BovwError:
    if Path(file.path).is_dir():  # an unreadable folder, or one called x.jpg in a list
        return ImageError(file.path, "a folder that cannot be read", "check its permissions")
    return extract_query((file.path, None), settings, cache, extractor)


def lost_picture(name: str) -> BovwError:
    """The error of a picture that kills the process that works on it."""
    return ImageError(
        name,
        "the process that worked on it was killed, twice (out of memory?)",
        "make it smaller, lower images.max_pixels, or leave it out",
    )


def extract_files(
    files: Sequence[PictureFile],
    settings: Settings,
    *,
    on_error: str = "record",
    extractor: Extractor | None = None,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    diary: str | os.PathLike[str] | None = None,
    careful: bool = True,
    description: str | None = None,
) -> Iterator[tuple[PictureFile, Features | Failure]]:
    """Extract the features of files, and yield them in the order of the files.

    Parameters
    ----------
    files : sequence of PictureFile
    settings : Settings
    on_error : {"record", "raise"}
        Yield a `Failure` for a picture that cannot be read, or raise its ImageError.
    extractor : Extractor, optional
        Default: a `SiftExtractor` with the settings given.
    cache : path, optional
        Folder of a `FeatureCache`; features that are found there are not extracted again.
    n_jobs : int, optional
        How many pictures are read in parallel; see `ordered_map`.
    diary : path, optional
        Folder for the file of a `Diary`, which is used with one job; default: the cache. The
        diary of the cache is read in any case.
    careful : bool
        Whether to use a diary. Not for work that is repeated elsewhere when it is killed.
    description : str, optional
        Text of the progress bar; without it there is no progress bar.
    """
    folder = None if cache is None else os.fsdecode(cache)
    check_portable(extractor, n_jobs)
    kept = None if cache is None else FeatureCache(cache, settings, extractor)
    work = partial(_extract_file, settings=settings, cache=kept, extractor=extractor)
    diaries = [Path(path, READING) for path in (folder, diary) if careful and path is not None]
    results = ordered_map(
        work,
        files,
        n_jobs=n_jobs,
        lost=lambda file: lost_picture(file.path),
        diary=Diary(diaries, attrgetter("path")) if diaries else None,
        description=description,
    )
    with closing(results):  # close it also when an error is raised here
        for file, result in zip(files, results, strict=True):
            if isinstance(result, Features):
                yield file, result
            elif on_error == "raise" or not isinstance(result, ImageError):
                raise result
            else:
                yield file, Failure(file.identifier, file.path, f"{result.found}; {result.advice}")
