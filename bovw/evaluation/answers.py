"""Single answers of a run, and what the ground truth says of each."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from .ground_truth import GroundTruthQuery
from .run import Run


@dataclass(frozen=True)
class JudgedAnswer:
    """An answer, and what the ground truth says of it.

    Attributes
    ----------
    name : str
    rank : int or None
        1 for the first. Junk is not counted, and has no rank.
    truth : {"right", "wrong", "junk"}
    gain : float
        How relevant it is; 0 unless it is right.
    """

    name: str
    rank: int | None
    truth: Literal["right", "wrong", "junk"]
    gain: float


def judged_answers(
    run: Run, query: GroundTruthQuery, taken: Collection[str]
) -> Iterator[JudgedAnswer]:
    """Judge the answers that a system itself returned, best first.

    Parameters
    ----------
    run : Run
    query : GroundTruthQuery
    taken : collection of str
        Pictures that count neither as right nor as wrong; see `taken_out`.
    """
    rank = 0
    for number in run.ranked(query.name).tolist():
        name = run.items[number]
        if name in taken:
            yield JudgedAnswer(name, None, "junk", 0.0)
            continue
        rank += 1
        gain = query.gain(name)
        yield JudgedAnswer(name, rank, "right" if gain else "wrong", gain)


def first_answers(
    run: Run, query: GroundTruthQuery, taken: Collection[str], n: int
) -> list[JudgedAnswer]:
    """Judge the first `n` answers that are no junk, and the junk before them."""
    found: list[JudgedAnswer] = []
    for answer in judged_answers(run, query, taken):
        if len(found) == n + sum(one.rank is None for one in found):
            break
        found.append(answer)
    return found


def first_wrong(run: Run, query: GroundTruthQuery, taken: Collection[str]) -> JudgedAnswer | None:
    """Give the first wrong answer; None when the system returned none."""
    return next((a for a in judged_answers(run, query, taken) if a.truth == "wrong"), None)
