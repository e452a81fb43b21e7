"""Other engines over our features, for comparison: ASMK* of `asmk`, the vocabulary tree of COLMAP.

Both need packages of the extra `benchmark`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bovw.exchange import write_colmap
from bovw.features import DESCRIPTOR_LENGTH, Features
from bovw.vocabulary import BITS, Vocabulary

_ASMK = {
    "index": {"gpu_id": None},
    "build_ivf": {
        "kernel": {"binary": True},
        "ivf": {"use_idf": True},
        "quantize": {"multiple_assignment": 1},
        "aggregate": {},
    },
    "query_ivf": {
        "quantize": {"multiple_assignment": 5},
        "aggregate": {},
        "search": {"topk": None},
        "similarity": {"similarity_threshold": 0.0, "alpha": 3.0},
    },
}


class Asmk:
    """ASMK* as the package `asmk` has it, over the words of a bovw vocabulary.

    A feature of a query gets five words, as its authors take.
    """

    def __init__(self, features: Mapping[str, Features], vocabulary: Vocabulary) -> None:
        from asmk import asmk_method, codebook, index

        self.identifiers = list(features)
        words = codebook.Codebook(index.initialize_index(None), size=int(vocabulary.n_words_))
        words.index(np.asarray(vocabulary.centers_, np.float32))
        method = asmk_method.ASMKMethod(_ASMK, {}, codebook=words)
        builder = method.create_ivf_builder()
        for number, each in enumerate(features.values()):
            builder.add(np.asarray(each.descriptors, np.float32), np.full(len(each), number))
        self.method = method.add_ivf_builder(builder)

    def search(self, query: Features) -> list[str]:
        """Rank all pictures for a query."""
        descriptors = np.asarray(query.descriptors, np.float32)
        _, _, ranks, _ = self.method.query_ivf(descriptors, np.zeros(len(descriptors), int))
        return [self.identifiers[i] for i in ranks[0]]


def train_tree(
    descriptors: NDArray[np.uint8], n_words: int, iterations: int, n_threads: int, path: Path
) -> None:
    """Train a vocabulary tree of COLMAP and write it; its default of 100 iterations takes a day."""
    import pycolmap

    pycolmap.logging.minloglevel = 1
    options = pycolmap.VisualIndex.BuildOptions()
    options.num_visual_words, options.num_threads = n_words, n_threads
    options.num_iterations, options.num_rounds = iterations, 1
    tree = pycolmap.VisualIndex.create(DESCRIPTOR_LENGTH, BITS)
    kind = pycolmap.FeatureExtractorType.SIFT
    floats = np.asarray(descriptors, np.float32)
    tree.build(options, pycolmap.FeatureDescriptorsFloat(kind, floats))
    tree.write(str(path))


class VocabularyTree:
    """COLMAP's vocabulary tree, through the pairs of pictures that it proposes to match.

    `pycolmap.VisualIndex.query` returns nothing to Python. So pictures and queries are written into
    a database, and the pairs of a query are its ranking.

    Parameters
    ----------
    features : mapping of str to Features
        Pictures that are ranked.
    queries : mapping of str to Features
        Queries; those with the name of a picture are that picture. The others are indexed, too, and
        left out of the rankings.
    tree : path
        What `train_tree` has written.
    database : path
        The database to write.
    verify : int
        So many answers are verified by geometry; if any are, only these are returned.
    """

    def __init__(
        self,
        features: Mapping[str, Features],
        queries: Mapping[str, Features],
        tree: Path,
        database: Path,
        *,
        verify: int = 0,
    ) -> None:
        import pycolmap

        pycolmap.logging.minloglevel = 1
        everything = {**queries, **features}
        if not database.exists():
            write_colmap(everything, database)
        options = pycolmap.VocabTreePairingOptions()
        options.vocab_tree_path, options.num_threads = str(tree), 1
        options.num_images = len(everything)
        options.num_images_after_verification = min(verify, len(everything))
        self._features, self._n_queries = features, len(queries)
        with pycolmap.Database.open(str(database)) as opened:
            self._names = {image.image_id: image.name for image in opened.read_all_images()}
            numbers = {name: number for number, name in self._names.items()}
            asked = [numbers[name] for name in queries]
            self._generator = pycolmap.VocabTreePairGenerator(options, opened, asked)

    def search_all(self) -> dict[str, Sequence[str]]:
        """Rank the pictures for all queries; by the names of the queries."""
        # All answers must be taken: COLMAP crashes when a generator with work to do is dropped.
        rankings: dict[str, Sequence[str]] = {}
        generator: Any = self._generator
        for _ in range(self._n_queries):
            pairs = generator.next()
            names = [self._names[answer] for _, answer in pairs]
            query = self._names[pairs[0][0]]
            rankings[query] = [name for name in names if name in self._features]
        while not generator.has_finished():
            generator.next()
        generator.reset()
        return rankings
