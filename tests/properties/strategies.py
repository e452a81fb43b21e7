"""What the properties are tried on: names, rankings, ground truths, settings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from bovw.evaluation import GroundTruth, GroundTruthQuery

# Any character but 0, which no name has (and which csv of Python 3.10 refuses), and the surrogates
# that stand for bytes of names that are not UTF-8; in a name these bytes make no character.
CHARACTERS = st.one_of(
    st.characters(min_codepoint=1, exclude_categories=("Cs",)),
    st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF, categories=("Cs",)),
)
NAMES = st.text(CHARACTERS, min_size=1, max_size=8).map(
    lambda name: name.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
)
GAINS = st.lists(st.integers(0, 3), max_size=40)
"""How relevant each answer of a ranking is, best answer first."""


@st.composite
def truths(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> GroundTruth:
    """Ground truths with gains that are whole numbers, junk, boxes and groups."""
    images = draw(st.lists(names, min_size=1, max_size=8, unique=True))
    queries = []
    for name in draw(st.lists(names, min_size=1, max_size=4, unique=True)):
        kinds = draw(st.lists(st.integers(-1, 3), min_size=len(images), max_size=len(images)))
        judged = dict(zip(images, kinds, strict=True))
        queries.append(
            GroundTruthQuery(
                draw(st.sampled_from(images)),
                draw(st.one_of(st.none(), boxes())),
                frozenset(image for image, kind in judged.items() if kind > 0),
                frozenset(image for image, kind in judged.items() if kind < 0),
                name=name,
                gains={image: float(kind) for image, kind in judged.items() if kind > 1},
                group=draw(st.one_of(st.none(), st.text("abc", min_size=1, max_size=2))),
            )
        )
    in_base: Any = draw(st.sampled_from(["keep", "junk", "remove"]))
    return GroundTruth(frozenset(images), tuple(queries), draw(NAMES), in_base)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    x0, y0 = draw(st.floats(0, 100)), draw(st.floats(0, 100))
    return x0, y0, x0 + draw(st.floats(1, 100)), y0 + draw(st.floats(1, 100))


@st.composite
def decreasing_scores(draw: st.DrawFn, n: int) -> list[float]:
    """Scores of `n` answers, best first; equal ones and infinite ones are allowed."""
    numbers = st.floats(allow_nan=False)
    return sorted(draw(st.lists(numbers, min_size=n, max_size=n)), reverse=True)
