"""Searches that are remembered for a while: for explanations, and to export answers."""

from __future__ import annotations

import secrets
import sys
import threading
from dataclasses import dataclass, replace

from ..errors import BovwError
from ..features import Features
from ..search import Answer, Combine, SearchResult
from .decoding import Encoded
from .latest import Latest

_MOST_BYTES = 128 << 20
_ANSWER_BYTES = 1024  # of an answer without its arrays


class ForgottenError(BovwError):
    """Searches are not remembered any more.

    Attributes
    ----------
    names : list of str
        Names of the searches.
    """

    def __init__(self, reason: str, names: list[str]) -> None:
        super().__init__(reason)
        self.names = names


@dataclass(frozen=True)
class Conditions:
    """How to search; names and defaults are those of `Engine.search`, ``where`` is a condition."""

    k: int = 20
    verify: int | None = None
    expand: str | None = None
    also: str | None = None
    combine: Combine = "joined"
    where: str | None = None


@dataclass(frozen=True)
class Search:
    """A search that was done.

    Attributes
    ----------
    result : SearchResult
        The names of its pictures differ from each other.
    features : tuple of Features
        Of each picture of the query.
    previews : tuple of Encoded
        A preview of each picture of the query.
    conditions : Conditions
    allow : list of str or None
        The pictures that could be answers, if not all; for an explanation.
    explained : tuple of Answer
        Pictures that are none of the answers, and were explained ("why not"); they can be picked.
    """

    result: SearchResult
    features: tuple[Features, ...]
    previews: tuple[Encoded, ...]
    conditions: Conditions
    allow: list[str] | None
    explained: tuple[Answer, ...] = ()

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        answers = (*self.result, *self.explained)
        n_bytes = 4096 + _ANSWER_BYTES * len(answers)
        n_bytes += sys.getsizeof(self.allow)  # without the names, which are those of the register
        n_bytes += sum(len(shown.content) for shown in self.previews)
        for part in self.features:
            n_bytes += part.keypoints.nbytes + part.descriptors.nbytes
        for answer in answers:
            for held in (answer.points, answer.query_points, answer.words, answer.scales):
                n_bytes += 0 if held is None else held.nbytes
        return n_bytes


class Searches:
    """The latest searches, by names that nobody guesses; the oldest are forgotten first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._latest: Latest[str, Search] = Latest(most_bytes)
        self._adding = threading.Lock()

    def __len__(self) -> int:
        return len(self._latest)

    def __contains__(self, name: str) -> bool:
        return name in self._latest

    @property
    def n_bytes(self) -> int:
        """About how much memory they take."""
        return self._latest.n_bytes

    def keep(self, search: Search) -> str:
        """Remember a search; return its name."""
        name = secrets.token_hex(12)
        self._latest.put(name, search, search.n_bytes)
        return name

    def add(self, name: str, answer: Answer) -> None:
        """Remember a picture that was explained, with the search that it is no answer of."""
        with self._adding:
            search = self._latest.get(name)
            if search is None:  # forgotten meanwhile
                return
            others = [a for a in search.explained if a.identifier != answer.identifier]
            search = replace(search, explained=(*others, answer))
            self._latest.put(name, search, search.n_bytes)

    def __getitem__(self, name: str) -> Search:
        """Give a search.

        Raises
        ------
        ForgottenError
        """
        found = self._latest.get(name)
        if found is None:
            raise ForgottenError("this search is not remembered any more: search again", [name])
        return found
