"""The page of an index: its pictures, their features, the use of words, failures, and groups."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from ..collection import Occurrence, Overview, WordUse
from ..groups import LEVELS, Groups
from ..pictures import Failure, Path_, Record, Source
from ..settings import checked_arguments
from .groups_tables import summary
from .page_parts import Page, frame
from .thumbnails import PATCH, cut, data_uri

_STYLES = ("page.css", "sheet.css", "index.css")
_PREVIEW, _KEPT = 1200, 24  # side of the square that patches are cut out of; previews in memory
_PATCH_BYTES = 16_000  # of the patches of a word together
_BINS = 24  # bars of a histogram
_LISTED = 500  # failures, or pictures without features, that are named
_SMALL = 40  # pixels of the shorter side, below which a picture has room for hardly any feature


@checked_arguments
def index_page(
    overview: Overview,
    *,
    facts: Mapping[str, Any] | None = None,
    failures: Sequence[Failure] = (),
    without_features: Sequence[Record] = (),
    groups: Sequence[Groups] | None = None,
    sources: Mapping[str, Source] | None = None,
    region_factor: float = 2.5,
    title: str | None = None,
) -> str:
    """Show an index as one HTML page, which needs no other file and no network.

    Parameters
    ----------
    overview : Overview
        From `Engine.overview`.
    facts : mapping, optional
        Names and values to list at the top, such as those of `Engine.info`.
    failures : sequence of Failure
        Pictures that could not be read: `Engine.failures`.
    without_features : sequence of Record
        Pictures in which no feature was found.
    groups : sequence of Groups, optional
        Groups that are known; None when pictures were not compared yet.
    sources : mapping of str to source, optional
        Pictures that are not where the index says, by identifier.
    region_factor : float
        See `FeatureSettings`: how large a region a feature describes.
    title : str, optional

    Returns
    -------
    str
        HTML. Of a picture that cannot be read any more there are no patches; the page says which.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    made = _Page(overview, facts, failures, without_features, groups, sources, region_factor, title)
    return made.text()


@checked_arguments
def save_index_page(
    overview: Overview,
    path: Path_,
    *,
    facts: Mapping[str, Any] | None = None,
    failures: Sequence[Failure] = (),
    without_features: Sequence[Record] = (),
    groups: Sequence[Groups] | None = None,
    sources: Mapping[str, Source] | None = None,
    region_factor: float = 2.5,
    title: str | None = None,
) -> list[tuple[str, str]]:
    """Write the page to a file; see `index_page` for the parameters.

    Returns
    -------
    list of (str, str)
        Names of the pictures of which the page lacks patches, each with the reason.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    StorageError
        When the file cannot be written.
    """
    made = _Page(overview, facts, failures, without_features, groups, sources, region_factor, title)
    return made.save(path)


class _Page(Page):
    def __init__(
        self,
        overview: Overview,
        facts: Mapping[str, Any] | None,
        failures: Sequence[Failure],
        without_features: Sequence[Record],
        groups: Sequence[Groups] | None,
        sources: Mapping[str, Source] | None,
        region_factor: float,
        title: str | None,
    ) -> None:
        super().__init__("An index of pictures" if title is None else title, sources)
        self.overview, self.facts = overview, dict(facts or {})
        self.failures, self.without = list(failures), list(without_features)
        self.groups = groups
        self.side = 12.0 * region_factor  # of the described square, in scales
        self._preview = lru_cache(_KEPT)(self.preview)

    def pieces(self) -> Iterator[str]:
        seen, sizes = self.overview, self.overview.sizes
        used = seen.n_features[seen.n_features > 0]
        yield from frame(
            "index.html.jinja",
            self.title,
            _STYLES,
            (),
            facts=self.facts,
            n_pictures=len(sizes),
            n_features=int(sizes.sum()),
            median=float(np.median(sizes)) if len(sizes) else 0.0,
            most=int(sizes.max(initial=0)),
            sizes=_bars(sizes, "pictures", "features"),
            words=_bars(used, "words", "occurrences", logarithmic=True),
            n_words=len(seen.n_features),
            n_unused=len(seen.n_features) - len(used),
            n_once=int(np.count_nonzero(used == 1)),
            imbalance=seen.imbalance,
            frequent=(self._word(use) for use in seen.frequent),
            rare=(self._word(use) for use in seen.rare),
            patch=PATCH,
            n_failures=len(self.failures),
            failures=self.failures[:_LISTED],
            n_without=len(self.without),
            without=[(record, _why(record)) for record in self.without[:_LISTED]],
            groups=None if self.groups is None else [_grouped(each) for each in self.groups],
            unshown=self.unshown,
        )

    def _word(self, use: WordUse) -> dict[str, Any]:
        patches = [patch for each in use.examples if (patch := self._patch(each)) is not None]
        sheet = None
        if patches:
            strip = PillowImage.new("RGB", (PATCH * len(patches), PATCH))
            for place, patch in enumerate(patches):
                strip.paste(patch, (place * PATCH, 0))
            sheet = data_uri(strip, max(strip.size), _PATCH_BYTES)[0]
        lacking = [each.identifier for each in use.examples if each.identifier in self.unshown]
        return {
            "word": use.word,
            "n_features": use.n_features,
            "n_pictures": use.n_pictures,
            "sheet": sheet,
            "n_patches": len(patches),
            "lacking": len(lacking),
        }

    def _patch(self, example: Occurrence) -> PillowImage.Image | None:
        """The square that a feature describes, turned as the descriptor is."""
        preview = self._preview(example.identifier, example.path, _PREVIEW)
        if preview is None:
            return None
        turn = np.deg2rad(example.angle)
        across = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        step = across * (self.side * example.scale / PATCH)
        return cut(preview, np.array([example.x, example.y]), step)


def _bars(
    values: NDArray[np.integer], what: str, unit: str, *, logarithmic: bool = False
) -> list[dict[str, Any]]:
    """The bars of a histogram: where each begins and ends, and how high it is in shares."""
    if len(values) == 0:
        return []
    low, high = int(values.min()), int(values.max())
    if logarithmic:
        edges = np.unique(np.rint(np.geomspace(max(low, 1), high + 1, _BINS + 1)).astype(np.int64))
    else:
        step = max(1, -(-(high + 1 - low) // _BINS))
        edges = np.arange(low, high + 1 + step, step)
    counts, _ = np.histogram(values, edges)
    edges[-1] = high + 1
    largest = max(1, int(counts.max()))
    return [
        {
            "from": int(begin),
            "to": int(end) - 1,
            "count": int(count),
            "share": float(count) / largest,
            "words": f"{_span(int(begin), int(end) - 1)} {unit}: {int(count):,} {what}",
        }
        for begin, end, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]


def _span(begin: int, end: int) -> str:
    return f"{begin:,}" if end <= begin else f"{begin:,} to {end:,}"


def _why(record: Record) -> str:
    """Why a picture may have no features."""
    size = f"{record.width} \N{MULTIPLICATION SIGN} {record.height} pixels"
    if min(record.width, record.height) < _SMALL:
        return f"{size}: too small"
    return f"{size}: nothing in it stands out (it is flat, blurred, or very dark)"


def _grouped(groups: Groups) -> dict[str, Any]:
    return {
        "level": groups.level,
        "meaning": LEVELS[groups.level],
        "summary": summary(groups),
        "largest": [{"n": len(group), "keeper": group.keeper.identifier} for group in groups[:10]],
    }
