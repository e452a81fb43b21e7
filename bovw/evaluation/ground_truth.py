"""Ground truths: which pictures are right, wrong or ignored for each query.

A protocol is data: what is asked, what may be found, what is junk, and what becomes of a query
that the base holds. Readers of published files are in `bovw.formats`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from ..errors import GroundTruthError

Box: TypeAlias = "tuple[float, float, float, float]"
InBase = Literal["keep", "junk", "remove"]


@dataclass(frozen=True)
class GroundTruthQuery:
    """A query, and what should be found for it.

    Attributes
    ----------
    image : str
    bbox : tuple of float or None
        ``x0, y0, x1, y1`` in pixels of the picture; None for all of it.
    positive, junk : frozenset of str
        Right answers; answers that are taken out before a ranking is scored.
    name : str
        Of the query, as TREC's topics have one; the name of its picture where that is asked once.
    gains : mapping of str to float
        How relevant positives are, for nDCG; those that are not named gain 1.
    group : str or None
        What the query shows (a landmark, an object): queries of one group are not independent,
        and have their own mean in a score by class. See `GroundTruth.groups`.
    """

    image: str
    bbox: Box | None = None
    positive: frozenset[str] = frozenset()
    junk: frozenset[str] = frozenset()
    name: str = ""
    gains: Mapping[str, float] = field(default_factory=dict)
    group: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.image)
        wrong = [n for n in self.positive if not self.gains.get(n, 1.0) > 0]
        if wrong:
            raise GroundTruthError(
                f"query {self.name!r}: the positive {min(wrong)!r} gains "
                f"{self.gains[min(wrong)]}, expected more than 0"
            )

    def gain(self, image: str) -> float:
        """How relevant a picture is: 0 for what is not positive."""
        return float(self.gains.get(image, 1.0)) if image in self.positive else 0.0


@dataclass(frozen=True)
class GroundTruth:
    """A base and queries: the protocol of an evaluation.

    Attributes
    ----------
    images : frozenset of str
        The pictures that may be found.
    queries : tuple of GroundTruthQuery
        With distinct names.
    name : str
        For tables.
    in_base : {"keep", "junk", "remove"}
        What becomes of a query that is found in the base, by name or by content: it stays
        (the protocol of Oxford 2007; also right where the junk of a query names it already), it
        is junk for that query (*each to each*, leave one out), or it is removed for all
        queries (a base of negatives that must not hold the queries).
    metrics : tuple of str
        What the authors of the protocol report; see `bovw.evaluation.metric`.
    """

    images: frozenset[str]
    queries: tuple[GroundTruthQuery, ...]
    name: str = "ground truth"
    in_base: InBase = "keep"
    metrics: tuple[str, ...] = ("ap_trapezoid", "ap", "p@1", "p@5", "p@10")

    def __post_init__(self) -> None:
        if self.in_base not in get_args(InBase):
            raise GroundTruthError(
                f"in_base={self.in_base!r}: expected one of {', '.join(get_args(InBase))}"
            )
        if not self.queries:
            raise GroundTruthError(f"{self.name} has no queries")
        seen: set[str] = set()
        for query in self.queries:
            if query.name in seen:
                raise GroundTruthError(
                    f"{self.name}: two queries are called {query.name!r}; give them names"
                )
            seen.add(query.name)
        strangers = {q.name: q.positive - self.images for q in self.queries}
        absent = sorted(frozenset().union(*strangers.values()))
        if absent:
            asking = [name for name, lacking in strangers.items() if lacking]
            raise GroundTruthError(
                f"{self.name}: {len(absent)} positives of {len(asking)} queries "
                f"({', '.join(asking)}) are not in the base (images); add them to it, or take them "
                f"from the queries: {', '.join(absent)}"
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """What each query shows: its group, or else the first query that shares an answer with it.

        Queries that lead to one picture, by themselves or by others in between, show one object.
        """
        parent = list(range(len(self.queries)))

        def root(i: int) -> int:
            while parent[i] != i:
                parent[i] = parent[parent[i]]
                i = parent[i]
            return i

        owner: dict[str, int] = {}
        for number, query in enumerate(self.queries):
            if query.group is None:
                for name in {query.image, *query.positive}:
                    one, other = sorted((root(owner.setdefault(name, number)), root(number)))
                    parent[other] = one
        return tuple(
            self.queries[root(i)].name if query.group is None else query.group
            for i, query in enumerate(self.queries)
        )

    def check_images(self, available: frozenset[str] | set[str], where: str) -> None:
        """Raise a GroundTruthError that names every picture of the base that is not available."""
        missing = sorted(self.images - available)
        if missing:
            raise GroundTruthError(
                f"{len(missing)} of {len(self.images)} pictures of {self.name} are not {where}: "
                + ", ".join(missing)
            )


def distinct_names(queries: list[GroundTruthQuery]) -> tuple[GroundTruthQuery, ...]:
    """Number the queries whose picture is asked more than once: ``a.jpg``, ``a.jpg#2``, ..."""
    counts: dict[str, int] = {}
    named = []
    for query in queries:
        counts[query.name] = count = counts.get(query.name, 0) + 1
        named.append(query if count == 1 else replace(query, name=f"{query.name}#{count}"))
    return tuple(named)
