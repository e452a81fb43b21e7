"""Importing the package is quiet, quick and lazy."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bovw


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)


def test_import_prints_nothing_and_loads_nothing_heavy() -> None:
    done = run(
        "import bovw, sys\n"
        "heavy = {'cv2', 'sklearn', 'scipy', 'nmslib', 'numpy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    assert done.stdout == done.stderr == ""


def test_help_of_every_verb_loads_nothing_heavy() -> None:
    done = run(
        "import sys\n"
        "from bovw.cli.parser import make_parser\n"
        "make_parser().format_help()\n"
        "heavy = {'cv2', 'sklearn', 'scipy', 'nmslib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    assert done.stdout == done.stderr == ""


def test_nmslib_is_quiet_when_it_is_first_needed() -> None:
    done = run(
        "import numpy as np\n"
        "from bovw.nearest import NearestNeighbours\n"
        "NearestNeighbours(np.eye(4, dtype=np.float32)).search(np.eye(4, dtype=np.float32), 1)"
    )
    assert done.stdout == done.stderr == ""


@pytest.mark.parametrize("name", [n for n in bovw.__all__ if n != "__version__"])
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(bovw, name)
    assert value.__doc__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = bovw.nonsense  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [n for n in bovw.__all__ if n != "__version__"])
def test_a_public_name_stays_what_it_is(name: str) -> None:
    """A module of the same name would take its place once it is imported."""
    assert getattr(bovw, name) is getattr(bovw, name)
    assert type(getattr(bovw, name)) is not type(bovw)
