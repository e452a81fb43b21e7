"""Classify pictures by their visual words, in a pipeline of scikit-learn.

Each folder in the given folder is a class. With the sample pictures, from the top of the project:

    python docs/examples/classify.py data/sample

The pictures of one object (``poster_01_1.jpg``, ``poster_01_2.jpg``, ...) are kept together, so
that what is tested is the class, not the object that was seen in training.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from bovw import BagOfVisualWords, SiftTransformer, TfidfWeighting


def main() -> None:
    """Print how well each class is told from the others."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="a folder with a folder for each class")
    parser.add_argument("--words", type=int, nargs="+", default=[100, 300], metavar="K")
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.glob("*/*") if path.is_file())
    labels = [path.parent.name for path in paths]
    objects = [path.stem.rpartition("_")[0] or path.stem for path in paths]

    with tempfile.TemporaryDirectory() as cache:  # each picture is read once, not in each fold
        pipeline = make_pipeline(
            SiftTransformer(max_features=300, cache=cache),
            BagOfVisualWords(),
            TfidfWeighting(),
            LinearSVC(),
        )
        search = GridSearchCV(
            pipeline,
            {"bagofvisualwords__n_words": options.words, "tfidfweighting__tf": ["sqrt", "binary"]},
            cv=GroupKFold(3),
        )
        search.fit(paths, labels, groups=objects)
        best = search.best_estimator_
        found = cross_val_predict(best, paths, labels, groups=objects, cv=GroupKFold(3))
    print("\n".join(f"{name}: {value}" for name, value in search.best_params_.items()))
    print(classification_report(labels, found, digits=2))


if __name__ == "__main__":
    main()
