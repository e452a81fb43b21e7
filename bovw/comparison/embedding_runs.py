"""Runs of systems that are embeddings, optionally projected, quantised, expanded or re-ranked."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..embeddings import (
    Diffusion,
    EmbeddingIndex,
    Embeddings,
    KReciprocal,
    Neighbours,
    ProductQuantizer,
    Projection,
    ScalarQuantizer,
    as_vectors,
    augment,
    best_scores,
    discriminative_weights,
    expand_query,
    load_embeddings,
    nearest_rows,
    unit_rows,
    weighted_sum,
)
from ..errors import EmbeddingError, TrainingError
from ..evaluation import GroundTruth, Run
from ..parallel import limited_threads
from .embedding_options import EmbeddingOptions, Rerank

__all__ = ["EmbeddingOptions", "embedding_run"]

_DEPTH = 1_000  # length of the lists that a graph gives, and that are re-ranked


def embedding_run(
    embeddings: Embeddings,
    truth: GroundTruth,
    name: str,
    *,
    queries: Embeddings | None = None,
    options: EmbeddingOptions | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Run:
    """Rank embeddings by cosine for every query.

    Parameters
    ----------
    embeddings : Embeddings
        Embeddings of the base. Identifiers must be the names in the ground truth. For other
        pictures see `root`.
    truth : GroundTruth
    name : str
        Name of the run.
    queries : Embeddings, optional
        Embeddings of the queries, in the order of the ground truth. By default they are looked up
        in `embeddings` by the name of the query picture, which works only when no query is a box.
    options : EmbeddingOptions, optional
    root : path, optional
        The folder to which the names in the ground truth are relative. It decides about pictures
        that the ground truth does not name: those that are in this folder are left out; others
        (distractors) are ranked, as with an index. Query pictures are ranked only when they are in
        the base. Without `root` all pictures that are not in the base are left out.

    Raises
    ------
    EmbeddingError
        When a picture of the base or a query has no vector.
    """
    options = options or EmbeddingOptions()
    items, n_left_out = _ranked_items(embeddings, truth, root)
    base, asked = embeddings.aligned(items), _asked(embeddings, truth, queries)
    learned = load_embeddings(options.learn) if options.learn else None
    base, asked, examples = _projected(base, asked, learned, options)
    begun = time.perf_counter()
    if options.augment:
        with limited_threads(1):
            near = nearest_rows(base, base, options.augment + 1)
            others = _without_self(near)
            base = augment(base, others.indices, others.similarities, by="rank")
    prepared = time.perf_counter() - begun
    base, size = _quantised(base, examples, options)
    begun = time.perf_counter()
    with limited_threads(1):
        index = EmbeddingIndex(
            Embeddings(tuple(items), base), options.method, ef_search=options.ef_search
        )
        prepared += time.perf_counter() - begun
        begun = time.perf_counter()
        similarities = _similarities(asked, index)
        if options.expand != "none":
            asked = np.concatenate(
                [_expanded(q, base, s, options) for q, s in zip(asked, similarities, strict=True)]
            )
            similarities = _similarities(asked, index)
        scores = _reranked(base, similarities, options.rerank)
    spent = (time.perf_counter() - begun) * 1000 / len(asked)
    # Re-ranking scores only the pictures in lists of neighbours. Equal scores, such as those of all
    # other pictures, are sorted by similarity.
    names = [query.name for query in truth.queries]
    orders = [
        np.lexsort((-s, -r)).astype(np.int32) for r, s in zip(scores, similarities, strict=True)
    ]
    own = {q: s[o] for q, s, o in zip(names, scores, orders, strict=True)}
    # A graph does not find all pictures, but re-ranking may give some of the others a score.
    reached = np.isfinite(similarities) | (np.isfinite(scores) & (scores != 0))
    ranked = dict(zip(names, reached.sum(axis=1).tolist(), strict=True))
    return Run(
        name,
        tuple(items),
        dict(zip(names, orders, strict=True)),
        own if options.rerank == "none" else {},
        {
            "milliseconds": spent,
            "bytes": size,
            "prepare_seconds": prepared,
            "n_distractors": len(items) - len(truth.images),
            "n_left_out": n_left_out,
            "n_learned_from_tested": _n_tested(items, truth, learned, options),
            **asdict(options),
        },
        ranked,
    )


def _ranked_items(
    embeddings: Embeddings, truth: GroundTruth, root: str | os.PathLike[str] | None
) -> tuple[list[str], int]:
    """Return the names that are ranked, sorted, and how many others (not queries) are left out."""
    asked = {query.image for query in truth.queries}
    others = set(embeddings.identifiers) - truth.images - asked
    if root is None:
        return sorted(truth.images), len(others)
    out = set()
    if any((Path(root) / name).is_file() for name in truth.images):
        out = {n for n in others if not Path(n).is_absolute() and (Path(root) / n).is_file()}
    return sorted(truth.images | (others - out)), len(out)


def _n_tested(
    items: Sequence[str],
    truth: GroundTruth,
    learned: Embeddings | None,
    options: EmbeddingOptions,
) -> int:
    """How many pictures (by name) something was learned from that are in the base or queries."""
    if not (options.pca or options.whiten or options.quantise != "none"):
        return 0
    if learned is None:
        return len(items)
    tested = {*items, *(query.image for query in truth.queries)}
    return len(tested.intersection(learned.identifiers))


def _asked(
    embeddings: Embeddings, truth: GroundTruth, queries: Embeddings | None
) -> NDArray[np.float32]:
    if queries is None:
        boxes = [query.name for query in truth.queries if query.bbox is not None]
        if boxes:
            raise EmbeddingError(
                f"{len(boxes)} queries ask for a part of a picture, such as {boxes[0]!r}: give "
                "the embeddings of the parts, in the order of the queries (queries)"
            )
        return embeddings.aligned([query.image for query in truth.queries])
    named = [query.image for query in truth.queries]
    if list(queries.identifiers) != named:
        raise EmbeddingError(
            f"embeddings of {len(queries.identifiers)} queries, of {queries.identifiers[0]!r} and "
            f"so on: expected {len(named)}, named and ordered as in {truth.name}: {named[0]!r}"
        )
    return as_vectors(queries.vectors, embeddings.vectors.shape[1])


def _similarities(asked: NDArray[np.float32], index: EmbeddingIndex) -> NDArray[np.float32]:
    """Score the base for queries: ``(n_queries, n_base)``; -inf for what a graph did not find."""
    if index.method == "exact":
        return index.scores(asked)
    near = index.search(asked, _DEPTH)
    scores = np.full((len(asked), len(index.embeddings.vectors)), -np.inf, np.float32)
    query, place = np.nonzero(near.indices >= 0)
    scores[query, near.indices[query, place]] = near.similarities[query, place]
    return scores


def _projected(
    base: NDArray[np.float32],
    asked: NDArray[np.float32],
    learned: Embeddings | None,
    options: EmbeddingOptions,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32] | None]:
    """Project the base, the queries and the examples; without examples the base gives them."""
    base, asked = unit_rows(base), unit_rows(asked)
    examples = None if learned is None else unit_rows(learned.vectors)
    if not (options.pca or options.whiten):
        return base, asked, examples
    known = base if examples is None else examples
    components = options.pca or min(known.shape)
    projection = Projection(components, whiten=options.whiten).fit(known)
    if examples is not None:
        examples = projection.transform(examples)
    return projection.transform(base), projection.transform(asked), examples


def _quantised(
    base: NDArray[np.float32], examples: NDArray[np.float32] | None, options: EmbeddingOptions
) -> tuple[NDArray[np.float32], float]:
    """Quantise the base; return the reconstructed vectors, and the bytes per picture."""
    if options.quantise == "none":
        return base, float(base[0].nbytes)
    known = base if examples is None else examples
    quantizer: ProductQuantizer | ScalarQuantizer
    if options.quantise == "pq":
        quantizer = ProductQuantizer(n_parts=options.parts)
        if len(known) < quantizer.n_centers:
            raise TrainingError(
                f"quantise=pq learns {quantizer.n_centers} centres and was given {len(known)} "
                "pictures: name more embeddings to learn from (learn), or use sq8, sq4 or sq1"
            )
    else:
        quantizer = ScalarQuantizer(bits=int(options.quantise[2:]))
    codes = quantizer.fit(known).transform(base)
    return unit_rows(quantizer.inverse_transform(codes)), float(quantizer.bytes_per_vector_)


def _without_self(near: Neighbours) -> Neighbours:
    """Remove each row from its own neighbours; if it is not among them, remove the last one."""
    rows = np.arange(len(near.indices))[:, None]
    place = np.argmax(np.where(near.indices == rows, 2, 0) + (rows == -1), axis=1)
    missing = ~(near.indices == rows).any(axis=1)
    place[missing] = near.indices.shape[1] - 1
    kept = np.ones(near.indices.shape, bool)
    kept[np.arange(len(kept)), place] = False
    shape = (len(kept), near.indices.shape[1] - 1)
    return Neighbours(near.indices[kept].reshape(shape), near.similarities[kept].reshape(shape))


def _expanded(
    query: NDArray[np.float32],
    base: NDArray[np.float32],
    similarities: NDArray[np.float32],
    options: EmbeddingOptions,
) -> NDArray[np.float32]:
    order = np.argsort(-similarities, kind="stable")
    first = order[: options.answers]
    if options.expand == "discriminative":
        positives = np.concatenate([query[None], base[first]])
        negatives = base[order[options.answers :][-50:]]
        if len(negatives) == 0:
            return query[None]
        weights = discriminative_weights(positives, negatives)
        return weighted_sum(np.concatenate([positives, negatives]), weights)
    by: Literal["none", "rank", "similarity"] = (
        "rank"
        if options.expand == "rank"
        else "similarity"
        if options.expand == "alpha"
        else "none"
    )
    return expand_query(
        query[None],
        base[first],
        similarities[first],
        by=by,
        alpha=options.alpha if options.expand == "alpha" else 1.0,
    )


def _reranked(
    base: NDArray[np.float32], similarities: NDArray[np.float32], method: Rerank
) -> NDArray[np.floating]:
    if method == "none":
        return similarities
    queries = best_scores(similarities, _DEPTH)
    found = np.isfinite(queries.similarities)
    queries = Neighbours(
        np.where(found, queries.indices, np.int32(-1)),
        np.where(found, queries.similarities, np.float32(0)),
    )
    neighbours = nearest_rows(base, base, 51)
    if method == "diffusion":
        return Diffusion().fit(neighbours).rerank(queries)
    scores = KReciprocal().fit(neighbours).rerank(queries)
    return np.asarray(scores.toarray(), np.float32)
