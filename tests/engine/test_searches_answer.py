"""Building, searching, filtering and deciding."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

import bovw
from bovw.errors import (
    ImageError,
    IncompatibleError,
    SettingsError,
    TrainingError,
    UnknownPictureError,
)

from ..support import SAMPLE, SMALL


def group(identifier: str) -> str:
    return identifier.rsplit("_", 1)[0]


def scores(result: bovw.SearchResult) -> list[tuple[str, float]]:
    return [(answer.identifier, answer.score) for answer in result.answers]


def all_keypoints(engine: bovw.Engine) -> np.ndarray:
    collection = engine.collection
    return np.concatenate([collection.keypoints(i) for i in range(len(collection))])


def test_photographs_of_one_object_find_each_other(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    hits = 0
    for picture in pictures[::5]:
        result = engine.search(picture, k=3)
        assert result[0].identifier == picture.name
        assert result.matched
        hits += sum(group(answer.identifier) == group(picture.name) for answer in result)
    assert hits >= 15


def test_path_bytes_and_array_give_the_same_answers(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    by_path = engine.search(pictures[3])
    by_bytes = engine.search(pictures[3].read_bytes())
    by_array = engine.search(np.asarray(cv2.imread(str(pictures[3]))))
    assert [a.to_dict() for a in by_path] == [a.to_dict() for a in by_bytes]
    assert by_array[0].identifier == by_path[0].identifier


def test_the_order_of_colours_of_an_array_can_be_said(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    bgr = cv2.imread(str(pictures[0]))
    rgb = np.ascontiguousarray(bgr[:, :, ::-1])
    assert scores(engine.search(rgb, channels="rgb")) == scores(engine.search(bgr))
    name = pictures[1].name
    explained = engine.explain(rgb, name, channels="rgb")
    assert explained.answer.score == engine.explain(bgr, name).answer.score


def test_an_answer_says_what_was_found(engine: bovw.Engine, pictures: list[Path]) -> None:
    result = engine.search(pictures[1], k=2)
    own, other = result
    assert "1.jpg" in repr(other) or "inliers" in repr(other)
    assert own.inliers is not None and other.inliers is not None
    assert own.inliers > other.inliers >= 8
    corners = np.array([[0, 0, 1], [480, 640, 1]])
    assert np.allclose(corners @ own.transform.T, corners, atol=1)
    assert other.query_points.shape == other.points.shape == (other.inliers, 2)
    mapped = np.column_stack([other.query_points, np.ones(other.inliers)]) @ other.transform.T
    assert np.abs(mapped[:, :2] - other.points).max() < 0.05 * 640
    x0, y0, x1, y1 = other.region
    assert 0 <= x0 < x1 <= 640 and 0 <= y0 < y1 <= 640
    assert result.to_dict()["answers"][1]["inliers"] == other.inliers
    assert set(result.milliseconds) >= {"features", "words", "candidates", "geometry"}


def test_a_region_is_searched_alone(engine: bovw.Engine, pictures: list[Path]) -> None:
    whole = engine.search(pictures[0])
    part = engine.search(pictures[0], region=(150, 150, 400, 450))
    assert 20 < part.n_features <= whole.n_features
    assert part[0].identifier == pictures[0].name
    assert (part[0].query_points >= 149).all()
    with pytest.raises(SettingsError, match="region"):
        engine.search(pictures[0], region=(9000, 0, 9100, 50))


def test_a_filter_lets_only_some_answer(engine: bovw.Engine, pictures: list[Path]) -> None:
    some = {"poster_03_1.jpg", "poster_04_2.jpg"}
    for allow in (some, lambda name: name in some):
        assert {a.identifier for a in engine.search(pictures[0], allow=allow)} <= some
    with pytest.raises(UnknownPictureError, match="nowhere"):
        engine.search(pictures[0], allow=["nowhere.jpg"])
    with pytest.raises(SettingsError, match="several identifiers"):
        engine.search(pictures[0], allow="poster_03_1.jpg")


def test_many_queries_at_once(engine: bovw.Engine, pictures: list[Path]) -> None:
    results = engine.search_many([pictures[0], "missing.jpg", (pictures[2], (0, 0, 300, 300))], 4)
    assert [a.to_dict() for a in results[0]] == [a.to_dict() for a in engine.search(pictures[0], 4)]
    assert "missing.jpg" in results[1].error
    assert len(results[1]) == 0
    assert (results[2][0].query_points < 300).all()
    with pytest.raises(ImageError):
        engine.search_many(["missing.jpg"], on_error="raise")
    with pytest.raises(SettingsError, match="on_error='skip'"):
        engine.search_many(["missing.jpg"], on_error="skip")


def test_stages_can_be_switched_off(engine: bovw.Engine, pictures: list[Path]) -> None:
    result = engine.search(pictures[0], verify=0)
    assert result.matched is None
    assert all(a.inliers is None and a.score == a.similarity for a in result)
    assert [a.rank for a in result] == list(range(1, len(result) + 1))
    plain = engine.search(pictures[0], expand="none")
    expanded = engine.search(pictures[0])
    assert [a.similarity for a in plain] != [a.similarity for a in expanded]


@pytest.mark.parametrize("kernel", ["none", "hamming", "asmk", "both"])
@pytest.mark.parametrize("expansion", ["average", "alpha", "discriminative", "hamming"])
def test_kernels_and_expansions_work_together(
    engine: bovw.Engine, pictures: list[Path], kernel: str, expansion: str
) -> None:
    if kernel == "none" and expansion == "hamming":
        pytest.skip("features have no signatures to expand with")
    changed = engine.changed(
        kernel={"method": kernel}, expansion={"method": expansion, "rounds": 2}
    )
    names = [answer.identifier for answer in changed.search(pictures[2], 5)]
    assert names[0] == pictures[2].name
    assert sum(name[:9] == pictures[2].name[:9] for name in names) >= 4


def test_what_the_query_verified_by_itself_stands_first(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    strict = engine.changed(geometry={"min_evidence": 60, "match_evidence": 60})
    ranks = {"direct": 0, "indirect": 0}
    for picture in pictures[::3]:
        result = strict.search(picture, None)
        tiers = [a.verified + (a.verified and a.direct) for a in result]
        assert tiers == sorted(tiers, reverse=True)
        ranks["direct"] += tiers.count(2)
        ranks["indirect"] += tiers.count(1)
        if 1 in tiers:
            last = result[tiers.count(2) - 1].identifier
            assert "only features of other answers" in strict.explain(picture, last).reason
    assert min(ranks.values()) > 0
    alone = strict.changed(expansion={"indirect": False})
    assert all(a.direct for picture in pictures[::3] for a in alone.search(picture, None))


def test_few_pictures_are_scored_by_both_kernels(engine: bovw.Engine, pictures: list[Path]) -> None:
    plain = engine.changed(geometry={"verify": 0}, expansion={"method": "none"})
    full = plain.search(pictures[0], None)
    few = plain.changed(kernel={"n_both": 5}).search(pictures[0], None)
    aggregated = plain.changed(kernel={"method": "asmk"}).search(pictures[0], None)
    assert {a.identifier for a in few[:5]} == {a.identifier for a in aggregated[:5]}
    assert [a.identifier for a in few[5:]] == [a.identifier for a in aggregated[5:]]
    assert [a.identifier for a in full] != [a.identifier for a in few]


@pytest.mark.parametrize("combine", ["joined", "mean", "best"])
def test_several_pictures_are_one_query(
    engine: bovw.Engine, pictures: list[Path], combine: str
) -> None:
    result = engine.search_together([pictures[0], pictures[7]], 10, combine=combine)
    assert {pictures[0].name, pictures[7].name} == {a.identifier for a in result.answers[:2]}
    assert sum(a.identifier[:9] in ("poster_01", "poster_02") for a in result) >= 8
    assert result[0].transform == pytest.approx(np.eye(3), abs=0.5)


def test_impossible_queries_of_several_pictures(engine: bovw.Engine, pictures: list[Path]) -> None:
    with pytest.raises(SettingsError, match="combine='sum'"):
        engine.search_together(pictures[:2], combine="sum")
    with pytest.raises(SettingsError, match="at least one"):
        engine.search_together([])
    with pytest.raises(ImageError):
        engine.search_together([pictures[0], "missing.jpg"])


def test_an_explanation_of_an_answer(engine: bovw.Engine, pictures: list[Path]) -> None:
    for method in ("none", "hamming", "asmk", "both"):
        changed = engine.changed(kernel={"method": method}, expansion={"method": "none"})
        ranked = changed.search(pictures[0], None)
        found = changed.explain(pictures[0], ranked[1].identifier)
        assert found.answer.to_dict() == ranked[1].to_dict()
        assert found.following is not None
        assert found.following.identifier == ranked[2].identifier
        assert ranked[2].identifier in found.reason
        assert sum(word.contribution for word in found.words) == pytest.approx(1)
        assert found.words[0].contribution >= found.words[-1].contribution > 0
        assert "inliers" in str(found)
        assert len(found.to_dict()["answer"]["pairs"]) == ranked[1].inliers


def test_an_explanation_of_what_does_not_answer(engine: bovw.Engine) -> None:
    flat = np.full((200, 200), 128, np.uint8)
    found = engine.explain(flat, "poster_01_1.jpg")
    assert found.words == ()
    assert "no word" in found.reason
    with pytest.raises(UnknownPictureError):
        engine.explain(flat, "nowhere.jpg")


def test_augmented_pictures_have_features_of_their_neighbours(
    engine: bovw.Engine, pictures: list[Path]
) -> None:
    augmented = engine.augmented(2)
    before, after = (e.collection.sizes for e in (engine, augmented))
    assert (after >= before).all() and after.sum() > 1.2 * before.sum()
    assert augmented.search(pictures[0])[0].identifier == pictures[0].name
    size = np.array([[r.width, r.height] for r in augmented.collection.records])
    places = all_keypoints(augmented)[:, :2]
    assert (places >= -0.5).all() and (places <= np.repeat(size, after, axis=0)).all()


def test_a_picture_of_something_else_is_no_match(engine: bovw.Engine) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300)).astype(np.uint8)
    blurred = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3))
    result = engine.search(cv2.normalize(blurred, None, 0, 255, cv2.NORM_MINMAX))
    assert result.n_features > 20
    assert result.matched is False


def test_calibration_on_queries_without_an_answer(engine: bovw.Engine) -> None:
    negatives = sorted((SAMPLE / "covers").glob("*_1.jpg"))
    calibration = engine.calibrate(negatives, false_accept_rate=0.2)
    evidence = np.array(calibration.evidence)
    assert calibration.n_queries == len(negatives)
    assert calibration.false_accept_rate <= 0.2
    assert np.mean(evidence >= calibration.match_evidence) == calibration.false_accept_rate
    changed = engine.changed(geometry={"match_evidence": 10_000.0})
    assert changed.search(negatives[0]).matched is False


def test_a_picture_without_features_asks_and_answers_nothing(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    cv2.imwrite(str(tmp_path / "flat.png"), np.full((200, 200), 99, np.uint8))
    engine = bovw.Engine.build([tmp_path / "flat.png", *pictures[:3]], vocabulary=vocabulary)
    assert len(engine) == 4
    result = engine.search(tmp_path / "flat.png")
    assert len(result) == 0
    assert result.matched is False
    assert "flat.png" not in {a.identifier for a in engine.search(pictures[0], None)}


def test_bad_pictures_cost_a_record_each(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"nonsense")
    (tmp_path / "good.jpg").write_bytes(pictures[0].read_bytes())
    engine = bovw.Engine.build(tmp_path, vocabulary=vocabulary)
    assert [r.identifier for r in engine.collection.records] == ["good.jpg"]
    assert [f.identifier for f in engine.failures] == ["bad.jpg"]
    assert "no picture" in engine.failures[0].reason
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        bovw.Engine.build(tmp_path, vocabulary=vocabulary, on_error="raise")


def test_answers_do_not_depend_on_the_number_of_workers(
    vocabulary: bovw.Vocabulary, pictures: list[Path], engine: bovw.Engine
) -> None:
    alone = bovw.Engine.build(SAMPLE / "posters", vocabulary=vocabulary, n_jobs=1)
    assert np.array_equal(alone.collection.words, engine.collection.words)
    assert np.array_equal(all_keypoints(alone), all_keypoints(engine))
    assert [a.to_dict() for a in alone.search(pictures[7])] == [
        a.to_dict() for a in engine.search(pictures[7])
    ]


def test_without_a_vocabulary_one_is_trained_on_the_pictures(pictures: list[Path]) -> None:
    settings = SMALL.changed(features={"max_features": 200})
    engine = bovw.Engine.build(pictures[:10], settings=settings)
    assert 64 <= engine.vocabulary.n_words_ <= 200 * 10 // 25
    assert engine.search(pictures[0])[0].identifier == pictures[0].name


def test_settings_that_do_not_fit_are_refused(
    engine: bovw.Engine, vocabulary: bovw.Vocabulary, pictures: list[Path]
) -> None:
    upright = SMALL.changed(features={"upright": True})
    with pytest.raises(IncompatibleError, match="upright=False"):
        bovw.Engine.build(pictures[:2], vocabulary=vocabulary, settings=upright)
    with pytest.raises(IncompatibleError, match=r"features\.region_factor"):
        engine.changed(features={"region_factor": 3.0})
    with pytest.raises(IncompatibleError, match=r"weighting\.tf"):
        engine.changed(weighting={"tf": "raw"})
    with pytest.raises(SettingsError, match="tolerance"):
        engine.changed(geometry={"tolerance": 7})
    with pytest.raises(SettingsError, match="one of"):
        engine.changed(geometry={"nonsense": 7})
    with pytest.raises(SettingsError, match="k=0"):
        engine.search(pictures[0], 0)


def test_a_vocabulary_may_be_given_by_its_folder(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    bovw.save_vocabulary(vocabulary, tmp_path / "v")
    made = [
        bovw.Engine.build(pictures[:3], vocabulary=tmp_path / "v", settings=SMALL),
        bovw.update_index(
            tmp_path / "i", pictures[:3], vocabulary=str(tmp_path / "v"), settings=SMALL
        )[0],
        bovw.Engine.create(tmp_path / "j", tmp_path / "v", settings=SMALL),
    ]
    made[2].add(pictures[:3])
    found = [scores(engine.search(pictures[0])) for engine in made]
    assert found[0] == found[1] == found[2]
    with pytest.raises(SettingsError, match="is the vocabulary"):
        bovw.update_index(tmp_path / "v", pictures[:3], vocabulary=tmp_path / "v")


def test_too_few_features_for_a_vocabulary(pictures: list[Path]) -> None:
    settings = SMALL.changed(vocabulary={"n_words": 900_000})
    with pytest.raises(TrainingError, match="900000 words: give more pictures"):
        bovw.train_vocabulary(pictures[:1], settings=settings)


def test_the_feature_cache_gives_the_same_index(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    plain = bovw.Engine.build(pictures[:4], vocabulary=vocabulary)
    for attempt in range(3):
        engine = bovw.Engine.build(pictures[:4], vocabulary=vocabulary, cache=tmp_path)
        assert np.array_equal(all_keypoints(engine), all_keypoints(plain))
        assert np.array_equal(engine.collection.words, plain.collection.words)
        kept = sorted(tmp_path.rglob("*.npz"))
        assert len(kept) == 4
        if attempt == 1:
            kept[0].write_bytes(b"damaged")


def test_settings_survive_json() -> None:
    import json

    settings = SMALL.changed(geometry={"model": "affine"}, expansion={"method": "alpha"})
    assert bovw.Settings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
