"""Embeddings as systems: projected, quantised, expanded, augmented, re-ranked."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from .embeddings import Embeddings, load_embeddings
from .errors import EmbeddingError, SettingsError
from .evaluation import GroundTruth, Run
from .expansion import augment, discriminative_weights, expand_query, weighted_sum
from .nearest import NearestNeighbours
from .parallel import limited_threads
from .quantisation import ProductQuantizer, ScalarQuantizer
from .reranking import Diffusion, KReciprocal, Neighbours, best_scores, nearest_rows
from .vectors import Projection, unit_rows

Expand = Literal["none", "average", "rank", "alpha", "discriminative"]
Rerank = Literal["none", "k-reciprocal", "diffusion"]
Quantise = Literal["none", "sq8", "sq4", "sq1", "pq"]
Method = Literal["exact", "hnsw"]
_DEPTH = 1_000  # of the lists of a graph, and of those that re-ranking is given


@dataclass(frozen=True)
class EmbeddingOptions:
    """What is done with embeddings.

    Parameters
    ----------
    pca : int
        Components that are kept; 0 for no projection.
    whiten : bool
        Give them equal variance.
    learn : str
        Embeddings that projection and quantisation are learned from; default: the base itself.
    quantise : {"none", "sq8", "sq4", "sq1", "pq"}
        Scalars of so many bits, or products of `parts` parts of a byte.
    parts : int
    augment : int
        Neighbours that join each vector of the base (database-side augmentation).
    expand : {"none", "average", "rank", "alpha", "discriminative"}
        Query expansion with the first `answers`, not verified.
    answers : int
    alpha : float
    rerank : {"none", "k-reciprocal", "diffusion"}
    method : {"exact", "hnsw"}
        Compare with all, or let nmslib's graph find the first 1,000; what it does not find is
        ranked last, in order of name.
    ef_search : int
        Breadth of the walk through the graph.
    """

    pca: int = 0
    whiten: bool = False
    learn: str = ""
    quantise: Quantise = "none"
    parts: int = 64
    augment: int = 0
    expand: Expand = "none"
    answers: int = 10
    alpha: float = 3.0  # Radenovic et al. 2018
    rerank: Rerank = "none"
    method: Method = "exact"
    ef_search: int = 1_000

    def __post_init__(self) -> None:
        kinds = {"expand": Expand, "rerank": Rerank, "quantise": Quantise, "method": Method}
        for name, kind in kinds.items():
            if getattr(self, name) not in get_args(kind):
                raise SettingsError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(get_args(kind))}"
                )
        if min(self.pca, self.augment) < 0 or min(self.answers, self.parts, self.ef_search) < 1:
            raise SettingsError(f"{asdict(self)}: expected numbers of at least 0, or 1")


def embedding_run(
    embeddings: Embeddings,
    truth: GroundTruth,
    name: str,
    *,
    queries: Embeddings | None = None,
    options: EmbeddingOptions | None = None,
) -> Run:
    """Rank embeddings by cosine for every query.

    Parameters
    ----------
    embeddings : Embeddings
        Named as the ground truth names its pictures; those that it does not name are left out.
    truth : GroundTruth
    name : str
        Of the run.
    queries : Embeddings, optional
        In the order of the queries. Without them queries are looked for by the name of their
        picture, which will do for whole pictures only.
    options : EmbeddingOptions, optional

    Raises
    ------
    EmbeddingError
        When pictures or queries have no vector.
    """
    options = options or EmbeddingOptions()
    items = sorted(truth.images)
    base, asked = embeddings.aligned(items), _asked(embeddings, truth, queries)
    base, asked, size = _compressed(base, asked, options)
    begun = time.perf_counter()
    with limited_threads(1):
        if options.augment:
            near = nearest_rows(base, base, options.augment + 1)
            others = _without_self(near)
            base = augment(base, others.indices, others.similarities, by="rank")
        graph = _graph(base, options)
        prepared = time.perf_counter() - begun
        begun = time.perf_counter()
        similarities = _similarities(asked, base, graph)
        if options.expand != "none":
            asked = np.concatenate(
                [_expanded(q, base, s, options) for q, s in zip(asked, similarities, strict=True)]
            )
            similarities = _similarities(asked, base, graph)
        scores = _reranked(base, similarities, options.rerank)
    spent = (time.perf_counter() - begun) * 1000 / len(asked)
    # Lists of neighbours end: what they do not reach is ranked by similarity.
    names = [query.name for query in truth.queries]
    orders = [
        np.lexsort((-s, -r)).astype(np.int32) for r, s in zip(scores, similarities, strict=True)
    ]
    own = {q: s[o] for q, s, o in zip(names, scores, orders, strict=True)}
    # A graph leaves some out, of which re-ranking may reach some again.
    reached = np.isfinite(similarities) | (np.isfinite(scores) & (scores != 0))
    ranked = dict(zip(names, reached.sum(axis=1).tolist(), strict=True))
    return Run(
        name,
        tuple(items),
        dict(zip(names, orders, strict=True)),
        own if options.rerank == "none" else {},
        {"milliseconds": spent, "bytes": size, "prepare_seconds": prepared, **asdict(options)},
        ranked,
    )


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
    return queries.vectors


def _graph(base: NDArray[np.float32], options: EmbeddingOptions) -> NearestNeighbours | None:
    if options.method == "exact":
        return None
    return NearestNeighbours(base, space="dot", ef_search=options.ef_search)


def _similarities(
    asked: NDArray[np.float32], base: NDArray[np.float32], graph: NearestNeighbours | None
) -> NDArray[np.float32]:
    """Score the base for queries: ``(n_queries, n_base)``, -inf for what a graph does not find."""
    if graph is None:
        return asked @ base.T
    rows, values = graph.search(asked, min(_DEPTH, len(base)))
    scores = np.full((len(asked), len(base)), -np.inf, np.float32)
    query, place = np.nonzero(rows >= 0)
    scores[query, rows[query, place]] = values[query, place]
    return scores


def _compressed(
    base: NDArray[np.float32], asked: NDArray[np.float32], options: EmbeddingOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Project and quantise; return base, queries and the bytes of a picture."""
    base, asked = unit_rows(base), unit_rows(asked)
    examples = unit_rows(load_embeddings(options.learn).vectors) if options.learn else base
    if options.pca or options.whiten:
        components = options.pca or min(examples.shape)
        projection = Projection(components, whiten=options.whiten).fit(examples)
        base, asked = projection.transform(base), projection.transform(asked)
        examples = projection.transform(examples)
    if options.quantise == "none":
        return base, asked, float(base[0].nbytes)
    quantizer = (
        ProductQuantizer(n_parts=options.parts)
        if options.quantise == "pq"
        else ScalarQuantizer(bits=int(options.quantise[2:]))
    )
    quantizer.fit(examples)
    codes = quantizer.transform(base)
    return unit_rows(quantizer.inverse_transform(codes)), asked, float(quantizer.bytes_per_vector_)


def _without_self(near: Neighbours) -> Neighbours:
    """Take each row itself out of its neighbours, or the last where it is not among them."""
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
