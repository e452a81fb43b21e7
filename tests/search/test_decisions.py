"""Evidence decides: in contrast to what many answers share, and in the order of what is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.cli import main
from bovw.search import decide, false_alarms, probability
from bovw.search.decision import Found, weigh
from bovw.search.geometry.verification import Verification
from bovw.settings import GeometrySettings

from ..support import SAMPLE

SETTINGS = GeometrySettings()
SIZE = (800, 600)


def found(points: np.ndarray, matches: int | None = None, *, direct: bool = True) -> Found:
    """A verification with inliers at some points of the query."""
    n = len(points)
    points = np.asarray(points, np.float32).reshape(n, 2)
    pairs = np.zeros((n, 2), np.int32)
    models = (np.eye(3),) if n else ()
    return Found(
        Verification(matches or n, pairs, points, points, np.ones(n, np.float32), models), 0, direct
    )


def places(n: int, seed: int) -> np.ndarray:
    """Points that lie in `n` different places."""
    numbers = np.random.default_rng(seed).permutation(33 * 25)[:n]
    return np.stack([numbers % 33 * 24 + 5, numbers // 33 * 24 + 5], axis=1)


def weighed(answers: list[Found | None], n_features: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    similarities = np.ones(len(answers), np.float32)
    result = weigh(answers, similarities, [SIZE], n_features, SETTINGS)
    return result.contrast, result.scores(similarities, SETTINGS)


def test_what_differs_decides_among_siblings() -> None:
    """Thirty labels share a layout; one shares the name, too."""
    layout, name = places(40, 0), places(100, 0)[40:]
    siblings: list[Found | None] = [found(layout[i % 5 :]) for i in range(28)]
    right, most = found(np.concatenate([layout[10:], name])), found(layout)
    contrast, scores = weighed([most, *siblings, right])
    assert scores.argmax() == 29
    assert contrast[29] >= SETTINGS.match_evidence > contrast[:29].max()


@pytest.mark.parametrize("n", [1, 5, 10])
@pytest.mark.parametrize("inliers", [15, 400])
def test_ten_right_copies_are_all_matches(n: int, inliers: int) -> None:
    same = places(inliers, 1)
    noise: list[Found | None] = [found(places(3, seed), 40) for seed in range(30)]
    contrast, scores = weighed([*[found(same)] * n, *noise])
    assert (contrast[:n] >= SETTINGS.match_evidence).all()
    assert (contrast[n:] < SETTINGS.match_evidence).all()
    assert scores[:n].min() > scores[n:].max()


def test_a_hundred_copies_are_matches_too() -> None:
    contrast, _ = weighed([found(places(700, 7)) for _ in range(100)])
    assert (contrast >= SETTINGS.match_evidence).all()
    shared, _ = weighed([found(places(100, 7)) for _ in range(100)])
    assert (shared < SETTINGS.match_evidence).all()


def test_a_small_collection_is_decided_as_a_large_one() -> None:
    contrast, _ = weighed([found(places(30, 2)), None, found(places(2, 3))])
    assert contrast[0] >= SETTINGS.match_evidence > contrast[2]


def test_few_features_need_less_evidence() -> None:
    icon = found(places(5, 4))
    assert weighed([icon], 1500)[0][0] < SETTINGS.match_evidence
    assert weighed([icon], 40)[0][0] >= SETTINGS.match_evidence


def test_only_the_querys_own_features_make_a_match() -> None:
    contrast, scores = weighed([found(places(90, 5), direct=False), found(places(12, 6))])
    assert scores[1] > scores[0] > 1
    decision, why = decide(found(places(90, 5), direct=False), 90, float(contrast[0]), SETTINGS)
    assert decision == "possible" and "other answers" in why


def test_every_decision_has_a_reason() -> None:
    assert decide(None, 0, 0, SETTINGS)[0] == "no"
    assert decide(found(places(0, 0)), 0, 0, SETTINGS) == ("no", "no transform fits")
    assert decide(found(places(4, 0), 40), 2.8, 2.8, SETTINGS)[0] == "no"
    decision, why = decide(found(places(40, 0)), 38.8, 3, SETTINGS)
    assert decision == "possible" and "many answers share them" in why
    assert decide(found(places(40, 0)), 38.8, 38, SETTINGS)[0] == "match"


def test_probability_and_false_alarms_follow_the_evidence() -> None:
    assert probability(SETTINGS.match_evidence, SETTINGS) == pytest.approx(0.5)
    assert probability(0, SETTINGS) < 0.02
    assert probability(30, SETTINGS) > 0.95
    alarms = [
        false_alarms(found(places(n, 0), 50).verification, SIZE, SETTINGS.tolerance)
        for n in (3, 8, 20)
    ]
    assert alarms[0] > alarms[1] > alarms[2] and alarms[2] < -10


def test_the_first_answer_has_the_best_decision(engine: bovw.Engine) -> None:
    order = {"match": 0, "possible": 1, "no": 2}
    for query in sorted(SAMPLE.rglob("*_3.jpg"))[::3]:
        result = engine.search(query, None)
        decisions = [order[str(answer.decision)] for answer in result]
        assert decisions == sorted(decisions)
        assert result.matched == (result[0].decision == "match")
        assert all(answer.reason for answer in result)


def test_calibration_is_kept_in_the_index(
    engine: bovw.Engine, pictures: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "i.bovw"
    engine.save(folder)
    usual = engine.settings.geometry.match_evidence
    assert main(["calibrate", str(folder), "--show"]) == 0
    assert f"from {usual:g} on; nothing was measured" in capsys.readouterr().out
    others = [str(path) for path in sorted((SAMPLE / "covers").glob("*.jpg"))[::3]]
    assert main(["calibrate", str(folder), *others, "--false-accept-rate", "0.1"]) == 0
    said = capsys.readouterr().out
    assert "of 10 queries" in said
    opened = bovw.Engine.open(folder)
    kept = opened.index.calibration
    assert kept is not None and kept.false_accept_rate <= 0.1 and kept.n_queries == 10
    assert opened.settings.geometry.match_evidence == kept.match_evidence
    # It stays while the index changes, and is copied with it.
    opened.remove(pictures[-1].name)
    opened.compact()
    opened.save(tmp_path / "copy")
    for place in (folder, tmp_path / "copy"):
        again = bovw.Engine.open(place, verify="full")
        assert again.index.calibration == kept
        assert again.settings.geometry.match_evidence == kept.match_evidence
    assert main(["calibrate", str(folder), "--show"]) == 0
    assert capsys.readouterr().out == said
    assert main(["calibrate", str(folder)]) == 1
    assert main(["calibrate", str(folder), *others, "--show"]) == 1
    capsys.readouterr()
    # In memory, too.
    calibration = engine.calibrate(others, false_accept_rate=0.1)
    copy = engine.changed()
    copy.keep(calibration)
    assert copy.settings.geometry.match_evidence == calibration.match_evidence
