"""Intervals and tests: by hand, by symmetry, by seed."""

from __future__ import annotations

import numpy as np
import pytest

from bovw.errors import SettingsError
from bovw.evaluation import (
    GroundTruth,
    GroundTruthQuery,
    Run,
    bootstrap_interval,
    differences,
    randomisation_test,
    score_run,
)
from bovw.evaluation.significance import effect_size, holm


def test_an_exact_test_by_hand() -> None:
    """Of the 8 signs of three equal differences, two are as extreme as the one observed."""
    assert randomisation_test(np.ones(3), list("abc")) == pytest.approx(2 / 8)
    # two groups: of 4 signs, two
    assert randomisation_test(np.ones(4), list("aabb")) == pytest.approx(2 / 4)
    assert randomisation_test(np.zeros(3), list("abc")) == 1


def test_many_groups_are_drawn_with_a_seed(rng: np.random.Generator) -> None:
    groups = [str(i) for i in range(40)]
    shifted = rng.normal(1, 1, 40)
    p = randomisation_test(shifted, groups, random_state=1)
    assert p == randomisation_test(shifted, groups, random_state=1)
    assert p < 0.001
    assert randomisation_test(shifted - shifted.mean(), groups) > 0.9


def test_an_interval_draws_whole_groups(rng: np.random.Generator) -> None:
    values = np.repeat(rng.random(10), 50)
    single = bootstrap_interval(values, [str(i) for i in range(500)])
    grouped = bootstrap_interval(values, [str(i // 50) for i in range(500)])
    assert single.mean == grouped.mean == pytest.approx(values.mean())
    assert grouped.high - grouped.low > 3 * (single.high - single.low)
    assert grouped.low < values.mean() < grouped.high
    with_nan = bootstrap_interval(np.append(values, np.nan), [*map(str, range(500)), "x"])
    assert with_nan.mean == pytest.approx(values.mean())


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1, 1]


def test_effect_size_by_hand() -> None:
    assert effect_size(np.array([1.0, 3, 2]), list("abc")) == pytest.approx(2)
    assert effect_size(np.zeros(2), list("ab")) == 0
    assert np.isnan(effect_size(np.ones(2), list("aa")))


def test_an_effect_has_the_sign_of_the_difference() -> None:
    """A large group ahead by little, a small one behind by much: the mean over queries decides."""
    gaps, groups = np.array([0.2] * 10 + [-1.0]), ["large"] * 10 + ["small"]
    assert gaps.mean() > 0
    assert effect_size(gaps, groups) == pytest.approx(0.5 / (3 / np.sqrt(2)))


def test_equal_differences_have_no_spread_but_rounding() -> None:
    gaps = np.array([0.1 + 0.2, 0.3, 0.6 - 0.3])
    assert gaps.std() > 0
    assert effect_size(gaps, list("abc")) == np.inf
    assert effect_size(-gaps, list("abc")) == -np.inf


def test_many_comparisons_can_still_be_real() -> None:
    """Of 10,000 signs, 15 comparisons would make the least p value 15 / 10,001."""
    n = 40
    images = frozenset(f"p{i:02d}" for i in range(n))
    queries = [GroundTruthQuery(f"q{i}", positive=frozenset({f"p{i:02d}"})) for i in range(n)]
    truth = GroundTruth(images, tuple(queries), metrics=("ap",))
    names = [q.name for q in queries]
    score = [np.eye(n), -np.eye(n)]
    good, bad = (
        score_run(Run.from_scores(str(i), sorted(images), names, s), truth)
        for i, s in enumerate(score)
    )
    found = differences(
        [("good", good), *((f"bad{i}", bad) for i in range(5))], ["ap"], level=0.999
    )
    assert len(found) == 15
    assert all(d.real for d in found if d.better == "good")
    with pytest.raises(SettingsError, match="level=95"):
        differences([("good", good), ("bad", bad)], ["ap"], level=95)


def test_few_groups_are_never_called_real(rng: np.random.Generator) -> None:
    def compared(n: int) -> bool:
        queries = [GroundTruthQuery(f"q{i}", positive=frozenset({f"p{i:02d}"})) for i in range(n)]
        images = frozenset(f"p{i:02d}" for i in range(n))
        truth = GroundTruth(images, tuple(queries), metrics=("ap",))
        names = [q.name for q in queries]
        good = Run.from_scores("good", sorted(images), names, np.eye(n))
        bad = Run.from_scores("bad", sorted(images), names, -np.eye(n))
        scores = [(run.name, score_run(run, truth)) for run in (bad, good)]
        (found,) = differences(scores, ["ap"])
        assert (found.better, found.worse, found.wins, found.losses) == ("good", "bad", n, 0)
        return found.real

    assert not compared(19)
    assert compared(20)
