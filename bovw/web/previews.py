"""Pictures of the index as a browser reads them, the latest of which are kept in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ..pictures import Record
from ..settings import ImageSettings
from .decoding import Encoded, preview_reply, read_preview_of
from .workers import Workers

SIDES = (160, 420, 640, 1000, 1600)
"""Sides of previews; of any others there would be too many to keep."""
_MOST_BYTES = 64 << 20


class Previews:
    """Previews that workers make.

    Parameters
    ----------
    workers : Workers
    """

    def __init__(self, workers: Workers) -> None:
        self.workers = workers
        self._kept: OrderedDict[tuple[str, int], Encoded] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def of(self, record: Record, side: int, images: ImageSettings) -> Encoded:
        """Give a picture of the index with about `side` pixels a side.

        Raises
        ------
        ImageError
            When it cannot be read any more.
        """
        side = next((each for each in SIDES if each >= side), SIDES[-1])
        key = f"{record.sha256} {record.path}", side
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = read_preview_of(self.workers.call(preview_reply, record.path, side, images))
        with self._lock:
            if key not in self._kept:
                self._kept[key] = made
                self._bytes += len(made.content)
            while self._bytes > _MOST_BYTES:
                _, old = self._kept.popitem(last=False)
                self._bytes -= len(old.content)
        return made


class Links:
    """Pictures by their address on this server (`bovw.report.blocks.Pictures`)."""

    def __init__(self, search: str, names: Sequence[str]) -> None:
        self.search = search
        self.names = list(names)

    def of_query(self, name: str) -> None:
        """No picture: patches are cut out by workers."""

    def of_answer(self, answer: object) -> None:
        """No picture, either."""

    def shown(self, name: str, path: str, *, is_query: bool) -> dict[str, Any]:
        """Give the address of a picture."""
        if is_query:
            url = f"/api/searches/{self.search}/pictures/{self.names.index(name)}"
        else:
            url = picture_url(name)
        return {"picture": url, "unshown": None}


def picture_url(identifier: str) -> str:
    """Address of a picture of the index; a name of any bytes stands in it percent-encoded."""
    return f"/api/pictures/{quote(identifier.encode('utf-8', 'surrogateescape'), safe='')}"
