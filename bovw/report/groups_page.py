"""The page of groups: the pictures of each group, which one to keep, and what the others are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..groups import LEVELS, Group, Groups, Member
from ..pictures import Path_, Source
from ..settings import checked_arguments
from .groups_tables import readable_bytes, summary
from .page_parts import Page, frame
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
    return _Page(groups, sources, title, n_pictures).text()


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
    return _Page(groups, sources, title, n_pictures).save(path)


class _Page(Page):
    def __init__(
        self,
        groups: Groups,
        sources: Mapping[str, Source] | None,
        title: str | None,
        n_pictures: int,
    ) -> None:
        what = "Copies" if groups.level == "copies" else "Pictures of the same thing"
        super().__init__(what if title is None else title, sources)
        self.groups = groups
        self.left = n_pictures

    def pieces(self) -> Iterator[str]:
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
        preview = self.preview(member.identifier, member.path, _SIDE * 2)
        if preview is None:
            return None, self.unshown[member.identifier]
        self.left -= 1
        return data_uri(preview.picture, _SIDE, _BYTES)[0], None
