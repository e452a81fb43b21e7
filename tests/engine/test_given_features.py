"""Indexes of features that were extracted before, and what an index holds of its pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw import Features
from bovw.errors import (
    FormatError,
    IncompatibleError,
    SettingsError,
    TrainingError,
    UnknownPictureError,
)
from bovw.settings import Settings
from bovw.vocabulary import hamming_distances

from ..support import FEW, SAMPLE, SMALL


@pytest.fixture(scope="module")
def found(pictures: list[Path]) -> dict[str, Features]:
    """Features of thirty pictures, as floats."""
    extractor = bovw.SiftExtractor(FEW.features)
    ours = {p.name: extractor.extract(p, FEW.images) for p in pictures}
    return {
        name: Features.from_arrays(f.keypoints, f.descriptors / np.float32(512), f.size)
        for name, f in ours.items()
    }


@pytest.fixture(scope="module")
def given(found: dict[str, Features]) -> bovw.Engine:
    return bovw.Engine.from_features(found, origin="sift of a friend")


def test_features_are_indexed_and_found(given: bovw.Engine, found: dict[str, Features]) -> None:
    for name in list(found)[::7]:
        result = given.search_features(found[name], 4)
        assert [answer.identifier[:9] for answer in result] == [name[:9]] * 4
        assert result[0].path == result[0].identifier
    assert given.info()["descriptor"] == "sift of a friend"
    with pytest.raises(IncompatibleError, match="sift of a friend"):
        given.search(SAMPLE / "posters" / "poster_01_1.jpg")


class Broken(Mapping[str, Features]):
    """Features of which some cannot be read, or are of another kind."""

    def __init__(self, sound: Mapping[str, Features]) -> None:
        self.sound = sound
        self.names = [*sound, "torn.jpg", "other.jpg"]

    def __getitem__(self, name: str) -> Features:
        if name == "torn.jpg":
            raise FormatError("torn.jpg: its descriptors are missing")
        if name == "other.jpg":
            return Features.from_arrays([[1, 2]], np.ones((1, 64)), (9, 9))
        return self.sound[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def test_an_index_on_disk_follows_its_features(
    given: bovw.Engine, found: dict[str, Features], tmp_path: Path
) -> None:
    names = sorted(found)
    some = {name: found[name] for name in names[:6]}
    engine = bovw.Engine.from_features(some, origin="x", vocabulary=None, root=tmp_path)
    engine.save(tmp_path / "i")
    engine = bovw.Engine.open(tmp_path / "i")
    assert engine.collection.records[0].path == str(tmp_path / names[0])
    more = {**some, names[0]: found[names[9]], names[8]: found[names[8]]}
    del more[names[1]]
    changes = engine.add_features(Broken(more), root=tmp_path)
    assert changes.added == (names[8],) and changes.updated == (names[0],)
    assert changes.unchanged == tuple(names[2:6]) and changes.removed == ()
    reasons = {failure.identifier: failure.reason for failure in changes.failed}
    assert "64 values of float32" in reasons["other.jpg"]
    assert reasons["torn.jpg"] == "torn.jpg: its descriptors are missing"
    again = engine.add_features(more, root=tmp_path, sync=True)
    assert again.removed == (names[1],) and again.forgotten == ("other.jpg", "torn.jpg")
    assert not again.added and not again.updated
    assert bovw.Engine.open(tmp_path / "i", verify="full").identifiers == tuple(sorted(more))


def test_features_without_any_use_are_refused(found: dict[str, Features]) -> None:
    none = Features.from_arrays([], None, (9, 9))
    with pytest.raises(TrainingError, match="none of 1 pictures has features"):
        bovw.Engine.from_features({"a": none})
    with pytest.raises(SettingsError, match="identifiers"):
        bovw.Engine.from_features({**found, "": none})
    with pytest.raises(TrainingError, match=r"expected Features; see Features\.from_arrays"):
        bovw.Engine.from_features({"a": np.zeros(3)})  # type: ignore[dict-item]


def test_a_picture_without_features_does_no_harm(found: dict[str, Features]) -> None:
    none = Features.from_arrays([], None, (9, 9))
    engine = bovw.Engine.from_features({"empty": none, **dict(list(found.items())[:4])})
    assert engine.without_features == ("empty",)
    assert len(engine.search_features(none)) == len(engine.search_stored("empty")) == 0


def test_what_an_index_holds(engine: bovw.Engine, pictures: list[Path]) -> None:
    name = pictures[3].name
    held = engine.indexed_features(name)
    features = bovw.SiftExtractor(engine.settings.features).extract(pictures[3])
    words = engine.vocabulary.predict(features.descriptors)
    order = np.argsort(words, kind="stable")
    assert np.array_equal(held.words, words[order])
    signatures = engine.vocabulary.signatures(features.descriptors, words)[order]
    assert hamming_distances(held.signatures, signatures).max() == 0
    assert np.abs(held.keypoints - features.keypoints[order])[:, :2].max() < 0.05
    assert held.size == features.size
    with pytest.raises(UnknownPictureError):
        engine.indexed_features("nonsense")


def test_histograms_are_counts_and_weights(engine: bovw.Engine) -> None:
    counts, rows = engine.histograms("counts"), engine.histograms()
    place = engine.identifiers.index("poster_02_1.jpg")
    words = engine.indexed_features("poster_02_1.jpg").words
    assert np.array_equal(
        counts[place].toarray()[0], np.bincount(words, minlength=engine.vocabulary.n_words_)
    )
    assert counts.shape == rows.shape == (len(engine), engine.vocabulary.n_words_)
    assert np.allclose(np.asarray(rows.multiply(rows).sum(axis=1)), 1)
    mine = bovw.TfidfWeighting().fit_transform(counts)
    assert abs(mine - rows).max() < 1e-6
    with pytest.raises(SettingsError, match="kind"):
        engine.histograms("nonsense")


def one_word(settings: Settings) -> Settings:
    """Without expansion, whose result can jump when a keypoint moves a little."""
    return settings.changed(kernel={"n_nearest": 1}, expansion={"method": "none"})


def test_a_stored_picture_answers_as_its_file(
    pictures: list[Path], vocabulary: bovw.Vocabulary
) -> None:
    """With one word a feature, but for packed keypoints; the picture itself is left out."""
    settings = one_word(SMALL)
    engine = bovw.Engine.build(SAMPLE / "posters", vocabulary=vocabulary, settings=settings)
    for picture in pictures[::11]:
        stored = engine.search_stored(picture.name, 5)
        asked = engine.search(picture, 5, deny=[picture.name])
        assert picture.name not in [a.identifier for a in stored]
        assert [a.identifier for a in stored][:4] == [a.identifier for a in asked][:4]
        for mine, other in zip(stored.answers[:4], asked.answers[:4], strict=True):
            assert mine.similarity == pytest.approx(other.similarity, abs=0.02)
        assert stored.query == picture.name and stored.matched and stored.n_features > 0
    only = engine.search_stored(pictures[0].name, None, allow=[pictures[0].name, pictures[9].name])
    assert {a.identifier for a in only} <= {pictures[9].name}
    with pytest.raises(UnknownPictureError):
        engine.search_stored("nonsense")


def test_own_words_keep_their_numbers(rng: np.random.Generator, tmp_path: Path) -> None:
    centers = rng.normal(size=(40, 16)).astype(np.float32)
    sample = (centers[rng.integers(0, 40, 3000)] + 0.1 * rng.normal(size=(3000, 16))).astype("f4")
    nearest = ((sample[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)
    np.save(tmp_path / "centers.npy", centers)
    for words in (
        bovw.own_words(centers),
        bovw.own_words(tmp_path / "centers.npy"),
        bovw.own_words(centers, descriptors=sample),
    ):
        assert np.mean(words.predict(sample) == nearest) > 0.99
        bovw.save_vocabulary(words, tmp_path / "v", overwrite=True)
        again = bovw.load_vocabulary(tmp_path / "v")
        assert np.array_equal(again.predict(sample), words.predict(sample))
        assert np.array_equal(again.signatures(sample, nearest), words.signatures(sample, nearest))


def test_own_words_of_faiss(rng: np.random.Generator, tmp_path: Path) -> None:
    faiss = pytest.importorskip("faiss")
    sample = rng.normal(size=(2000, 8)).astype(np.float32)
    flat = faiss.IndexFlatL2(8)
    inverted = faiss.IndexIVFFlat(flat, 8, 16)
    inverted.train(sample)
    faiss.write_index(inverted, str(tmp_path / "ivf.faiss"))
    assert bovw.own_words(tmp_path / "ivf.faiss").n_words_ == 16
    faiss.write_index(faiss.IndexLSH(8, 16), str(tmp_path / "lsh.faiss"))
    for name, message in (("lsh.faiss", "expected a flat one"), ("no.faiss", "No such file")):
        with pytest.raises(FormatError, match=message):
            bovw.own_words(tmp_path / name)
    (tmp_path / "bad.faiss").write_bytes(b"nothing of the kind")
    with pytest.raises(FormatError, match="not an index of faiss"):
        bovw.own_words(tmp_path / "bad.faiss")


def test_own_words_of_bytes_are_rounded(
    vocabulary: bovw.Vocabulary, pictures: list[Path], tmp_path: Path
) -> None:
    """Centres that k-means gives as floats; `Engine.build` takes their file as vocabulary."""
    np.save(tmp_path / "centers.npy", vocabulary.centers_.astype(np.float64) + 0.2)
    engine = bovw.Engine.build(pictures[:4], vocabulary=tmp_path / "centers.npy", settings=FEW)
    held = bovw.Engine.build(pictures[:4], vocabulary=vocabulary, settings=FEW)
    assert (engine.histograms("counts") != held.histograms("counts")).nnz == 0
    with pytest.raises(SettingsError, match="kind='float32'"):
        bovw.own_words(vocabulary.centers_.astype(float) * 3, kind="uint8")
    with pytest.raises(SettingsError, match="are distinct when they are stored as uint8"):
        bovw.own_words(vocabulary.centers_ / np.float32(512), kind="uint8")
    np.save(tmp_path / "short.npy", vocabulary.centers_[:, :64])
    with pytest.raises(IncompatibleError, match="64 values"):
        bovw.Engine.build(pictures[:4], vocabulary=tmp_path / "short.npy")
    (tmp_path / "bad.npy").write_bytes(b"no array")
    with pytest.raises(FormatError, match="damaged"):
        bovw.own_words(tmp_path / "bad.npy")


def test_equal_own_words_are_said(rng: np.random.Generator) -> None:
    centers = rng.integers(0, 255, (9, 8)).astype(np.uint8)
    centers[4] = centers[2]
    with pytest.warns(UserWarning, match="1 of 9 centres are equal"):
        words = bovw.own_words(centers)
    assert words.n_words_ == 8


def test_given_features_with_a_hash_are_told_apart(found: dict[str, Features]) -> None:
    name, features = next(iter(found.items()))
    same = Features.from_arrays(
        features.keypoints, features.descriptors, features.size, sha256="0" * 64
    )
    assert same.sha256 == "0" * 64 and replace(same, sha256=features.sha256).size == features.size
    with pytest.raises(SettingsError, match="64 hexadecimal digits"):
        Features.from_arrays(features.keypoints, features.descriptors, features.size, sha256=name)
