"""An index that was changed, in whatever order, answers as one that was built at once."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import bovw
from bovw import Features
from bovw.storage import diagnose

SIDE, N_WORDS, N_DIMENSIONS = 200, 40, 16
CENTERS = np.random.default_rng(0).integers(0, 256, (N_WORDS, N_DIMENSIONS)).astype(np.uint8)
NAMES = [f"{letter}.jpg" for letter in "abcdefgh"]
VERSIONS = 3


def features(number: int, version: int) -> Features:
    """A tiny picture: a few of the features of its thing, moved a little in each version."""
    thing = np.random.default_rng(number // 2)  # two names show one thing
    n = 0 if (number, version) == (7, 2) else 14
    points = np.c_[
        thing.uniform(20, 180, (14, 2)), thing.uniform(2, 5, 14), thing.uniform(0, 9, 14)
    ]
    words = thing.integers(0, N_WORDS, 14)
    chance = np.random.default_rng([number, version])
    values = CENTERS[words] + thing.normal(scale=12, size=(14, N_DIMENSIONS))
    values += chance.normal(scale=1, size=values.shape)
    points[:, :2] += chance.normal(scale=1, size=(14, 2)) + 5 * version
    order = chance.permutation(14)[:n]
    return Features.from_arrays(
        points[order],
        values.round().clip(0, 255).astype(np.uint8)[order],
        (SIDE, SIDE),
        binary=False,
    )


POOL = {(name, v): features(i, v) for i, name in enumerate(NAMES) for v in range(VERSIONS)}
ALL = {name: POOL[name, 0] for name in NAMES}
SPREAD = CENTERS.repeat(20, axis=0) + np.random.default_rng(1).normal(
    scale=12, size=(20 * N_WORDS, N_DIMENSIONS)
)
WORDS = bovw.own_words(CENTERS, descriptors=SPREAD.round().clip(0, 255).astype(np.uint8))
QUERIES = [POOL["a.jpg", 1], POOL["e.jpg", 2]]


def answers(engine: bovw.Engine) -> list[Any]:
    found = [engine.search_features(query, None) for query in QUERIES]
    return [(result.matched, [answer.to_dict() for answer in result]) for result in found]


@cache
def answers_at_once(held: frozenset[tuple[str, int]]) -> list[Any]:
    pictures = {name: POOL[name, version] for name, version in sorted(held)}
    return answers(bovw.Engine.from_features(pictures, origin="drawn", vocabulary=WORDS))


def test_the_drawn_pictures_are_told_apart() -> None:
    """Else equal answers would say little."""
    (matched, found), *_ = answers_at_once(frozenset((name, 0) for name in NAMES))
    assert matched
    assert [answer["identifier"] for answer in found if answer["inliers"]] == ["a.jpg", "b.jpg"]


class ChangedIndex(RuleBasedStateMachine):
    """A real index in a folder, and what it should hold."""

    @initialize()
    def begin(self) -> None:
        self.place = tempfile.TemporaryDirectory(prefix="bovw-")
        self.path = Path(self.place.name) / "i.bovw"
        made = bovw.Engine.from_features(ALL, origin="drawn", vocabulary=WORDS)
        made.save(self.path)
        self.engine, self.held = bovw.Engine.open(self.path), dict.fromkeys(NAMES, 0)

    @rule(chosen=st.dictionaries(st.sampled_from(NAMES), st.integers(0, VERSIONS - 1), min_size=1))
    def add(self, chosen: dict[str, int]) -> None:
        """Some are new, some have changed, some are as before."""
        given = {name: POOL[name, version] for name, version in chosen.items()}
        changes = self.engine.add_features(given)
        assert set(changes.added) == given.keys() - self.held.keys()
        same = {name for name in given if self.held.get(name) == chosen[name]}
        assert set(changes.unchanged) == same
        assert set(changes.updated) == (given.keys() & self.held.keys()) - same
        self.held |= chosen

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        names = data.draw(st.lists(st.sampled_from(sorted(self.held)), min_size=1, max_size=3))
        changes = self.engine.remove(names)
        assert set(changes.removed) == set(names)
        for name in set(names):
            del self.held[name]

    @rule(kept=st.lists(st.sampled_from(NAMES), min_size=1, unique=True), version=st.integers(0, 2))
    def sync(self, kept: list[str], version: int) -> None:
        given = {name: POOL[name, version] for name in kept}
        changes = self.engine.add_features(given, sync=True)
        assert set(changes.removed) == self.held.keys() - given.keys()
        self.held = dict.fromkeys(kept, version)

    @rule()
    def compact(self) -> None:
        self.engine.compact()

    @rule()
    def open_again(self) -> None:
        self.engine = bovw.Engine.open(self.path, verify="full")

    @invariant()
    def it_holds_what_it_should(self) -> None:
        if hasattr(self, "held"):
            assert self.engine.identifiers == tuple(sorted(self.held))

    @invariant()
    def it_answers_as_an_index_built_at_once(self) -> None:
        if not getattr(self, "held", None):
            return
        assert answers(self.engine) == answers_at_once(frozenset(self.held.items()))

    def teardown(self) -> None:
        if hasattr(self, "place"):
            assert diagnose(self.path).is_sound
            self.place.cleanup()


TestChangedIndex = ChangedIndex.TestCase
TestChangedIndex.settings = settings(
    settings.get_profile("quick"), max_examples=6, stateful_step_count=8
)
