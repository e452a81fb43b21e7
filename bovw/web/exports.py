"""Answers that people picked, as a table and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..errors import SettingsError, some
from ..report import results_csv
from ..search import SearchResult
from .decoding import Encoded, page_reply
from .register import Register
from .searches import ForgottenError, Search, Searches
from .workers import WorkerError, Workers


def picked(searches: Searches, picks: Sequence[tuple[str, str]]) -> list[Search]:
    """Give searches with only those answers that were picked.

    Parameters
    ----------
    searches : Searches
    picks : sequence of (str, str)
        Names of searches, and identifiers of their answers, or of pictures that were explained.

    Raises
    ------
    ForgottenError
        When one of the searches is not remembered any more.
    SettingsError
        When a picture is neither an answer of its search nor was explained.
    """
    wanted: dict[str, set[str]] = {}
    for name, identifier in picks:
        wanted.setdefault(name, set()).add(identifier)
    forgotten = [name for name in wanted if name not in searches]
    if forgotten:
        n = sum(name in forgotten for name, _ in picks)
        raise ForgottenError(
            f"{n} of {len(picks)} answers are of searches that are not remembered any more: take "
            "them out, or search again",
            forgotten,
        )
    found = []
    for name, identifiers in wanted.items():
        search = searches[name]
        known = {answer.identifier: answer for answer in (*search.explained, *search.result)}
        strange = sorted(identifiers - known.keys())
        if strange:
            raise SettingsError(
                f"{some(map(repr, strange))}: no answer of {search.result.query!r:.200}: take it "
                "out, or ask why not, and then pick it"
            )
        answers = tuple(
            sorted((known[one] for one in identifiers), key=lambda a: (a.rank, a.identifier))
        )
        found.append(replace(search, result=replace(search.result, answers=answers)))
    return found


def picked_csv(searches: Sequence[Search], register: Register) -> str:
    """Give a table of the answers of searches, with the columns of a register."""
    results = [search.result for search in searches]
    labels = {name: row for r in results for name, row in labels_of(register, r).items()}
    return results_csv(results, labels)


def picked_page(
    searches: Sequence[Search], register: Register, workers: Workers, title: str
) -> str:
    """Make a page of the answers of searches; a worker reads their pictures."""
    taken = {answer.identifier for search in searches for answer in search.result}
    results: list[SearchResult] = []
    previews: dict[str, Encoded] = {}
    labels: dict[str, dict[str, str]] = {}
    for search in searches:
        asked = search.result.pictures
        names = distinct([picture.name for picture in asked], taken)
        taken.update(names)
        pictures = tuple(replace(p, name=n) for p, n in zip(asked, names, strict=True))
        query = names[0] if len(names) == 1 else search.result.query
        results.append(replace(search.result, query=query, pictures=pictures))
        previews.update(zip(names, search.previews, strict=True))
        labels.update(labels_of(register, search.result))
    try:
        return str(workers.call(page_reply, results, previews, labels, title).content)
    except WorkerError as error:
        n = sum(len(result) for result in results)
        raise WorkerError(
            f"a page of {n} answers was not finished: its pictures took too long, or one of them "
            "ended the process that read it; export fewer at a time, or a table"
        ) from error


def labels_of(register: Register, result: SearchResult) -> dict[str, dict[str, str]]:
    """Say what a register knows of the answers of a search, with all columns for each."""
    return {
        answer.identifier: {
            column: register.of(answer.identifier).get(column, "") for column in register.columns
        }
        for answer in result
    }


def distinct(names: Sequence[str], taken: set[str] | None = None) -> list[str]:
    """Number names that are taken, or stand there more than once."""
    found: list[str] = []
    used = set(taken or ())
    for name in names:
        number, one = 2, name
        while one in used:
            one, number = f"{name} ({number})", number + 1
        used.add(one)
        found.append(one)
    return found
