"""What the workers do: everything that reads the bytes of a picture."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

from PIL import Image as PillowImage

from ..errors import ImageError
from ..features import Features, SiftExtractor
from ..pictures import Box, Preview, read_preview
from ..report import Labels, encoded, explanation_block, page
from ..search import Answer, Explanation, SearchResult
from ..settings import FeatureSettings, ImageSettings

PREVIEW = 900
"""Side of the square that the preview of a query has as many pixels as, at most."""
_LARGEST_BYTES = 250_000


@dataclass(frozen=True)
class Encoded:
    """A picture as a browser reads it: bytes, media type, and the size of the original."""

    content: bytes
    kind: str
    size: tuple[int, int]


def query_features(
    source: bytes | str,
    features: FeatureSettings,
    images: ImageSettings,
    region: Box | None,
) -> tuple[Features, Encoded]:
    """Extract the features of a query, and make a preview of it."""
    found = SiftExtractor(features).extract(source, images, region)
    return found, preview(source, PREVIEW, images)


def preview(source: bytes | str, side: int, images: ImageSettings) -> Encoded:
    """Read a picture in colour, and encode it with at most `side` pixels a side."""
    read = read_preview(source, side, images)
    content, kind, _ = encoded(read.picture, side, _LARGEST_BYTES)
    return Encoded(content, kind, read.size)


def explained(
    one: Explanation,
    result: SearchResult,
    queries: dict[str, Encoded],
    labels: Labels,
) -> dict[str, Any]:
    """Give what a page shows of an explanation: its JSON, and patches of words."""
    return explanation_block(one, result, _Given(queries), labels)


def result_page(
    results: list[SearchResult], queries: dict[str, Encoded], labels: Labels, title: str
) -> str:
    """Make a page of results that opens offline."""
    sources = {name: _opened(shown) for name, shown in queries.items()}
    return page(results, sources=sources, labels=labels, title=title)


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
