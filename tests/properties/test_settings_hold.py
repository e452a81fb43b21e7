"""Settings go to a file and back, and what is out of bounds is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bovw import Settings, load_settings, save_settings
from bovw.errors import SettingsError

MANY = 1 << 40
BOUNDS: dict[str, dict[str, tuple[float, float] | tuple[str, ...] | type]] = {
    "images": {"max_side": (16, MANY), "max_tiles": (1.0, 100.0), "max_pixels": (1, MANY)},
    "features": {
        "upright": bool,
        "region_factor": (0.1, 10.0),
        "enlarge": (1.0, 8.0),
        "max_features": (1, MANY),
        "contrast_threshold": (0.0, 1e9),
        "edge_threshold": (1e-9, 1e9),
        "root": bool,
    },
    "vocabulary": {
        "n_words": (1, 1_000_000),
        "samples_per_word": (3, MANY),
        "random_state": (-MANY, MANY),
    },
    "weighting": {
        "tf": ("raw", "sqrt", "log", "binary"),
        "idf": ("smooth", "plain", "sklearn", "none"),
        "norm": ("l1", "l2", "none"),
        "stop_words": (0, MANY),
    },
    "candidates": {
        "method": ("auto", "exact", "inverted", "sparse-hnsw", "lsa-hnsw"),
        "n_candidates": (1, MANY),
        "n_components": (1, MANY),
        "graph_from": (1, MANY),
    },
    "kernel": {
        "method": ("hamming", "asmk", "both"),  # "none" does not go with every expansion
        "n_both": (1, MANY),
        "n_nearest": (1, 1000),
        "max_repeats": (1, MANY),
        "max_distance": (0, 64),
        "sigma": (0.1, 1e9),
        "burstiness": bool,
        "angle_bins": (1, 3600),
        "size_exponent": (0.0, 4.0),
        "selectivity": (1e-9, 1e9),
        "center_sigma": (0.0, 1e9),
    },
    "geometry": {
        "verify": (0, MANY),
        "model": ("similarity", "partial", "affine", "homography"),
        "tolerance": (1e-9, 1 - 1e-9),
        "place": (1e-9, 1 - 1e-9),
        "max_models": (1, MANY),
        "chance_share": (0.0, 1 - 1e-9),
        "min_evidence": (0.001, 6.0),
        "match_evidence": (6.0, 1e9),
        "max_pairs_per_word": (1, MANY),
        "max_scale": (1.0, 1e9),
    },
    "expansion": {
        "method": ("none", "average", "rank", "alpha", "discriminative", "hamming"),
        "n_answers": (1, MANY),
        "rounds": (1, MANY),
        "alpha": (0.0, 1e9),
        "n_negatives": (1, MANY),
        "answer_weight": (1e-9, 1e9),
        "also": ("", "mirror", "negative", "mirror,negative"),
        "indirect": bool,
    },
}
"""The values that each setting may have: a range, a choice, or true and false."""
UNBOUNDED = {MANY, -MANY, 1e9}
FIELDS = [(room, name) for room, fields in BOUNDS.items() for name in fields]


def within(bound: Any) -> st.SearchStrategy[Any]:
    if bound is bool:
        return st.booleans()
    if isinstance(bound[0], str):
        return st.sampled_from(bound)
    return st.integers(*bound) if isinstance(bound[0], int) else st.floats(*bound)


@st.composite
def beyond(draw: st.DrawFn, bound: Any) -> Any:
    """A value that is too small, too large, of another type, or no number."""
    wrong: list[st.SearchStrategy[Any]] = [st.none(), st.lists(st.integers(), max_size=1)]
    if bound is bool:
        wrong += [st.integers(), st.text()]
    elif isinstance(bound[0], str):
        wrong += [st.integers(), st.booleans(), st.text().filter(lambda text: text not in bound)]
    else:
        whole, (low, high) = isinstance(bound[0], int), bound
        wrong += [st.booleans(), st.text(), st.sampled_from([math.nan, math.inf, -math.inf])]
        if whole:
            wrong.append(st.floats(low, high).filter(lambda x: not x.is_integer()))
        if low not in UNBOUNDED:
            below = st.integers(max_value=low - 1) if whole else st.floats(max_value=-1e-6)
            wrong.append(
                below if whole or low < 1e-3 else st.floats(max_value=low, exclude_max=True)
            )
        if high not in UNBOUNDED and (high != 6.0):
            above = st.integers(min_value=high + 1) if whole else st.floats(min_value=high + 1e-6)
            wrong.append(above)
    return draw(st.one_of(wrong))


@st.composite
def changes(draw: st.DrawFn) -> dict[str, dict[str, Any]]:
    chosen: dict[str, dict[str, Any]] = {}
    for room, name in draw(st.lists(st.sampled_from(FIELDS), unique=True)):
        chosen.setdefault(room, {})[name] = draw(within(BOUNDS[room][name]))
    return chosen


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("settings")


def test_every_setting_is_tried() -> None:
    known = {(room, name) for room, part in Settings().to_dict().items() for name in part}
    assert known - set(FIELDS) == {("vocabulary", "two_level")}  # true, false or None


@given(changes())
def test_settings_are_read_back(place: Path, chosen: dict[str, dict[str, Any]]) -> None:
    settings = Settings().changed(**chosen)
    save_settings(settings, place / "s.json")
    read = load_settings(place / "s.json")
    assert read == settings and hash(read) == hash(settings)
    assert Settings().changed(**settings.differences(Settings())) == settings
    for room, values in chosen.items():
        assert {name: getattr(getattr(read, room), name) for name in values} == values


@given(st.sampled_from(FIELDS), st.data())
def test_what_is_out_of_bounds_is_refused(
    place: Path, field: tuple[str, str], data: st.DataObject
) -> None:
    """By its name, in Python and in a file."""
    room, name = field
    value = data.draw(beyond(BOUNDS[room][name]))
    with pytest.raises(SettingsError, match=name):
        Settings().changed(**{room: {name: value}})
    (place / "bad.json").write_text(json.dumps({room: {name: value}}))
    with pytest.raises(SettingsError, match=name):
        load_settings(place / "bad.json")
