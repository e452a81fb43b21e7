"""Ground truths: which pictures are right, wrong or ignored for each query.

A `GroundTruth` describes an evaluation protocol as data: the queries, the base (the pictures that
may be found), the junk (pictures that are ignored), and what happens with a query picture that is
also in the base. Readers of published files are in `bovw.formats`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias, get_args

from ..errors import GroundTruthError, some

Box: TypeAlias = tuple[float, float, float, float]
InBase = Literal["keep", "junk", "remove"]
"""What happens with a query picture that is in the base; see `GroundTruth`."""


@dataclass(frozen=True)
class GroundTruthQuery:
    """A query, and the pictures that should be found for it.

    Attributes
    ----------
    image : str
        Name of the query picture.
    bbox : tuple of float or None
        The query is this box of the picture, ``x0, y0, x1, y1`` in pixels; None: all of it.
    positive, junk : frozenset of str
        Names of the right answers, and of pictures that are removed before a ranking is scored.
    name : str
        Name of the query (the topic in TREC's terms); default: the name of its picture.
    gains : mapping of str to float
        How relevant positives are, for nDCG. Positives that are not in it gain 1.
    group : str or None
        What the query shows, such as a landmark or an object. Queries of the same group are not
        statistically independent, and scores can be averaged by group. See `GroundTruth.groups`.
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
        """How relevant a picture is for this query: 0 unless it is a positive."""
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
        Name for tables.
    in_base : {"keep", "junk", "remove"}
        What happens with a query picture that is in the base, by name or by content. "keep": it
        stays in the base (the protocol of Oxford 2007; also right when the junk of a query already
        names it). "junk": it is junk for that query (each picture against all others, "leave one
        out"). "remove": it is junk for all queries (a base that must not contain any query).
    metrics : tuple of str
        Metrics that the authors of the protocol report; see `bovw.evaluation.metric`.
    notes : tuple of str
        What a reader of scores must know of how it was read.
    """

    images: frozenset[str]
    queries: tuple[GroundTruthQuery, ...]
    name: str = "ground truth"
    in_base: InBase = "keep"
    metrics: tuple[str, ...] = ("ap_trapezoid", "ap", "p@1", "p@5", "p@10")
    notes: tuple[str, ...] = ()

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
                f"({some(asking)}) are not in the base (images); add them to it, or take them "
                f"from the queries: {some(absent)}"
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each query.

        Queries without a given group are grouped by their pictures: two queries are in one group
        when they share a picture (a positive or a query picture), directly or through a chain of
        other queries. The group is named after its first query.
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
        """Raise a GroundTruthError that names all pictures of the base that are not available."""
        missing = sorted(self.images - available)
        if missing:
            raise GroundTruthError(
                f"{len(missing)} of {len(self.images)} pictures of {self.name} are not {where}: "
                + some(missing)
            )


def distinct_names(queries: list[GroundTruthQuery]) -> tuple[GroundTruthQuery, ...]:
    """Number queries that have the same name: ``a.jpg``, ``a.jpg#2``, ``a.jpg#3``, ..."""
    counts: dict[str, int] = {}
    named = []
    for query in queries:
        counts[query.name] = count = counts.get(query.name, 0) + 1
        named.append(query if count == 1 else replace(query, name=f"{query.name}#{count}"))
    return tuple(named)
