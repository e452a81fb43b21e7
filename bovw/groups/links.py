"""Links between pictures: two pictures that show the same, and how one lies upon the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..pictures import Record

LINK = np.dtype(
    [
        ("one", "<i4"),
        ("other", "<i4"),
        ("inliers", "<i4"),
        ("contrast", "<f4"),
        ("covered_one", "<f4"),
        ("covered_other", "<f4"),
        ("agreement", "<f4"),
        ("error", "<f4"),
        ("scale", "<f4"),
        ("angle", "<f4"),
        ("mirrored", "?"),
        ("negative", "?"),
        ("identical", "?"),
    ]
)
"""A link: the places of two pictures, ``one`` the smaller, and what `Link` says of them."""
NO_LINKS: NDArray[np.void] = np.zeros(0, LINK)


@dataclass(frozen=True, eq=False)
class Compared:
    """Which pictures were compared with all others, and the links that were found.

    Attributes
    ----------
    keys : (n, 16) uint8 ndarray
        A digest of the identifier and the content of each picture.
    done : (n,) bool ndarray
        Whether it was searched for; the others are known as answers only.
    links : (m,) ndarray of `LINK`
        Ends are rows of `keys`.
    """

    keys: NDArray[np.uint8]
    done: NDArray[np.bool_]
    links: NDArray[np.void]
    KEY_BYTES: ClassVar[int] = 16


@dataclass(frozen=True)
class Link:
    """Two pictures that show the same.

    Attributes
    ----------
    one, other : str
        Identifiers.
    inliers : int
        Pairs of features that agree on a transform.
    contrast : float
        See `Answer.contrast`.
    covered_one, covered_other : float
        Share of the area of each picture that lies within the other one, under the transform.
    agreement : float
        Share of the places with features, where the pictures overlap, that a similarity moves to
        their partners within a pixel. It is taken in the picture that has fewer of them.
    error : float
        Median distance of the inliers from where the similarity puts them, in pixels of the coarser
        picture, as it is shrunk before features are found (`ImageSettings.max_side`).
    scale, angle : float
        How many times larger the other picture shows the same, and by how many degrees it is turned
        clockwise.
    mirrored, negative : bool
        Whether the other picture shows it mirrored (before it is turned), or negative.
    identical : bool
        Whether the files are the same, byte for byte.
    copy : bool
        Whether they are copies of one picture, rather than two pictures of one thing.
    """

    one: str
    other: str
    inliers: int
    contrast: float
    covered_one: float
    covered_other: float
    agreement: float
    error: float
    scale: float
    angle: float
    mirrored: bool
    negative: bool
    identical: bool
    copy: bool

    @classmethod
    def of(cls, link: NDArray[np.void], records: Sequence[Record]) -> Link:
        """Make a link of a row of `LINK`, whose ends are places in `records`."""
        values = {name: link[name].item() for name in LINK.names or ()}
        ends = {name: records[values[name]].identifier for name in ("one", "other")}
        rounded = {k: round(v, 4) for k, v in values.items() if isinstance(v, float)}
        return cls(**{**values, **rounded, **ends}, copy=bool(is_copy(link)))

    @property
    def words(self) -> str:
        """What the other picture is to the one, in words."""
        if self.identical:
            return "the same file"
        changes = ["mirrored"] * self.mirrored + ["negative"] * self.negative
        if not self.copy:
            return ", ".join(["the same thing", *changes, f"{self.inliers} points agree"])
        turn = round(self.angle) % 360
        if min(turn, 360 - turn) > _LEVEL:
            way = "" if turn == 180 else " clockwise" if turn < 180 else " anticlockwise"
            changes.append(f"turned by {min(turn, 360 - turn)}\N{DEGREE SIGN}{way}")
        if self.covered_one < _WHOLE:
            changes.append(f"shows {_percent(self.covered_one)} of it")
        if self.covered_other < _WHOLE:
            changes.append(f"{_percent(1 - self.covered_other)} of it is something else")
        if abs(np.log(self.scale)) > _SAME_SCALE:
            changes.append(f"scaled to {_percent(self.scale)}")
        return ", ".join(changes or ["the same picture"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {**asdict(self), "words": self.words}


_EXACT, _AGREEMENT, _ENOUGH = 0.35, 0.35, 12
_LEVEL, _WHOLE, _SAME_SCALE = 1, 0.97, 0.03


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def is_copy(links: NDArray[np.void]) -> NDArray[np.bool_]:
    """Whether links ``(m,)`` of `LINK` join copies of one picture, as `LEVELS` says.

    In copies a similarity fits nearly exactly, and nearly everything that both could show agrees;
    in two photographs of a thing the view differs, and so does what lies around it. Chosen on half
    of an archive of altered pictures and other photographs of the same things, and confirmed on the
    other half (`scripts/benchmarks/groups.py`, docs/groups.md).
    """
    alike = (links["agreement"] >= _AGREEMENT) & (links["inliers"] >= _ENOUGH)
    return np.asarray((alike & (links["error"] <= _EXACT)) | links["identical"], np.bool_)


def identical(one: int, other: int) -> NDArray[np.void]:
    """Give the link of two pictures whose files are the same."""
    link = np.zeros((), LINK)
    link["one"], link["other"] = min(one, other), max(one, other)
    for name in ("covered_one", "covered_other", "agreement", "scale"):
        link[name] = 1
    link["contrast"], link["identical"] = _CERTAIN, True
    return link


_CERTAIN = 1e6  # more contrast than any verification gives


def turned(link: NDArray[np.void]) -> NDArray[np.void]:
    """Give a link as seen from its other end."""
    back = link.copy()
    for name, other in (("one", "other"), ("covered_one", "covered_other")):
        back[name], back[other] = link[other], link[name]
    back["scale"] = 1 / link["scale"]
    # Mirroring after a turn is turning the other way after mirroring: the inverse turns as much.
    back["angle"] = link["angle"] if link["mirrored"] else -link["angle"] % 360
    return back


def strongest(links: NDArray[np.void]) -> NDArray[np.void]:
    """Of links between the same two pictures keep the one with most inliers, in order of ends."""
    order = np.lexsort(
        (links["error"], -links["inliers"], ~links["identical"], links["other"], links["one"])
    )
    links = links[order]
    first = np.ones(len(links), bool)
    first[1:] = (links["one"][1:] != links["one"][:-1]) | (
        links["other"][1:] != links["other"][:-1]
    )
    return np.asarray(links[first])
