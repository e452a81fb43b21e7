"""Draws the match of a query and an answer with matplotlib, for notebooks and papers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, imported, printable, shown
from ..pictures import Preview, Source, read_preview
from ..search import Answer, Explanation, SearchResult
from ..settings import checked_arguments
from .page_parts import WORDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
else:
    Axes = object  # what `checked_arguments` finds: matplotlib is imported when it is needed

_SIDE = 800  # side of the square that a picture may have
_GAP = 20


@checked_arguments
def draw_matches(
    found: SearchResult | Explanation,
    rank: int = 1,
    *,
    ax: Axes | None = None,
    lines: bool = True,
    query: Source | None = None,
    sources: Mapping[str, Source] | None = None,
) -> Axes:
    """Draw a query beside an answer, with what matched in both and lines between the inliers.

    Parameters
    ----------
    found : SearchResult or Explanation
    rank : int
        Which answer of a result: 1 for the first.
    ax : matplotlib.axes.Axes, optional
        Where to draw; default: a new figure.
    lines : bool
        Whether inliers are connected.
    query : source, optional
        Picture of the query, when it was no file.
    sources : mapping of str to source, optional
        Pictures that are not where the results say, by identifier of the answer.

    Returns
    -------
    matplotlib.axes.Axes
        Its unit is a pixel of the drawing, in which both pictures have the same height.

    Raises
    ------
    SettingsError
        When there is no answer of this rank, or `ax` is no axes.
    ImageError
        When a picture cannot be read.
    MissingPackageError
        When matplotlib is not installed.
    """
    plots = imported("matplotlib.pyplot", "report", "a drawing of matches")
    if ax is not None and not callable(getattr(ax, "imshow", None)):
        raise SettingsError(f"ax={shown(ax)}: expected axes of matplotlib")
    answer, name = _chosen(found, rank)
    left = read_preview(query if query is not None else name, _SIDE)
    right = read_preview((sources or {}).get(answer.identifier, answer.path), _SIDE)
    if ax is None:
        _, ax = plots.subplots(figsize=(11, 5), layout="constrained")
    assert ax is not None
    height = max(left.picture.height, right.picture.height)
    columns = [_resized(preview, height) for preview in (left, right)]
    start = columns[0].shape[1] + _GAP
    gap = np.full((height, _GAP, 3), 255, np.uint8)
    ax.imshow(np.concatenate([columns[0], gap, columns[1]], axis=1), interpolation="bilinear")
    ax.set_axis_off()
    _outline(ax, answer, (left, right), height, start)
    if lines and answer.query_points is not None and answer.points is not None:
        one = _moved(answer.query_points, left, height, 0)
        two = _moved(answer.points, right, height, start)
        if len(one):
            ax.plot(
                np.stack([one[:, 0], two[:, 0]]),
                np.stack([one[:, 1], two[:, 1]]),
                color="#ffd23f",
                linewidth=0.7,
                alpha=0.7,
                marker="o",
                markersize=2,
            )
    points = "" if answer.inliers is None else f", {answer.inliers} inliers"
    title = f"{answer.rank}  {printable(answer.identifier)}: {WORDS[answer.decision]}{points}"
    ax.set_title(title, parse_math=False)  # a name may hold dollars
    return ax


def _chosen(found: SearchResult | Explanation, rank: int) -> tuple[Answer, str]:
    """Give an answer, and the name of the query's picture that it was verified with."""
    if isinstance(found, Explanation):
        return found.answer, found.query
    for answer in found:
        if answer.rank == rank:
            asked = found.pictures[answer.query_picture : answer.query_picture + 1]
            return answer, asked[0].name if asked else found.query
    raise SettingsError(
        f"rank={shown(rank)}: expected 1 to {len(found)}, the ranks of the answers"
        if len(found)
        else f"rank={shown(rank)}: the query has no answers"
    )


def _resized(preview: Preview, height: int) -> NDArray[np.uint8]:
    width = max(1, round(preview.picture.width * height / preview.picture.height))
    return np.asarray(preview.picture.resize((width, height)), np.uint8)


def _moved(
    positions: NDArray[Any], preview: Preview, height: int, start: int
) -> NDArray[np.float64]:
    """Move positions in a picture to the drawing."""
    scale = height / preview.size[1]
    return (np.asarray(positions, np.float64) + 0.5) * scale - 0.5 + [start, 0]


def _outline(
    ax: Axes, answer: Answer, both: tuple[Preview, Preview], height: int, start: int
) -> None:
    corners = (answer.query_quadrilateral, answer.quadrilateral)
    for quad, preview, at in zip(corners, both, (0, start), strict=True):
        if quad is not None:
            closed = _moved(np.vstack([quad, quad[:1]]), preview, height, at)
            for color, width in (("black", 4.0), ("#ffd23f", 2.0)):
                ax.plot(*closed.T, color=color, linewidth=width, scalex=False, scaley=False)
