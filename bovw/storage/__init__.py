"""The format on disk: folders of ``.npy`` and JSON files with a manifest, and no pickles.

This package does not know how pictures are read, and does not search.
"""

from .contents.compressed_folder import load_lsa_index, save_lsa_index
from .contents.index_folder import holds_index, load_index, save_index
from .contents.vocabulary_folder import load_vocabulary, save_vocabulary
from .disk_writer import IndexWriter, index_writer
from .doctor import Diagnosis, diagnose
from .folders import (
    check_target,
    discard_folder,
    discard_room,
    is_vacant,
    may_discard_old,
    new_folder,
    replace_folder,
    room_for_another,
    tidy,
)
from .incoming import (
    INCOMING,
    close_incoming,
    discard_batch,
    open_incoming,
    read_batch,
    write_batch,
)
from .journal import JournalledBuilder, read_journal
from .links_file import LINKS, read_links, write_links
from .lock import locked
from .looking import content_of, is_there
from .manifest import digest_at, read_manifest
from .places import NEW, rooms_for_another
from .union import Clash, Union, join_indexes

__all__ = [
    "INCOMING",
    "LINKS",
    "NEW",
    "Clash",
    "Diagnosis",
    "IndexWriter",
    "JournalledBuilder",
    "Union",
    "check_target",
    "close_incoming",
    "content_of",
    "diagnose",
    "digest_at",
    "discard_batch",
    "discard_folder",
    "discard_room",
    "holds_index",
    "index_writer",
    "is_there",
    "is_vacant",
    "join_indexes",
    "load_index",
    "load_lsa_index",
    "load_vocabulary",
    "locked",
    "may_discard_old",
    "new_folder",
    "open_incoming",
    "read_batch",
    "read_journal",
    "read_links",
    "read_manifest",
    "replace_folder",
    "room_for_another",
    "rooms_for_another",
    "save_index",
    "save_lsa_index",
    "save_vocabulary",
    "tidy",
    "write_batch",
    "write_links",
]
