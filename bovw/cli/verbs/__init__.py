"""A module for each verb: its help, its arguments, and ``run``, one call of the public API."""

from __future__ import annotations

from typing import Any

from . import compact, compare, compress, doctor, evaluate, index, info, remove, search, train

VERBS: dict[str, Any] = {
    "train": train,
    "index": index,
    "remove": remove,
    "compact": compact,
    "compress": compress,
    "doctor": doctor,
    "search": search,
    "evaluate": evaluate,
    "compare": compare,
    "info": info,
}
"""In the order in which ``bovw --help`` lists them."""
