"""Groups of pictures, as users get them: their pictures, a keeper, and how the others relate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingsError, shown
from ..pictures import Record
from .grouping import labels_of
from .keepers import keeper_order
from .links import Link, is_copy, turned

GROUPS_VERSION = 1
"""Version of the JSON of groups; docs/groups.md says what it holds."""
LEVELS: Mapping[str, str] = {
    "copies": "the same picture: saved again, smaller, turned, mirrored, cropped, or with "
    "something laid over it",
    "same-object": "pictures that show the same thing, copies among them",
}
"""What joins the pictures of a group, in words."""
# From this contrast on, a link joins two groups though no third picture confirms it.
_STRONG = 30.0
# So does a link between copies with this agreement.
_SURE = 0.6


@dataclass(frozen=True)
class Member:
    """A picture of a group.

    Attributes
    ----------
    identifier, path : str
    size : (int, int)
        Width and height in pixels.
    n_bytes : int
        Size of the file.
    modified : str or None
        Time at which the file was changed last, UTC, ISO 8601; None when it is not known.
    relation : str
        In words, how it relates to the picture that is proposed to be kept; "" for that one.
    """

    identifier: str
    path: str
    size: tuple[int, int]
    n_bytes: int
    modified: str | None
    relation: str = ""

    @classmethod
    def of(cls, record: Record, relation: str = "") -> Member:
        """Make a member of the record of a picture."""
        seconds = record.mtime_ns // 1_000_000_000
        try:
            when = datetime.fromtimestamp(seconds, timezone.utc).isoformat() if seconds else None
        except (ValueError, OverflowError, OSError):  # a year that no calendar has
            when = None
        size = record.width, record.height
        return cls(record.identifier, record.path, size, record.size, when, relation)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "identifier": self.identifier,
            "path": self.path,
            "size": list(self.size),
            "bytes": self.n_bytes,
            "modified": self.modified,
            "relation": self.relation,
        }


@dataclass(frozen=True)
class Group:
    """Pictures that belong together.

    Attributes
    ----------
    pictures : tuple of Member
        At least two. The first is the one that is proposed to be kept; then by identifier.
    links : tuple of Link
        The links between them.
    """

    pictures: tuple[Member, ...]
    links: tuple[Link, ...]

    @property
    def keeper(self) -> Member:
        """The picture that is proposed to be kept."""
        return self.pictures[0]

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Identifiers of the pictures, the keeper first."""
        return tuple(member.identifier for member in self.pictures)

    def __len__(self) -> int:
        return len(self.pictures)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "keeper": self.keeper.identifier,
            "pictures": [member.to_dict() for member in self.pictures],
            "links": [link.to_dict() for link in self.links],
        }


@dataclass(frozen=True)
class Groups(Sequence[Group]):
    """Groups of the pictures of an index: a sequence of `Group`, the largest first.

    Attributes
    ----------
    groups : tuple of Group
    level : {"copies", "same-object"}
        What joins pictures; see `LEVELS`.
    keep : str
        The rule by which the pictures to keep were chosen.
    n_pictures : int
        Number of pictures of the index.
    cut : tuple of Link
        Links that join no groups, since they are weak and no third picture confirms them.
    """

    groups: tuple[Group, ...]
    level: str
    keep: str
    n_pictures: int
    cut: tuple[Link, ...] = ()

    @overload
    def __getitem__(self, place: int) -> Group: ...

    @overload
    def __getitem__(self, place: slice) -> tuple[Group, ...]: ...

    def __getitem__(self, place: int | slice) -> Group | tuple[Group, ...]:
        return self.groups[place]

    def __len__(self) -> int:
        return len(self.groups)

    def __iter__(self) -> Iterator[Group]:
        return iter(self.groups)

    def __repr__(self) -> str:
        return f"<{len(self)} groups of {self.n_grouped} of {self.n_pictures} pictures>"

    @property
    def n_grouped(self) -> int:
        """Number of pictures in all groups."""
        return sum(map(len, self.groups))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; docs/groups.md describes them."""
        return {
            "format": "bovw-groups",
            "version": GROUPS_VERSION,
            "level": self.level,
            "meaning": LEVELS[self.level],
            "keep": self.keep,
            "n_pictures": self.n_pictures,
            "n_grouped": self.n_grouped,
            "groups": [group.to_dict() for group in self.groups],
            "cut": [link.to_dict() for link in self.cut],
        }


def checked_level(level: str) -> str:
    """Return a level; raise a SettingsError when there is no such one."""
    if level not in LEVELS:
        raise SettingsError(f"level={shown(level)}: expected one of {', '.join(LEVELS)}")
    return level


def group_pictures(
    records: Sequence[Record], links: NDArray[np.void], *, level: str, keep: str
) -> Groups:
    """Form groups of pictures that are linked.

    Parameters
    ----------
    records : sequence of Record
        All pictures, in order of identifier.
    links : (m,) ndarray of `LINK`
        Their ends are places in `records`; each pair occurs once.
    level : {"copies", "same-object"}
        Which links count: those between copies of one picture, or all.
    keep : str
        See `keeper_order`.

    Raises
    ------
    SettingsError
        When there is no such level or rule.
    """
    order = keeper_order(keep)
    if checked_level(level) == "copies":
        links = links[is_copy(links)]
    ends = np.stack([links["one"], links["other"]], axis=1).astype(np.int64)
    # Close copies are sure by themselves, also when many others make their contrast small.
    sure = is_copy(links) & (links["agreement"] >= _SURE)
    strength = np.where(sure, np.float32(np.inf), links["contrast"])
    labels, cut = labels_of(len(records), ends, strength, _STRONG)
    joined = np.flatnonzero(np.bincount(labels, minlength=1)[labels] > 1)
    members: dict[int, list[int]] = {}
    for place in joined.tolist():
        members.setdefault(int(labels[place]), []).append(place)
    # A link that was cut may lie within a group that other links join.
    across = labels[ends[:, 0]] != labels[ends[:, 1]]
    inside: dict[int, list[NDArray[np.void]]] = {}
    for number in np.flatnonzero(~across).tolist():
        inside.setdefault(int(labels[ends[number, 0]]), []).append(links[number])
    groups = [_group(places, inside[label], records, order) for label, places in members.items()]
    groups.sort(key=lambda group: (-len(group), group.keeper.identifier))
    left = [Link.of(link, records) for link in links[across & cut]]
    return Groups(tuple(groups), level, keep, len(records), tuple(left))


def _group(
    places: list[int], links: list[NDArray[np.void]], records: Sequence[Record], order: Any
) -> Group:
    by_place = {place: records[place] for place in places}
    first = min(places, key=lambda place: order(by_place[place]))
    described = {
        link["one" if int(link["other"]) == first else "other"].item(): link
        for link in links
        if first in (link["one"], link["other"])
    }
    pictures = [Member.of(by_place[first])]
    for place in places:
        if place == first:
            continue
        relation = "linked through another picture of the group"
        if place in described:
            link = described[place]
            seen = link if int(link["one"]) == first else turned(link)
            relation = Link.of(seen, records).words
        pictures.append(Member.of(by_place[place], relation))
    return Group(tuple(pictures), tuple(Link.of(link, records) for link in links))
