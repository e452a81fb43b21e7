"""Things that are remembered up to a number of bytes; the least recently used are dropped first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Latest(Generic[Key, Value]):
    """The latest things; several threads may use it.

    Parameters
    ----------
    most_bytes : int
        The last one stays, even if it alone takes more.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.n_bytes = 0
        self._kept: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: Key) -> bool:
        return key in self._kept

    def get(self, key: Key) -> Value | None:
        """Give a thing, which is then the latest; None when it is not there any more."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key][0]

    def put(self, key: Key, value: Value, n_bytes: int) -> None:
        """Remember a thing, and drop the oldest ones if they take too much."""
        with self._lock:
            if key in self._kept:
                self.n_bytes -= self._kept.pop(key)[1]
            self._kept[key] = value, n_bytes
            self.n_bytes += n_bytes
            while self.n_bytes > self.most_bytes and len(self._kept) > 1:
                self.n_bytes -= self._kept.popitem(last=False)[1][1]
