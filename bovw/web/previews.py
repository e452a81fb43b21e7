"""Pictures of the index as a browser reads them, the latest of which are kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from ..pictures import Record
from ..settings import ImageSettings
from .decoding import Encoded, preview_reply, read_preview_of
from .latest import Latest
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
        self._latest: Latest[tuple[str, str, int], Encoded] = Latest(_MOST_BYTES)

    def of(self, record: Record, side: int, images: ImageSettings) -> Encoded:
        """Give a picture of the index with about `side` pixels a side.

        Raises
        ------
        ImageError
            When it cannot be read any more.
        """
        side = next((each for each in SIDES if each >= side), SIDES[-1])
        key = record.sha256, record.path, side
        found = self._latest.get(key)
        if found is None:
            reply = self.workers.call(preview_reply, record.path, side, images)
            found = read_preview_of(reply)
            self._latest.put(key, found, len(found.content))
        return found


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
