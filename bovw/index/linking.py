"""Links of a picture of an index: the other pictures that show the same, by stored features."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from json import dumps

import numpy as np
from numpy.typing import NDArray

from ..groups import LINK, NO_LINKS, turned, view_of
from ..search import decide
from .index import Index
from .stored import rank_stored

# Raised when pictures are linked in another way: kept links are then found anew.
_LINKING = 2


def links_of(index: Index, position: int) -> NDArray[np.void]:
    """Search with a stored picture, and describe the answers that are matches as links.

    Parameters
    ----------
    index : Index
        Its settings say how many answers are verified, and in which guises.
    position : int

    Returns
    -------
    (m,) ndarray of `LINK`
        Ends are positions; ``one`` is the smaller.
    """
    collection, settings = index.collection, index.settings
    if collection.sizes[position] == 0:
        return NO_LINKS
    ranking = rank_stored(index, position, settings.candidates.n_candidates)
    asked, size = collection.keypoints(position), collection.size(position)
    found = []
    weighed = zip(
        ranking.positions.tolist(),
        ranking.evidence.tolist(),
        ranking.contrast.tolist(),
        strict=True,
    )
    for other, evidence, contrast in weighed:
        verified = ranking.found.get(other)
        if verified is None or evidence < settings.geometry.min_evidence:
            continue
        view = view_of(
            verified.verification,
            (asked, size),
            (collection.keypoints(other), collection.size(other)),
            settings.geometry.place,
            settings.images.max_side,
        )
        link = np.zeros((), LINK)
        link["one"], link["other"] = position, other
        link["inliers"] = verified.verification.inliers
        link["contrast"] = contrast
        link["negative"] = verified.guise == "negative"
        for name, value in view.items():
            link[name] = value
        # What lies over many pictures, such as a watermark, has no contrast; else it would make
        # copies of them.
        if decide(verified, evidence, contrast, settings.geometry)[0] == "match":
            found.append(link if position < other else turned(link))
    return np.array(found, LINK) if found else NO_LINKS


def fingerprint_of(index: Index) -> str:
    """Digest of all that decides how two pictures are compared: vocabulary and settings."""
    settings = asdict(index.settings)
    rooms = ("images", "features", "weighting", "candidates", "kernel", "geometry", "expansion")
    meaning = [
        _LINKING,
        index.descriptor,
        index.vocabulary.fingerprint,
        {room: settings[room] for room in rooms},
    ]
    return sha256(dumps(meaning, sort_keys=True).encode()).hexdigest()
