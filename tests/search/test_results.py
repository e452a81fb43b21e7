"""What a result says of each answer, and its JSON, which everything that shows it is drawn from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

import bovw
from bovw.search import COLUMNS, Verification, matched_quadrilaterals

from ..support import REPOSITORY


def moved(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    ahead = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return np.asarray(ahead[:, :2] / ahead[:, 2:])


def test_pairs_have_positions_and_words(engine: bovw.Engine, pictures: list[Path]) -> None:
    result = engine.search(pictures[1], 4)
    for answer in result:
        position = engine.collection.position(answer.identifier)
        stored = engine.collection.keypoints(position)[:, :2]
        words = engine.collection.words[engine.collection.part(position)]
        pairs = answer.to_dict(points=True)["pairs"]
        assert len(pairs) == answer.inliers == len(answer.words) == len(answer.scales)
        for *_, x, y, word in pairs:
            at = np.abs(stored - [x, y]).max(axis=1) < 0.01
            assert word in words[at]


def test_quadrilaterals_outline_the_match(engine: bovw.Engine, pictures: list[Path]) -> None:
    answer = engine.search(pictures[1], 3)[1]
    asked, found = answer.query_quadrilateral, answer.quadrilateral
    low, high = answer.query_points.min(axis=0), answer.query_points.max(axis=0)
    assert np.allclose(asked, [low, [high[0], low[1]], high, [low[0], high[1]]])
    assert np.allclose(found, moved(answer.transform, asked))
    assert answer.size == (
        engine.collection.records[engine.collection.position(answer.identifier)].width,
        engine.collection.records[engine.collection.position(answer.identifier)].height,
    )


def test_the_outline_of_a_mirrored_answer_is_in_the_query_as_it_is(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    mirrored = np.ascontiguousarray(cv2.imread(str(pictures[0]))[:, ::-1])
    answer = engine.search(mirrored, 1, also="mirror")[0]
    assert answer.guise == "mirror"
    assert np.linalg.det(answer.transform[:2, :2]) < 0
    assert np.allclose(answer.quadrilateral, moved(answer.transform, answer.query_quadrilateral))
    middle = answer.points.mean(axis=0)
    assert cv2.pointPolygonTest(answer.quadrilateral.astype(np.float32), middle.tolist(), False) > 0


def verification(transforms: tuple[np.ndarray, ...], points: np.ndarray) -> Verification:
    n = len(points)
    parts = np.split(points, len(transforms))
    moved_points = [moved(t, part) for t, part in zip(transforms, parts, strict=True)]
    return Verification(
        n,
        np.zeros((n, 2), np.int32),
        points.astype(np.float32),
        np.concatenate(moved_points).astype(np.float32),
        np.ones(n, np.float32),
        transforms,
    )


def test_of_two_transforms_the_first_is_outlined(rng: np.random.Generator) -> None:
    left, right = rng.uniform(0, 100, (20, 2)), rng.uniform(300, 400, (20, 2))
    shift = np.array([[1, 0, 50], [0, 1, 0], [0, 0, 1.0]])
    found = verification((np.eye(3), shift), np.concatenate([left, right]))
    asked, answer = matched_quadrilaterals(found) or pytest.fail("no outline")
    assert asked.max() <= 100 and np.allclose(asked, answer)


def test_an_outline_beyond_the_horizon_is_a_box(rng: np.random.Generator) -> None:
    points = np.array([[0, 0], [10, 90], [99, 20]], float)
    steep = np.array([[1, 0, 0], [0, 1, 0], [-0.006, -0.006, 1.0]])  # not so at (99, 90)
    asked, answer = matched_quadrilaterals(verification((steep,), points)) or pytest.fail()
    low, high = moved(steep, points).min(axis=0), moved(steep, points).max(axis=0)
    assert np.allclose(answer[[0, 2]], [low, high])
    assert np.isfinite(answer).all() and asked.shape == (4, 2)
    assert matched_quadrilaterals(Verification(0, *[np.zeros((0, 2))] * 4, ())) is None


def test_the_rank_before_verification(engine: bovw.Engine, pictures: list[Path]) -> None:
    result = engine.search(pictures[0], None)
    by_similarity = sorted(result, key=lambda a: (-a.similarity, a.identifier))
    assert [a.initial_rank for a in by_similarity] == list(range(1, len(result) + 1))


def test_a_search_can_explain(engine: bovw.Engine, pictures: list[Path]) -> None:
    plain, explained = (engine.search(pictures[0], 3, explain=e) for e in (False, True))
    assert [a.to_dict() for a in plain] == [a.to_dict() for a in explained]
    assert plain[0].shared_words is None and plain[0].to_dict(points=True)["words"] is None
    for answer in explained:
        assert answer.shared_words == engine.explain(pictures[0], answer.identifier).words
        assert sum(word.contribution for word in answer.shared_words) == pytest.approx(1)
    (many,) = engine.search_many([pictures[0]], 3, explain=True)
    assert many[2].shared_words == explained[2].shared_words


def test_a_picture_that_was_not_verified_is_tried_alone(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    few = engine.changed(geometry={"verify": 2}, expansion={"method": "none"})
    last = few.search(pictures[0], None)[-1]
    assert last.inliers is None
    answer = few.explain(pictures[0], last.identifier).answer
    assert answer.inliers is not None
    assert (answer.rank, answer.score, answer.decision) == (last.rank, last.score, "no")
    assert answer.reason.startswith(last.reason) and "tried alone" in answer.reason


def test_an_explanation_knows_filters(engine: bovw.Engine, pictures: list[Path]) -> None:
    name = pictures[1].name
    found = engine.explain(pictures[0], name, deny=[name])
    assert "left out by allow or deny" in found.answer.reason
    assert found.answer.inliers
    among = engine.explain(pictures[0], name, allow=[name, pictures[20].name])
    assert among.answer.rank == 1 and among.following.identifier == pictures[20].name


def test_a_query_of_several_pictures_names_them(engine: bovw.Engine, pictures: list[Path]) -> None:
    both = [(pictures[0], (50, 50, 300, 300)), pictures[1]]
    result = engine.search_together(both, 5, combine="best", explain=True)
    assert [picture.name for picture in result.pictures] == [str(p) for p in pictures[:2]]
    assert result.pictures[0].region == (50, 50, 300, 300) and result.pictures[1].region is None
    assert result[0].identifier == pictures[1].name and result[0].query_picture == 1
    other = engine.search_together(pictures[:6:5], 6, combine="best")
    best = {answer.identifier: answer.query_picture for answer in other}
    assert (best[pictures[0].name], best[pictures[5].name]) == (0, 1)


def documented(heading: str) -> list[str]:
    """Names in the first column of the table behind a heading of docs/results.md."""
    text = (REPOSITORY / "docs" / "results.md").read_text()
    part = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    names = re.findall(r"^\| ((?:`[a-z_0-9]+`(?:, )?)+) \|", part, re.MULTILINE)
    return [name for cell in names for name in re.findall(r"`([a-z_0-9]+)`", cell)]


def test_the_json_is_as_documented(engine: bovw.Engine, pictures: list[Path]) -> None:
    result = engine.search(pictures[0], 2, explain=True)
    content = json.loads(json.dumps(result.to_dict(points=True), allow_nan=False))
    assert (content["format"], content["version"]) == ("bovw-result", 1)
    assert list(content) == documented("A result")
    assert list(content["pictures"][0]) == documented("A picture of the query")
    answer = content["answers"][0]
    assert list(answer) == documented("An answer")
    assert list(answer)[:-2] == list(result[0].to_dict())
    assert list(answer["words"][0]) == ["word", "contribution", "idf"]
    explanation = engine.explain(pictures[0], result[1].identifier).to_dict()
    assert list(json.loads(json.dumps(explanation))) == documented("An explanation")
    assert list(COLUMNS) == documented("A table")


def test_what_is_not_known_is_null(engine: bovw.Engine, pictures: list[Path]) -> None:
    answer = engine.search(pictures[0], 1, verify=0)[0].to_dict(points=True)
    assert answer["decision"] is answer["quadrilateral"] is answer["transform"] is None
    assert answer["pairs"] == []
    flat = engine.search(np.full((60, 90), 128, np.uint8)).to_dict()
    assert flat["answers"] == [] and flat["pictures"][0]["size"] == [90, 60]
