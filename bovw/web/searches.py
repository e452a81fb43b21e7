"""Searches that are remembered for a while: for explanations, and to export answers."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ..errors import BovwError
from ..features import Features
from ..search import SearchResult
from .decoding import Encoded

_MOST_BYTES = 128 << 20


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
    options : dict
        Arguments of the search, for an explanation under the same conditions.
    """

    result: SearchResult
    features: tuple[Features, ...]
    previews: tuple[Encoded, ...]
    options: dict[str, Any]

    @property
    def n_bytes(self) -> int:
        """About how much memory it takes."""
        n_bytes = 4096 + sum(len(shown.content) for shown in self.previews)
        for part in self.features:
            n_bytes += part.keypoints.nbytes + part.descriptors.nbytes
        for answer in self.result:
            for held in (answer.points, answer.query_points, answer.words, answer.scales):
                n_bytes += 0 if held is None else held.nbytes
        return n_bytes


class Searches:
    """The latest searches, by names that nobody guesses; the oldest are forgotten first."""

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.n_bytes = 0
        self._kept: OrderedDict[str, Search] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def keep(self, search: Search) -> str:
        """Remember a search; return its name."""
        name = secrets.token_hex(12)
        with self._lock:
            self._kept[name] = search
            self.n_bytes += search.n_bytes
            while self.n_bytes > self.most_bytes and len(self._kept) > 1:
                _, old = self._kept.popitem(last=False)
                self.n_bytes -= old.n_bytes
        return name

    def __getitem__(self, name: str) -> Search:
        """Give a search.

        Raises
        ------
        ForgottenError
        """
        with self._lock:
            found = self._kept.get(name)
            if found is None:
                raise ForgottenError("this search is not remembered any more: search again", [name])
            self._kept.move_to_end(name)
            return found
