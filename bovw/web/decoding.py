"""What the workers do: everything that reads the bytes of a picture.

A function ``..._reply`` runs in a worker; the one after it reads its answer in the server.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from ..errors import ImageError
from ..features import Features, SiftExtractor
from ..pictures import Box, Preview, read_preview
from ..report import Labels, encoded, explanation_block, page
from ..search import Answer, Explanation, SearchResult
from ..settings import FeatureSettings, ImageSettings
from .replies import Reply, ReplyError

PREVIEW = 900
"""Side of the square that the preview of a query has as many pixels as, at most."""
_LARGEST_BYTES = 250_000
_KINDS = ("image/webp", "image/jpeg")


@dataclass(frozen=True)
class Encoded:
    """A picture as a browser reads it: bytes, media type, and the size of the original."""

    content: bytes
    kind: str
    size: tuple[int, int]


def features_reply(
    source: bytes | str,
    features: FeatureSettings,
    images: ImageSettings,
    region: Box | None,
) -> Reply:
    """Extract the features of a query, and make a preview of it."""
    found = SiftExtractor(features).extract(source, images, region)
    shown = preview_reply(source, PREVIEW, images)
    known = {
        "size": found.size,
        "sha256": found.sha256,
        "region": found.region,
        "left_out": found.left_out,
    }
    return Reply([known, shown.content], (found.keypoints, found.descriptors, *shown.parts))


def read_features(reply: Reply) -> tuple[Features, Encoded]:
    """Read the features of a query, and its preview."""
    try:
        known, shown = reply.content
        keypoints, descriptors, preview = reply.parts
        # One row a feature, and numbers that are finite: `from_arrays` checks them.
        checked = Features.from_arrays(
            keypoints, descriptors, _size(known["size"]), binary=False, sha256=str(known["sha256"])
        )
        box = known["region"]
        region: Any = None if box is None else tuple(float(value) for value in box)
        left_out = int(known["left_out"])
    except (ValueError, TypeError, KeyError) as error:
        raise ReplyError("a worker answered with features that are none") from error
    return (
        replace(checked, region=region, left_out=left_out),
        read_preview_of(Reply(shown, (preview,))),
    )


def preview_reply(source: bytes | str, side: int, images: ImageSettings) -> Reply:
    """Read a picture in colour, and encode it with at most `side` pixels a side."""
    read = read_preview(source, side, images)
    content, kind, _ = encoded(read.picture, side, _LARGEST_BYTES)
    return Reply([kind, read.size], (np.frombuffer(content, np.uint8),))


def read_preview_of(reply: Reply) -> Encoded:
    """Read a picture that a worker encoded; it is only passed on, and not decoded."""
    try:
        kind, size = reply.content
        (content,) = reply.parts
        if kind not in _KINDS:
            raise ValueError("another kind of picture")
        return Encoded(content.tobytes(), kind, _size(size))
    except (ValueError, TypeError) as error:
        raise ReplyError("a worker answered with a picture that is none") from error


def _size(size: Sequence[Any]) -> tuple[int, int]:
    width, height = size
    return int(width), int(height)


def explanation_reply(
    one: Explanation,
    result: SearchResult,
    queries: dict[str, Encoded],
    labels: Labels,
) -> Reply:
    """Give what a page shows of an explanation: its JSON, and patches of words."""
    return Reply(explanation_block(one, result, _Given(queries), labels))


def page_reply(
    results: list[SearchResult], queries: dict[str, Encoded], labels: Labels, title: str
) -> Reply:
    """Make a page of results that opens offline."""
    sources = {name: _opened(shown) for name, shown in queries.items()}
    return Reply(page(results, sources=sources, labels=labels, title=title))


class _Given:
    """Queries from their previews, answers from their files (`bovw.report.blocks.Pictures`)."""

    def __init__(self, queries: dict[str, Encoded]) -> None:
        self.queries = queries

    def of_query(self, name: str) -> Preview | None:
        one = self.queries[name]
        return Preview(_opened(one), one.size)

    def of_answer(self, answer: Answer) -> Preview | None:
        try:
            return read_preview(answer.path, PREVIEW)
        except ImageError:  # the page shows a frame with the reason in place of the picture
            return None

    def shown(self, name: str, path: str, *, is_query: bool) -> dict[str, Any]:
        return {"picture": None, "unshown": None}


def _opened(shown: Encoded) -> PillowImage.Image:
    return PillowImage.open(io.BytesIO(shown.content)).convert("RGB")


def limited(images: ImageSettings, max_pixels: int) -> ImageSettings:
    """Settings for reading what was uploaded, with the smaller limit of pixels."""
    return replace(images, max_pixels=min(images.max_pixels, max_pixels))
