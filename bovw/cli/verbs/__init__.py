"""A module for each verb, with its help, its arguments, and the function ``run``."""

from __future__ import annotations

from typing import Any

from . import (
    calibrate,
    compact,
    compare,
    compress,
    doctor,
    evaluate,
    features,
    groups,
    index,
    info,
    merge,
    pairs,
    remove,
    search,
    serve,
    train,
)

VERBS: dict[str, Any] = {
    "train": train,
    "index": index,
    "remove": remove,
    "merge": merge,
    "compact": compact,
    "compress": compress,
    "doctor": doctor,
    "search": search,
    "groups": groups,
    "serve": serve,
    "pairs": pairs,
    "features": features,
    "calibrate": calibrate,
    "evaluate": evaluate,
    "compare": compare,
    "info": info,
}
"""The verbs, in the order in which ``bovw --help`` lists them."""
