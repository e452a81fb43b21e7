"""What is written is read back, whatever the names and numbers."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bovw.embeddings import Embeddings, load_embeddings, save_embeddings
from bovw.evaluation import GroundTruth, compare_runs, taken_out
from bovw.evaluation.run import Run
from bovw.exchange import Pair, pairs_text
from bovw.formats import (
    load_json,
    load_labels,
    load_oxford,
    load_qrels,
    load_run,
    save_json,
    save_qrels,
    write_run,
)
from bovw.report import comparison_csv, csv_cell, results_csv, text_of_cell
from bovw.search import Answer, SearchResult

from .strategies import CHARACTERS, NAMES, decreasing_scores, truths


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("written")


@st.composite
def runs(draw: st.DrawFn) -> dict[str, tuple[list[str], list[float] | None]]:
    rankings: dict[str, tuple[list[str], list[float] | None]] = {}
    for query in draw(st.lists(NAMES, min_size=1, max_size=3, unique=True)):
        names = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
        rankings[query] = names, draw(st.one_of(st.none(), decreasing_scores(len(names))))
    return rankings


@given(runs(), NAMES)
def test_runs(
    place: Path, rankings: dict[str, tuple[list[str], list[float] | None]], tag: str
) -> None:
    """The order is that of the names, and strict for tools that read 32 bit floats."""
    write_run(place / "a.run", tag, rankings)
    found = load_run(place / "a.run")
    assert (found.tag, found.n_contradicting) == (tag, 0)
    assert found.rankings.keys() == rankings.keys()
    for query, (names, _) in rankings.items():
        read, scores = found.rankings[query]
        assert read == names
        as_written = np.array(scores, np.float32).astype(float)
        assert (np.diff(as_written) < 0).all() and np.isfinite(scores).all()


@given(truths())
def test_qrels(place: Path, truth: GroundTruth) -> None:
    """Queries without a positive are not written, as documented."""
    taken = taken_out(truth)
    asked = [query for query in truth.queries if query.positive - taken[query.name]]
    if not asked:
        return
    save_qrels(truth, place / "a.qrels")
    read = load_qrels(place / "a.qrels")
    assert read.images >= truth.images
    for query, again in zip(asked, read.queries, strict=True):
        assert again.name == query.name
        assert again.positive == query.positive - taken[query.name]
        assert again.junk == taken[query.name]
        assert all(again.gain(name) == query.gain(name) for name in again.positive)


@given(truths())
def test_our_own_json(place: Path, truth: GroundTruth) -> None:
    save_json(truth, place / "a.json")
    assert load_json(place / "a.json") == truth


LABELS = st.text(st.characters(categories=("L", "N"), max_codepoint=0x3000), min_size=1, max_size=4)


@given(
    st.dictionaries(
        st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6).map(
            lambda stem: f"{stem}.jpg"
        ),
        st.frozensets(LABELS, max_size=3),
        min_size=1,
        max_size=6,
    ).filter(lambda held: any(held.values())),
    st.sampled_from(",;\t"),
)
def test_tables_of_labels(place: Path, held: dict[str, frozenset[str]], separator: str) -> None:
    """Who shares a label with a query is right, in whatever table that is written."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow(["path", "labels"])
    writer.writerows([name, "|".join(sorted(labels))] for name, labels in held.items())
    path = place / ("a.tsv" if separator == "\t" else "a.csv")
    path.write_text(text.getvalue(), encoding="utf-8")
    nothing = {"nan", "none", "null", "na"}
    kept = {name: {x for x in labels if x.lower() not in nothing} for name, labels in held.items()}
    if not any(kept.values()):
        return
    truth = load_labels(path, separator="|")
    assert truth.images == frozenset(held)
    assert {query.image for query in truth.queries} == {name for name in held if kept[name]}
    for query in truth.queries:
        mine = kept[query.image]
        right = {name for name in held if name != query.image and kept[name] & mine}
        assert query.positive == right
        for name in right:
            assert query.gain(name) == len(kept[name] & mine) / len(kept[name] | mine)


STEMS = st.text("abc_019", min_size=1, max_size=6)


