"""Near-duplicates and pictures of one object: links between pictures, and the groups they form.

It knows pictures by their records and features, and no index and no files.
"""

from .groups import (
    GROUPS_VERSION,
    LEVELS,
    Group,
    Groups,
    Member,
    checked_level,
    group_pictures,
)
from .keepers import KEEP, keeper_order
from .links import LINK, NO_LINKS, Compared, Link, identical, strongest, turned
from .views import view_of

__all__ = [
    "GROUPS_VERSION",
    "KEEP",
    "LEVELS",
    "LINK",
    "NO_LINKS",
    "Compared",
    "Group",
    "Groups",
    "Link",
    "Member",
    "checked_level",
    "group_pictures",
    "identical",
    "keeper_order",
    "strongest",
    "turned",
    "view_of",
]
