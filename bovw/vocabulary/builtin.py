"""The vocabulary in the box: where it lies.

``data/builtin`` is the folder of a vocabulary as `save_vocabulary` writes it, without nmslib's
graph, which is built when it is first needed. ``data/builtin.json`` says how it was made;
docs/vocabulary_card.md says it for people, and how good it is. ``scripts/data/make_vocabulary.py``
draws its pictures and trains it.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

BUILTIN = "builtin"
"""Name of the vocabulary in the box, wherever the path of a vocabulary is asked for."""
OWN = "own"
"""In the same places: a vocabulary is trained on the pictures that are indexed."""


def builtin_folder() -> Path:
    """Folder of the vocabulary in the box."""
    return Path(str(files(__package__) / "data" / "builtin"))