@given(st.lists(STEMS, min_size=4, max_size=10, unique=True), st.data())
def test_folders_of_oxford(
    tmp_path_factory: pytest.TempPathFactory, stems: list[str], data: st.DataObject
) -> None:
    folder, wanted = tmp_path_factory.mktemp("oxford"), {}
    for number in range(1, data.draw(st.integers(1, 3)) + 1):
        kind = data.draw(st.lists(st.sampled_from(["good", "ok", "junk", "absent"]),
                                  min_size=len(stems), max_size=len(stems)))  # fmt: skip
        query, name = data.draw(st.sampled_from(stems)), f"hall_{number}"
        (folder / f"{name}_query.txt").write_text(f"{query} 1.5 2 30 40\n")
        for each in ("good", "ok", "junk"):
            lines = [f"{s}\n" for s, k in zip(stems, kind, strict=True) if k == each]
            (folder / f"{name}_{each}.txt").write_text("".join(lines))
        wanted[name] = query, dict(zip(stems, kind, strict=True))
    truth = load_oxford(folder, [f"{stem}.jpg" for stem in stems])
    assert truth.images == {f"{stem}.jpg" for stem in stems}
    for query in truth.queries:
        image, kinds = wanted[query.name]
        assert (query.image, query.bbox) == (f"{image}.jpg", (1.5, 2, 30, 40))
        assert query.positive == {f"{s}.jpg" for s, k in kinds.items() if k in ("good", "ok")}
        assert query.junk == {f"{s}.jpg" for s, k in kinds.items() if k == "junk"}
        assert query.group == "hall"


@given(st.text(CHARACTERS))
def test_cells_of_spreadsheets(text: str) -> None:
    """No cell is computed, and each is read back."""
    cell = csv_cell(text)
    assert text_of_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


@st.composite
def results(draw: st.DrawFn) -> SearchResult:
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    answers = tuple(
        Answer(rank, name, draw(NAMES), draw(numbers), draw(numbers))
        for rank, name in enumerate(draw(st.lists(NAMES, max_size=3, unique=True)), 1)
    )
    return SearchResult(draw(NAMES), answers)


@given(st.lists(results(), max_size=3))
def test_tables_of_results(found: list[SearchResult]) -> None:
    rows = list(csv.DictReader(io.StringIO(results_csv(found), newline="")))
    wanted = [(result.query, answer) for result in found for answer in result or [None]]
    for row, (query, answer) in zip(rows, wanted, strict=True):
        assert text_of_cell(row["query"]) == query
        if answer is None:
            assert row["rank"] == row["identifier"] == ""
            continue
        assert text_of_cell(row["identifier"]) == answer.identifier
        assert text_of_cell(row["path"]) == answer.path
        assert (int(row["rank"]), float(row["score"])) == (answer.rank, answer.score)
        assert float(row["similarity"]) == answer.similarity


@settings(max_examples=10)  # each computes intervals
@given(st.lists(NAMES, min_size=1, max_size=3, unique=True), st.data())
def test_tables_of_comparisons(names: list[str], data: st.DataObject) -> None:
    truth = data.draw(truths().filter(lambda t: any(q.positive for q in t.queries)))
    images = sorted(truth.images)
    systems = [
        Run.from_names(
            name, {q.name: data.draw(st.permutations(images)) for q in truth.queries}, items=images
        )
        for name in names
    ]
    compared = compare_runs(truth, systems, ("ap", "p@5"))
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compared), newline="")))
    assert [text_of_cell(row["system"]) for row in rows] == names
    for row, name in zip(rows, names, strict=True):
        mean = compared.scores[name].macro("ap")
        assert (row["ap"] == "" and math.isnan(mean)) or float(row["ap"]) == pytest.approx(mean)


@given(st.lists(st.builds(Pair, NAMES, NAMES, st.integers(1, 9), st.floats(0, 1), st.floats(0, 1))))
def test_pairs(pairs: list[Pair]) -> None:
    text, refused = pairs_text(pairs, "json")
    assert [Pair(**entry) for entry in json.loads(text)] == pairs and not refused
    rows = list(csv.reader(io.StringIO(pairs_text(pairs, "csv")[0], newline="")))[1:]
    assert [(row[0], row[1]) for row in rows] == [(p.query, p.identifier) for p in pairs]
    text, refused = pairs_text(pairs, "colmap")
    read = [tuple(line.split(" ")) for line in text.split("\n")[:-1]]
    wanted = {frozenset((p.query, p.identifier)) for p in pairs
              if not {p.query, p.identifier} & set(refused)}  # fmt: skip
    assert {frozenset(line) for line in read} == wanted and len(read) == len(wanted)


@given(st.lists(NAMES, min_size=1, max_size=5), st.data())
def test_embeddings(place: Path, names: list[str], data: st.DataObject) -> None:
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    row = st.lists(numbers, min_size=3, max_size=3)
    vectors = np.array(data.draw(st.lists(row, min_size=len(names), max_size=len(names))))
    given_ = Embeddings(tuple(names), vectors)
    save_embeddings(given_, place / "a.npz")
    read = load_embeddings(place / "a.npz")
    assert read.identifiers == given_.identifiers
    assert np.array_equal(read.vectors, given_.vectors)
