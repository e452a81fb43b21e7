"""What the server does, without HTTP: searches, explanations, previews and exports."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from ..engine import Engine
from ..errors import BovwError, ImageError, SettingsError
from ..features import Features
from ..index import with_shared_words
from ..pictures import Box, Record
from ..report import result_block
from ..search import Answer, Explanation, SearchResult, reason
from ..settings import FeatureSettings, ImageSettings
from ..storage import read_manifest
from .decoding import (
    Encoded,
    explanation_reply,
    features_reply,
    limited,
    read_features,
)
from .exports import distinct, labels_of, picked, picked_csv, picked_page
from .latest import Latest
from .options import ServeOptions
from .previews import Links, Previews, picture_url
from .register import Register
from .searches import Conditions, Search, Searches
from .workers import Workers

MOST_ANSWERS = 1000
_MOST_READ_BYTES = 64 << 20
_LOG = logging.getLogger("bovw")


@dataclass(frozen=True)
class Asked:
    """A picture of a query: bytes that were uploaded under a name, or a picture of the index."""

    name: str
    content: bytes | None = None
    region: Box | None = None


class Service:
    """One engine, the register, and the workers that decode.

    Parameters
    ----------
    engine : Engine
    register : Register
    options : ServeOptions
    """

    def __init__(self, engine: Engine, register: Register, options: ServeOptions) -> None:
        self.engine = engine
        self.register = register
        self.options = options
        self.workers = Workers(options.workers, options.seconds)
        self.searches = Searches()
        self.refresh_error: str | None = None
        self._previews = Previews(self.workers)
        # Asking again under other conditions, which is what people do, reads the picture once.
        self._uploads: Latest[Any, tuple[Features, Encoded]] = Latest(_MOST_READ_BYTES)
        self._refreshing = threading.Lock()

    # Searching

    def search(self, asked: Sequence[Asked], conditions: Conditions) -> tuple[str, dict[str, Any]]:
        """Search; return the name under which the search is remembered, and what a page shows.

        Raises
        ------
        BovwError
            When a picture cannot be read, or a condition is wrong.
        """
        if not 1 <= len(asked) <= self.options.max_pictures:
            raise SettingsError(
                f"{len(asked)} pictures: expected 1 to {self.options.max_pictures} pictures in one "
                "query"
            )
        if not 1 <= conditions.k <= MOST_ANSWERS:
            raise SettingsError(f"k={conditions.k}: expected 1 to {MOST_ANSWERS}")
        engine = self._engine(conditions)
        allow = self._allowed(engine, conditions.where)
        read = [self._read(engine, one) for one in asked]
        features = [found for found, _ in read]
        names = distinct([one.name for one in asked])
        result = engine.search_features(
            features, conditions.k, allow=allow, names=names, combine=conditions.combine
        )
        search = Search(
            result,
            tuple(features),
            tuple(shown for _, shown in read),
            conditions,
            allow,
        )
        name = self.searches.keep(search)
        return name, result_block(result, [], Links(name, names), labels_of(self.register, result))

    def explain(self, search_name: str, identifier: str) -> dict[str, Any]:
        """Say why a picture is an answer of a search, or is not a better one.

        Raises
        ------
        ForgottenError
            When the search is not remembered any more.
        UnknownPictureError
            When the index has no such picture.
        """
        search = self.searches[search_name]
        result = search.result
        engine = self._engine(search.conditions)
        engine.collection.position(identifier)
        answer = next((a for a in result if a.identifier == identifier), None)
        if answer is not None:
            (answer,) = with_shared_words(engine.index, [answer], list(search.features))
            following = next((a for a in result if a.rank == answer.rank + 1), None)
            one = _explanation(result, answer, following)
        elif len(search.features) > 1:
            raise SettingsError(
                "several pictures were asked with together: expected one of their answers, or a "
                "search with one picture"
            )
        else:
            allow = search.allow
            known = engine.collection.positions
            explanation = engine.explain(
                search.features[0],
                identifier,
                allow=None if allow is None else [name for name in allow if name in known],
            )
            one = replace(explanation, query=result.query)
            self.searches.add(search_name, one.answer)
        previews = {p.name: s for p, s in zip(result.pictures, search.previews, strict=True)}
        labels = {identifier: dict(self.register.of(identifier))}
        reply = self.workers.call(explanation_reply, one, result, previews, labels)
        return {**reply.content, "picture": picture_url(identifier)}

    def _engine(self, conditions: Conditions) -> Engine:
        """An engine over the index as it is now, which stays so when another is loaded."""
        engine = self.engine.for_search(conditions.verify, conditions.expand, conditions.also)
        _check_features(engine)  # the index may have been replaced by another
        return engine

    def _allowed(self, engine: Engine, where: str | None) -> list[str] | None:
        if where is None or not where.strip():
            return None
        known = engine.collection.positions
        return [name for name in self.register.where(where) if name in known]

    def _read(self, engine: Engine, one: Asked) -> tuple[Features, Encoded]:
        settings = engine.settings
        if one.content is None:  # the file may have changed: it is read each time
            path = record_of(engine, one.name).path
            return self._extracted(one, path, settings.features, settings.images)
        images = limited(settings.images, self.options.max_pixels)
        digest = hashlib.sha256(one.content).digest()
        key = (digest, one.region, settings.features, images)
        found = self._uploads.get(key)
        if found is None:
            found = self._extracted(one, one.content, settings.features, images)
            features, shown = found
            n_bytes = features.keypoints.nbytes + features.descriptors.nbytes + len(shown.content)
            self._uploads.put(key, found, n_bytes)
        return found

    def _extracted(
        self, one: Asked, source: bytes | str, features: FeatureSettings, images: ImageSettings
    ) -> tuple[Features, Encoded]:
        try:
            reply = self.workers.call(features_reply, source, features, images, one.region)
        except ImageError as error:
            raise ImageError(one.name, error.found, error.advice) from error
        return read_features(reply)

    # Pictures

    def picture(self, identifier: str, side: int) -> Encoded:
        """Give a picture of the index for a browser, with about `side` pixels a side."""
        return self._previews.of(
            record_of(self.engine, identifier), side, self.engine.settings.images
        )

    def listed(self, text: str, where: str | None, offset: int, limit: int) -> dict[str, Any]:
        """Find pictures by name and by what the register says of them."""
        engine = self.engine.for_search()  # it may be replaced meanwhile
        records, wanted = engine.collection.records, text.casefold().split()
        names = self._allowed(engine, where)
        found: Sequence[Record] = records  # a record is made when it is asked for
        if names is not None:
            positions = engine.collection.positions
            found = [records[place] for place in sorted(positions[name] for name in names)]
        if wanted:
            found = [one for one in found if self._contains(one.identifier, wanted)]
        return {
            "total": len(found),
            "pictures": [
                {
                    "identifier": record.identifier,
                    "size": [record.width, record.height],
                    "picture": picture_url(record.identifier),
                    "labels": dict(self.register.of(record.identifier)),
                }
                for record in found[offset : offset + limit]
            ],
        }

    def _contains(self, identifier: str, wanted: Sequence[str]) -> bool:
        text = "\n".join([identifier, *self.register.of(identifier).values()]).casefold()
        return all(word in text for word in wanted)

    # Exports

    def csv(self, picks: Sequence[tuple[str, str]]) -> str:
        """Give a table of answers that were picked: (search, identifier)."""
        return picked_csv(picked(self.searches, picks), self.register)

    def page(self, picks: Sequence[tuple[str, str]], title: str) -> str:
        """Make a page of answers that were picked, in one file that opens offline."""
        return picked_page(picked(self.searches, picks), self.register, self.workers, title)

    # Changes of the index

    def refresh(self) -> bool:
        """Load the index anew when it has changed on disk; say whether it was."""
        with self._refreshing:
            try:
                changed = self.engine.refresh()
            except (BovwError, OSError, MemoryError) as error:  # said by /healthz, too
                told = str(error) or "not enough memory"
                if told != self.refresh_error:
                    _LOG.warning("the index as it was still answers: %s", told)
                self.refresh_error = told
                return False
            self.refresh_error = None
            if changed:
                _LOG.info("the index has changed: %d pictures", len(self.engine))
            return changed

    def close(self) -> None:
        """End the workers."""
        self.workers.close()


def record_of(engine: Engine, identifier: str) -> Record:
    """Give the record of a picture of the index, the only pictures that are read from disk."""
    collection = engine.collection
    return collection.records[collection.position(identifier)]


def base_name(name: str) -> str:
    """Give the name of an upload without folders, shortened: it is shown, and never opened."""
    last = PurePosixPath(name.replace("\\", "/")).name[:200]
    return last or "picture"


def _explanation(result: SearchResult, answer: Answer, following: Answer | None) -> Explanation:
    why = reason(answer, following)
    return Explanation(result.query, answer, answer.shared_words or (), following, why)


def open_service(
    index: str | os.PathLike[str],
    register: Register,
    options: ServeOptions,
    *,
    trusted: bool = True,
) -> Service:
    """Open an index, and serve it.

    Raises
    ------
    SettingsError
        When the index is a compressed one, which has no geometry to show, or one of the features
        of an own extractor, which no worker has.
    """
    if read_manifest(Path(index))["format"] == "bovw-lsa":
        raise SettingsError(
            f"{os.fsdecode(index)} is a compressed index, which has no geometry to show: serve the "
            "index that it was made from"
        )
    engine = Engine.open(index, trusted=trusted)
    _check_features(engine)
    return Service(engine, register, options)


def _check_features(engine: Engine) -> None:
    if not engine.index.is_ours:
        made_with = engine.index.descriptor["descriptor"]
        raise SettingsError(
            f"{engine.folder} was made with the features of {made_with!r}, and bovw serve extracts "
            "those of SIFT: index the pictures with SIFT to serve them, or search this index from "
            "Python (Engine.open(path, extractor=...))"
        )
