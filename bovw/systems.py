"""Systems that are compared: each answers the queries of a ground truth with a run."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from .embeddings import Embeddings, load_embeddings
from .engine import Engine
from .errors import EmbeddingError, SettingsError
from .evaluation import GroundTruth, Run
from .evaluation.protocol import names_in_truth, query_paths
from .expansion import augment, discriminative_weights, expand_query, weighted_sum
from .features import DESCRIPTOR_LENGTH, SiftExtractor
from .fusion import Normalisation, put_first, reciprocal_rank_fusion, weighted_fusion
from .parallel import limited_threads
from .quantisation import ProductQuantizer, ScalarQuantizer
from .reranking import Diffusion, KReciprocal, Neighbours, nearest_rows
from .vectors import Projection, unit_rows

Expand = Literal["none", "average", "rank", "alpha", "discriminative"]
Rerank = Literal["none", "k-reciprocal", "diffusion"]
Quantise = Literal["none", "sq8", "sq4", "sq1", "pq"]
_TIMED = 20


# The classical engine


def engine_run(
    engine: Engine,
    truth: GroundTruth,
    root: str | os.PathLike[str],
    name: str,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Run:
    """Rank a whole index for every query.

    Parameters
    ----------
    engine : Engine
    truth : GroundTruth
    root : path
        The folder to which the names of the ground truth are relative.
    name : str
        Of the run.
    cache, progress
        See `Engine.rank_many`.
    """
    names = _names(engine, truth, root)
    rankings = engine.rank_many(query_paths(truth, root), cache=cache, progress=progress)
    ranked, scores, spent = {}, {}, []
    for query, ranking in zip(truth.queries, rankings, strict=True):
        kept = [i for i, identifier in enumerate(ranking.identifiers) if identifier in names]
        ranked[query.name] = [names[ranking.identifiers[i]] for i in kept]
        scores[query.name] = ranking.scores[kept].tolist()
        spent.append(sum(v for k, v in ranking.milliseconds.items() if k != "features"))
    facts = {
        "milliseconds": float(np.mean(spent)),
        "index_seconds": index_seconds(engine),
        "bytes": engine.index.bytes_per_picture,
    }
    return Run.from_names(name, ranked, items=list(names.values()), scores=scores, facts=facts)


def index_seconds(engine: Engine) -> float:
    """Seconds to read, describe and look up a picture, by one thread; NaN when none is there."""
    records = engine.collection.records
    chosen = records[:: max(1, len(records) // _TIMED)][:_TIMED]
    paths = [record.path for record in chosen if Path(record.path).is_file()]
    if not paths:
        return float("nan")
    extractor = SiftExtractor(engine.settings.features)
    with limited_threads(1):
        engine.vocabulary.predict(np.zeros((1, DESCRIPTOR_LENGTH), np.uint8))  # loads the graph
        begun = time.perf_counter()
        for path in paths:
            descriptors = extractor.extract(path, engine.settings.images).descriptors
            engine.vocabulary.signatures(descriptors, engine.vocabulary.predict(descriptors))
        return (time.perf_counter() - begun) / len(paths)


def _names(engine: Engine, truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    paths = {record.identifier: record.path for record in engine.collection.records}
    return names_in_truth(paths, truth, root)


def contents(engine: Engine, truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    """SHA-256 of each picture of the base, by its name in the ground truth."""
    names = _names(engine, truth, root)
    hashes = {record.identifier: record.sha256 for record in engine.collection.records}
    return {name: hashes[identifier] for identifier, name in names.items()}


def query_contents(truth: GroundTruth, root: str | os.PathLike[str]) -> dict[str, str]:
    """SHA-256 of the picture of each query that is there, by name of the query."""
    found = {}
    for query in truth.queries:
        path = Path(root) / query.image
        if path.is_file():
            found[query.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def training_overlap(engine: Engine, tested: set[str]) -> int:
    """How many of the pictures that the vocabulary was trained on are tested, by content."""
    return len(tested & set((engine.vocabulary.made_with_ or {}).get("pictures", ())))


# Embeddings


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

    def __post_init__(self) -> None:
        for name, kind in (("expand", Expand), ("rerank", Rerank), ("quantise", Quantise)):
            if getattr(self, name) not in get_args(kind):
                raise SettingsError(
                    f"{name}={getattr(self, name)!r}: expected one of {', '.join(get_args(kind))}"
                )
        if min(self.pca, self.augment) < 0 or min(self.answers, self.parts) < 1:
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
        prepared = time.perf_counter() - begun
        begun = time.perf_counter()
        similarities = asked @ base.T
        if options.expand != "none":
            asked = np.concatenate(
                [_expanded(q, base, s, options) for q, s in zip(asked, similarities, strict=True)]
            )
            similarities = asked @ base.T
        scores = _reranked(base, asked, similarities, options.rerank)
    spent = (time.perf_counter() - begun) * 1000 / len(asked)
    # Lists of neighbours end: what they do not reach is ranked by similarity.
    names = [query.name for query in truth.queries]
    orders = [
        np.lexsort((-s, -r)).astype(np.int32) for r, s in zip(scores, similarities, strict=True)
    ]
    own = {q: s[o] for q, s, o in zip(names, scores, orders, strict=True)}
    return Run(
        name,
        tuple(items),
        dict(zip(names, orders, strict=True)),
        own if options.rerank == "none" else {},
        {"milliseconds": spent, "bytes": size, "prepare_seconds": prepared, **asdict(options)},
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
    base: NDArray[np.float32],
    asked: NDArray[np.float32],
    similarities: NDArray[np.float32],
    method: Rerank,
) -> NDArray[np.floating]:
    if method == "none":
        return similarities
    queries = nearest_rows(asked, base, min(1000, len(base)))
    neighbours = nearest_rows(base, base, min(51, len(base)))
    if method == "diffusion":
        return Diffusion().fit(neighbours).rerank(queries)
    scores = KReciprocal().fit(neighbours).rerank(queries)
    return np.asarray(scores.toarray(), np.float32)


# Of several systems


def fused_run(
    runs: Sequence[Run],
    name: str,
    method: str = "rrf",
    weights: Sequence[float] | None = None,
) -> Run:
    """Fuse runs over the same base by reciprocal ranks, or by weighted, normalised scores.

    Parameters
    ----------
    runs : sequence of Run
        Those without scores count by their ranks.
    name : str
    method : {"rrf", "min-max", "z", "rank"}
        Reciprocal ranks, or how scores are normalised; see `bovw.fusion`.
    weights : sequence of float, optional
        Of scores.
    """
    methods = ("rrf", *get_args(Normalisation))
    if method not in methods:
        raise SettingsError(f"fusion {method!r}: expected one of {', '.join(methods)}")
    if len(runs) < 2 or any(run.items != runs[0].items for run in runs):
        raise SettingsError(
            f"fusion of {[run.name for run in runs]}: expected several runs over the same base"
        )
    queries = list(runs[0].rankings)
    table = np.empty((len(queries), len(runs[0].items)))
    for row, query in enumerate(queries):
        if method == "rrf":
            table[row] = reciprocal_rank_fusion([run.rankings[query] for run in runs])
        else:
            table[row] = weighted_fusion(
                [run.by_item(query) for run in runs], weights, cast(Normalisation, method)
            )
    spent = sum(float(run.facts.get("milliseconds", np.nan)) for run in runs)
    size = sum(float(run.facts.get("bytes", np.nan)) for run in runs)
    return Run.from_scores(
        name, runs[0].items, queries, table, {"milliseconds": spent, "bytes": size}
    )


def verified_run(
    run: Run,
    engine: Engine,
    truth: GroundTruth,
    root: str | os.PathLike[str],
    name: str,
    *,
    depth: int = 100,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Run:
    """Let the classical engine verify the first answers of another system.

    Verified answers stand first, in the order of the engine; the others keep theirs.
    """
    identifiers = {n: i for i, n in _names(engine, truth, root).items()}
    place = {item: i for i, item in enumerate(run.items)}
    lists = [
        [identifiers[n] for n in run.ranked_names(q.name, depth) if n in identifiers]
        for q in truth.queries
    ]
    results = engine.verify_many(query_paths(truth, root), lists, cache=cache, progress=progress)
    names = {identifier: n for n, identifier in identifiers.items()}
    rankings, spent = {}, []
    for query, result in zip(truth.queries, results, strict=True):
        verified = [place[names[a.identifier]] for a in result if a.verified]
        rankings[query.name] = np.asarray(
            put_first(run.rankings[query.name], np.array(verified, np.int32)), np.int32
        )
        spent.append(sum(result.milliseconds.values()))
    facts: dict[str, Any] = {
        "milliseconds": float(run.facts.get("milliseconds", np.nan)) + float(np.mean(spent)),
        "bytes": float(run.facts.get("bytes", np.nan)) + engine.index.bytes_per_picture,
    }
    return Run(name, run.items, rankings, {}, facts)
