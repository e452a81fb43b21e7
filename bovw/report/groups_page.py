"""The page of groups: the pictures of each group, which one to keep, and what the others are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import BovwError, ImageError, printable
from ..groups import LEVELS, Group, Groups, Member
from ..pictures import Path_, Source, read_preview
from ..settings import checked_arguments
from .groups_tables import readable_bytes, summary
from .page_parts import check_page, frame, write_page
from .thumbnails import data_uri

_SIDE, _BYTES = 260, 9_000
_STYLES = ("page.css", "sheet.css", "groups.css")
_SCRIPTS = ("groups.js",)


@checked_arguments
def groups_page(
    groups: Groups,
    *,
    sources: Mapping[str, Source] | None = None,
    title: str | None = None,
    n_pictures: int = 1500,
) -> str:
    """Show groups as one HTML page, which needs no other file and no network.

    Parameters
    ----------
    groups : Groups
        From `Engine.groups`.
    sources : mapping of str to source, optional
        Pictures that are not where the index says, by identifier.
    title : str, optional
    n_pictures : int
        Largest number of pictures in the page, each of at most 12 kB; the rest are named only.

    Returns
    -------
    str
        HTML. A picture that cannot be read is shown as a frame with the reason.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    """
    return "".join(_Page(groups, sources, title, n_pictures).pieces())


@checked_arguments
def save_groups_page(
    groups: Groups,
    path: Path_,
    *,
    sources: Mapping[str, Source] | None = None,
    title: str | None = None,
    n_pictures: int = 1500,
) -> list[tuple[str, str]]:
    """Write the page to a file, without holding all of it in memory.

    Parameters
    ----------
    path : path
    groups, sources, title, n_pictures
        See `groups_page`.

    Returns
    -------
    list of (str, str)
        Names of the pictures that the page cannot show, each with the reason.

    Raises
    ------
    MissingPackageError
        When Jinja2 is not installed.
    StorageError
        When the file cannot be written.
    """
    made = _Page(groups, sources, title, n_pictures)
    write_page(path, made.pieces())
    return sorted(made.unshown.items())


class _Page:
    """What a page shows, and the pieces of its HTML."""

    def __init__(
        self,
        groups: Groups,
        sources: Mapping[str, Source] | None,
        title: str | None,
        n_pictures: int,
    ) -> None:
        check_page()
        what = "Copies" if groups.level == "copies" else "Pictures of the same thing"
        self.groups = groups
        self.sources = sources or {}
        self.title = printable(title if title is not None else what)
        self.left = n_pictures
        self.unshown: dict[str, str] = {}

    def pieces(self) -> Iterator[str]:
        """Give the HTML, piece by piece; pictures are read as their piece is made."""
        yield from frame(
            "groups.html.jinja",
            self.title,
            _STYLES,
            _SCRIPTS,
            summary=summary(self.groups),
            meaning=LEVELS[self.groups.level],
            keep=self.groups.keep,
            cut=self.groups.cut,
            groups=(self._group(group) for group in self.groups),
        )

    def _group(self, group: Group) -> dict[str, Any]:
        return {"pictures": [self._picture(member) for member in group.pictures]}

    def _picture(self, member: Member) -> dict[str, Any]:
        uri, unshown = self._shown(member)
        width, height = member.size
        return {
            "name": member.identifier,
            "uri": uri,
            "unshown": unshown,
            "facts": f"{width} \N{MULTIPLICATION SIGN} {height}, {readable_bytes(member.n_bytes)}",
            "modified": (member.modified or "")[:10],
            "relation": member.relation,
        }

    def _shown(self, member: Member) -> tuple[str | None, str | None]:
        """Data of a picture, or why there is none."""
        if self.left <= 0:
            return None, "not shown, to keep this page small"
        source = self.sources.get(member.identifier, member.path)
        try:
            if isinstance(source, str) and not source:
                raise ImageError(member.identifier, "no path of a file is known", "give it")
            picture = read_preview(source, _SIDE * 2).picture
        except ImageError as error:
            reason = f"{error.found}; {error.advice}"
        except BovwError as error:
            reason = str(error)
        else:
            self.left -= 1
            return data_uri(picture, _SIDE, _BYTES)[0], None
        self.unshown[member.identifier] = reason
        return None, reason
