"""Versions of the software that influences answers; saved with each vocabulary and index."""

from __future__ import annotations

import datetime
import os
import platform
import sys
import warnings
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

_PACKAGES = ("bovw", "opencv-python-headless", "numpy", "scipy", "scikit-learn", "nmslib")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that influence answers."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def conditions() -> dict[str, str]:
    """Machine, versions and date, to be shown with measurements."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "system": platform.system(),
        **versions(),
        "date": datetime.date.today().isoformat(),
    }


def warn_of_other_versions(made_with: Mapping[str, str], what: str) -> None:
    """Warn when the pictures were described by another major or minor version of OpenCV."""
    name = "opencv-python-headless"
    then, now = made_with.get(name, "unknown"), versions()[name]
    if then.split(".")[:2] != now.split(".")[:2]:
        warnings.warn(
            f"{what} was made with OpenCV {then}, this is {now}: descriptors of a known picture "
            "agree, so answers should be nearly the same; make it again to be sure",
            stacklevel=4,
        )
