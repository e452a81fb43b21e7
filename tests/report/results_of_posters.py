"""Results that tests of tables and pages share, some with names that mean harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import bovw
from bovw.search import SearchResults

HOSTILE = [
    "<script>window.harm = 1</script>",
    "</script><script>window.harm = 2</script>",
    "\"'><img src=x onerror='window.harm = 3'>",
    "{{ 7 * 7 }}",
    "two\nlines\r and a tab\t",
    "n" * 500,
    "\u202egpj.exe",
    "\u0635\u0648\u0631\u0629.jpg",
    "not utf-8 \udcff.jpg",
    "=1+1",
    "'=2+2",
    "-3",
    "@4",
    'quo"te, comma;',
    "back\\slash\\n",
]


def hostile(result: bovw.SearchResult) -> bovw.SearchResult:
    """A result with as many answers as there are names that mean harm, each with one of them."""
    answers = []
    for number, name in enumerate(HOSTILE):
        one = result[number % len(result)]
        answers.append(replace(one, rank=number + 1, identifier=name, reason=name))
    return replace(result, query=HOSTILE[0], answers=tuple(answers))


def many(result: bovw.SearchResult, n: int) -> bovw.SearchResult:
    """A result with `n` answers, whose names end with their rank, and whose scores fall."""
    answers = [
        replace(
            result[i % len(result)],
            rank=i + 1,
            identifier=f"folder/picture_{i + 1:04d}.jpg",
            score=3 - i / n,
            decision=("match", "possible", "no")[3 * i // n],
        )
        for i in range(n)
    ]
    return replace(result, answers=tuple(answers))


def of_posters(engine: bovw.Engine, pictures: list[Path]) -> SearchResults:
    """A whole picture, a region, one that is missing, and one without features."""
    import numpy as np

    queries = [pictures[0], (pictures[6], (100, 100, 400, 400)), "missing.jpg"]
    results = engine.search_many(queries, 6, explain=True)
    results.append(engine.search(np.full((60, 90), 128, np.uint8)))
    return results
