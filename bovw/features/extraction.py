"""Extracts features of many pictures in parallel; a bad picture does not stop the others."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from functools import partial
from operator import attrgetter
from pathlib import Path

from ..errors import BovwError, ImageError
from ..parallel import READING, Diary, ordered_map
from ..pictures import (
    Box,
    Failure,
    PictureFile,
    Source,
    content_of,
    describe,
    read_bytes,
    read_image,
)
from ..settings import Settings
from .cache import FeatureCache
from .sift import Features, SiftExtractor


def extract_query(
    query: tuple[Source | ImageError, Box | None], settings: Settings, cache: str | None = None
) -> Features | BovwError:
    """Extract the features of one query; return the error if it cannot be read.

    `cache` is the folder of a `FeatureCache`. An error in place of a source is returned.
    """
    source, region = query
    if isinstance(source, ImageError):
        return source
    extractor = SiftExtractor(settings.features)
    try:
        content = content_of(source)
        if isinstance(content, (str, os.PathLike)):
            content = read_bytes(content)
        kept = None
        if cache is not None and isinstance(content, bytes):
            kept = FeatureCache(cache, settings)
            found = kept.load(hashlib.sha256(content).hexdigest(), region)
            if found is not None:
                return found
        image = read_image(content, settings.images, region, name=describe(source))
        features = extractor.extract_image(image)
        if kept is not None:
            kept.save(features, region)
        return features
    except BovwError as error:
        return error


def extract_queries(
    queries: Iterable[Source | tuple[Source, Box | None]],
    settings: Settings,
    *,
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Iterator[tuple[str, Features | BovwError]]:
    """Extract the features of queries in parallel; yield names and features, or errors.

    Parameters
    ----------
    queries : iterable of sources, or of (source, region)
    settings : Settings
    cache, n_jobs
        See `extract_files`.
    progress : bool
        Show a progress bar on a terminal.
    """
    given = [q if isinstance(q, tuple) else (q, None) for q in queries]
    names = [describe(source) for source, _ in given]
    # Open files and tensors cannot be sent to another process, but their content can.
    pairs = [(_content(source), region) for source, region in given]
    folder = None if cache is None else os.fsdecode(cache)
    found = ordered_map(
        partial(extract_query, settings=settings, cache=folder),
        pairs,
        n_jobs=n_jobs,
        lost=lambda query: _lost(describe(query[0])),
        description="searching" if progress else None,
        unit="query",
    )
    yield from zip(names, found, strict=True)


def _content(source: Source) -> Source | ImageError:
    try:
        return content_of(source)
    except ImageError as error:
        return error


def _extract_file(file: PictureFile, settings: Settings, cache: str | None) -> Features | BovwError:
    if Path(file.path).is_dir():  # an unreadable folder, or one called x.jpg in a list
        return ImageError(file.path, "a folder that cannot be read", "check its permissions")
    return extract_query((file.path, None), settings, cache)


def _lost(name: str) -> BovwError:
    return ImageError(
        name,
        "the process that read it was killed, twice (out of memory?)",
        "make it smaller, lower images.max_pixels, or leave it out",
    )


def extract_files(
    files: Sequence[PictureFile],
    settings: Settings,
    *,
    on_error: str = "record",
    cache: str | os.PathLike[str] | None = None,
    n_jobs: int | None = None,
    diary: str | os.PathLike[str] | None = None,
    description: str | None = None,
) -> Iterator[tuple[PictureFile, Features | Failure]]:
    """Extract the features of files, and yield them in the order of the files.

    Parameters
    ----------
    files : sequence of PictureFile
    settings : Settings
    on_error : {"record", "raise"}
        Yield a `Failure` for a picture that cannot be read, or raise its ImageError.
    cache : path, optional
        Folder of a `FeatureCache`; features that are found there are not extracted again.
    n_jobs : int, optional
        How many pictures are read in parallel; see `ordered_map`.
    diary : path, optional
        Folder for the file of a `Diary`, which is used with one job; default: the cache. The
        diary of the cache is read in any case.
    description : str, optional
        Text of the progress bar; without it there is no progress bar.
    """
    folder = None if cache is None else os.fsdecode(cache)
    work = partial(_extract_file, settings=settings, cache=folder)
    diaries = [Path(path, READING) for path in (folder, diary) if path is not None]
    results = ordered_map(
        work,
        files,
        n_jobs=n_jobs,
        lost=lambda file: _lost(file.path),
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
