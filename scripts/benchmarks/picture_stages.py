"""The stages of stages.py that have to do with pictures: extraction and candidates."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from contest import MILLISECONDS, Contestant, Figure, Run, contest, timed
from numpy.typing import NDArray
from scipy import sparse
from word_stages import spread

import bovw
from bovw.features import SiftExtractor
from bovw.nearest import NearestNeighbours
from bovw.parallel import limited_threads
from bovw.pictures import read_image

SPEED = Figure("speed", "pictures a second", more_is_better=True)
FEATURES = Figure("features", "features a picture", more_is_better=True, digits=0)
RECALL = Figure("recall", "share of the exact first 100", more_is_better=True, digits=3)

CANDIDATES = 1000


def extraction(options: Any) -> list[dict[str, Any]]:
    """Detect and describe features, beside OpenCV alone."""
    # OpenCV does not enlarge.
    settings = bovw.Settings().changed(features={"enlarge": 1.0})
    paths = [file.path for file in spread()[: options.pictures]]

    def ours(path: str) -> int:
        return len(
            SiftExtractor(settings.features).extract_image(read_image(path, settings.images))
        )

    def theirs(path: str) -> int:
        import cv2

        pixels = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
        shrunk = min(1.0, settings.images.max_side / pixels.size**0.5)
        pixels = cv2.resize(pixels, None, fx=shrunk, fy=shrunk, interpolation=cv2.INTER_AREA)
        own = settings.features
        sift = cv2.SIFT.create(
            nfeatures=own.max_features,
            contrastThreshold=own.contrast_threshold,
            edgeThreshold=own.edge_threshold,
        )
        return len(sift.detectAndCompute(pixels, None)[0])

    def all_pictures(one: Callable[[str], int]) -> dict[str, float]:
        with limited_threads(1):
            seconds, counts = timed(lambda: [one(path) for path in paths])
        return {"speed": len(paths) / seconds, "features": float(np.mean(counts))}

    own = settings.features
    size = f"shrunk to the area of a square of {settings.images.max_side} pixels"
    table = contest(
        "extraction",
        [
            Contestant(
                "bovw",
                f"reads the file, upright and {size}, and computes up to "
                f"{own.max_features} features as RootSIFT in bytes, without duplicates.",
                lambda: partial(all_pictures, ours),
            ),
            Contestant(
                "OpenCV",
                f"`imread`, `resize` ({size}) and `SIFT.detectAndCompute` with the same limit and "
                "thresholds.",
                lambda: partial(all_pictures, theirs),
            ),
        ],
        [SPEED, FEATURES],
        options.runs,
        f"{len(paths)} pictures, spread over the benchmark pictures; small ones are not enlarged; "
        "one thread.",
    )
    return [table]


def candidates(options: Any) -> list[dict[str, Any]]:
    """Find the pictures with the most similar histograms."""
    engine = bovw.Engine.open(options.index, n_jobs=1)
    histograms = engine.index.histograms
    histograms.wait()
    matrix = histograms.source.rows(np.arange(len(engine))).tocsr()
    filled = np.flatnonzero(np.diff(matrix.indptr))
    n = min(options.queries, len(filled))
    chosen = filled[np.linspace(0, len(filled) - 1, n).astype(int)]
    queries = [matrix[i] for i in chosen]
    exact = [(matrix @ query.T).toarray().ravel() for query in queries]
    least = [np.partition(scores, -100)[-100] if len(scores) >= 100 else 0.0 for scores in exact]
    k = min(CANDIDATES, len(engine))

    def asked(find: Callable[[sparse.csr_matrix], NDArray[Any]]) -> dict[str, float]:
        with limited_threads(1):
            seconds, found = timed(lambda: [find(query) for query in queries])
        shares = [
            np.count_nonzero(scores[rows[rows >= 0][:100]] >= bound - 1e-6) / min(100, len(engine))
            for rows, scores, bound in zip(found, exact, least, strict=True)
        ]
        return {"milliseconds": seconds / n * 1000, "recall": float(np.mean(shares))}

    def ours(query: sparse.csr_matrix) -> NDArray[Any]:
        return np.asarray(histograms.search(query, k)[0][0])

    def product(query: sparse.csr_matrix) -> NDArray[Any]:
        scores = (matrix @ query.T).toarray().ravel()
        best = np.argpartition(-scores, k - 1)[:k]
        return np.asarray(best[np.argsort(-scores[best])])

    def inverted() -> Run:
        index = NearestNeighbours(matrix, method="simple_invindx", space="dot")
        return partial(asked, lambda query: np.asarray(index.search(query, k)[0][0]))

    table = contest(
        "candidates",
        [
            Contestant(
                "bovw",
                f"what a search does at this size (`candidates.method`: {histograms.method}).",
                lambda: partial(asked, ours),
            ),
            Contestant(
                "scipy",
                "product of the sparse matrix of all histograms and that of the query, then the "
                "best are sorted.",
                lambda: partial(asked, product),
            ),
            Contestant(
                "nmslib's inverted index",
                "`simple_invindx` over the same histograms.",
                inverted,
            ),
        ],
        [MILLISECONDS, RECALL],
        options.runs,
        f"{n} pictures of an index of {len(engine):,} are queries; the best {k} are asked for; one "
        "thread; histograms are at hand.",
    )
    return [table]
