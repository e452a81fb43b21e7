"""Our transformers in pipelines of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC

import bovw
from bovw import BagOfVisualWords, SiftTransformer, TfidfWeighting, Vocabulary
from bovw.errors import ImageError, NotFittedError, SettingsError, TrainingError

from ..support import SAMPLE


def described(paths: list[Path]) -> list[Any]:
    return SiftTransformer(max_features=60, max_side=200).transform(paths)


@pytest.fixture(scope="module")
def paths() -> list[Path]:
    kinds = ("logos", "posters")
    return [SAMPLE / k / f"{k[:-1]}_0{i}_{j}.jpg" for k in kinds for i in (1, 2, 3) for j in (1, 4)]


@pytest.fixture(scope="module")
def labels(paths: list[Path]) -> list[str]:
    return [path.parent.name for path in paths]


def pipeline() -> Pipeline:
    return make_pipeline(
        SiftTransformer(max_features=60, max_side=200),
        BagOfVisualWords(50),
        TfidfWeighting(),
        LinearSVC(),
    )


@pytest.mark.parametrize("estimator", [TfidfWeighting(), Vocabulary(2)], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_what_takes_arrays_passes_the_checks_of_scikit_learn(estimator: Any) -> None:
    from sklearn.utils.estimator_checks import check_estimator

    check_estimator(estimator)


def test_a_pipeline_learns_classes(paths: list[Path], labels: list[str]) -> None:
    model = clone(pipeline()).fit(paths[::2], labels[::2])
    assert (model.predict(paths[1::2]) == np.array(labels[1::2])).mean() > 0.8


def test_a_grid_chooses_words_and_weights(
    paths: list[Path], labels: list[str], tmp_path: Path
) -> None:
    model = pipeline().set_params(sifttransformer__cache=tmp_path)
    grid = {"bagofvisualwords__n_words": [5, 30], "tfidfweighting__idf": ["smooth", "none"]}
    search = GridSearchCV(model, grid, cv=2, error_score="raise").fit(paths, labels)
    assert len(search.cv_results_["params"]) == 4 and any(tmp_path.iterdir())
    assert search.best_estimator_[1].n_words_ == search.best_params_["bagofvisualwords__n_words"]


def test_counts_are_those_of_the_words(paths: list[Path]) -> None:
    descriptors = described(paths)
    words = BagOfVisualWords(20).fit(descriptors)
    counts = words.transform(descriptors)
    assert counts.shape == (len(paths), 20) and counts.dtype == np.float32
    assert counts.sum(axis=1).ravel().tolist() == [[float(len(d)) for d in descriptors]]
    own = np.bincount(words.vocabulary_.predict(descriptors[3]), minlength=20)
    assert np.array_equal(counts[3].toarray()[0], own)
    again = BagOfVisualWords(20).fit_transform(descriptors)
    assert (counts != again).nnz == 0


def test_data_frames_come_out(paths: list[Path]) -> None:
    pandas = pytest.importorskip("pandas")
    model = make_pipeline(
        SiftTransformer(max_features=60, max_side=200),
        BagOfVisualWords(12, sparse_output=False),
        TfidfWeighting(sparse_output=False),
    ).set_output(transform="pandas")
    table = model.fit_transform(paths)
    assert isinstance(table, pandas.DataFrame)
    assert list(table.columns) == [f"word_{i}" for i in range(12)]
    assert list(table.columns) == list(model.get_feature_names_out())
    plain = clone(model).set_output(transform="default").fit_transform(paths)
    assert np.array_equal(table.to_numpy(), plain)


def test_words_that_exist_stay_through_clones(
    paths: list[Path], vocabulary: bovw.Vocabulary
) -> None:
    words = clone(clone(BagOfVisualWords(vocabulary=vocabulary))).fit([])
    assert words.vocabulary_ is vocabulary
    assert words.transform(described(paths[:1])).shape == (1, vocabulary.n_words_)
    with pytest.raises(NotFittedError):
        BagOfVisualWords(vocabulary=Vocabulary(5)).fit([])
    with pytest.raises(SettingsError, match="expected a Vocabulary"):
        BagOfVisualWords(vocabulary="words").fit([])  # type: ignore[arg-type]


def test_a_picture_that_cannot_be_read_keeps_its_row(paths: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"bad\.jpg"):
        SiftTransformer().fit_transform([paths[0], bad])
    with pytest.warns(UserWarning, match=r"1 of 3 pictures.*bad\.jpg"):
        found = SiftTransformer(on_error="empty", max_side=200).transform([paths[0], bad, paths[1]])
    rows = BagOfVisualWords(5).fit(found).transform(found)
    assert np.diff(rows.indptr)[1] == 0 and np.diff(rows.indptr)[[0, 2]].min() > 0
    assert TfidfWeighting().fit_transform(rows)[1].nnz == 0


def test_floats_and_features_are_taken(rng: np.random.Generator) -> None:
    floats = [rng.normal(size=(30, 8)) for _ in range(3)]
    points = rng.random((30, 2)) * 9
    features = [bovw.Features.from_arrays(points, each, (10, 10)) for each in floats]
    words = BagOfVisualWords(6).fit(floats)
    assert (words.transform(floats) != words.transform(features)).nnz == 0


def test_misuse_is_answered(rng: np.random.Generator) -> None:
    bytes_, floats = np.zeros((9, 8), np.uint8), rng.normal(size=(9, 8))
    with pytest.raises(NotFittedError):
        BagOfVisualWords().transform([floats])
    with pytest.raises(TrainingError, match="9 descriptors for 1000 words"):
        BagOfVisualWords().fit([floats])
    with pytest.raises(SettingsError, match="several kinds"):
        BagOfVisualWords(2).fit([floats, bytes_])
    with pytest.raises(SettingsError, match=r"picture 1: .*expected"):
        BagOfVisualWords(2).fit([floats, "text"])
    with pytest.raises(SettingsError, match="expected several pictures"):
        SiftTransformer().transform("picture.jpg")
    with pytest.raises(SettingsError, match="on_error"):
        SiftTransformer(on_error="ignore").fit()
    with pytest.raises(SettingsError, match="Negative values"):
        TfidfWeighting().fit([[1, -1]])
    with pytest.raises(SettingsError, match="tf='nonsense'"):
        TfidfWeighting(tf="nonsense").fit([[1, 1]])
