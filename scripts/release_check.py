"""Check that this tree can be released: build it, look at what was built, install it, test that.

Steps, each of which says what it did:

1. the version is written in one place, and the changelog knows it;
2. ``CITATION.cff`` is valid;
3. sdist and wheel are built; the sdist holds files of the repository only, and ``twine`` and
   ``check-wheel-contents`` find no fault;
4. for each Python that is installed here, in an empty environment each with the newest and with
   the lowest versions of the dependencies: the wheel is installed, answers a query from Python and
   from the command line without any extra, and passes the tests (those of the sdist, without its
   ``bovw/``);
5. it is printed for which systems all dependencies have wheels.

Needs ``pip install '.[release]'``. Nothing is uploaded. Pythons of pyenv are found when they are
active (``PYENV_VERSION=3.10.13:3.12.1``).
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
PLATFORMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux ARM": "aarch64-manylinux_2_28",
    "macOS ARM": "aarch64-apple-darwin",
    "macOS x86-64": "x86_64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
QUICK = (
    "tests/properties", "tests/formats", "tests/evaluation", "tests/settings", "tests/exchange",
    "tests/embeddings", "tests/vocabulary", "tests/storage/test_golden_files_open.py",
    "tests/engine/test_searches_answer.py", "tests/cli", "tests/test_public_names.py",
)  # fmt: skip
"""Tests of what other packages do for us: another version of them may do it otherwise."""
TRIAL = """
import sys, bovw
found = bovw.Engine.build(sys.argv[1]).search(sys.argv[2], k=2)
assert [answer.identifier for answer in found][0] in sys.argv[2], found
assert bovw.__file__.startswith(sys.prefix), bovw.__file__
print(bovw.__version__)
"""


class Failed(Exception):  # noqa: N818
    """A step has found a fault; the others go on."""


def ran(*command: str | os.PathLike[str], cwd: Path = ROOT, **more: str) -> str:
    """Run a command; return what it printed.

    Raises
    ------
    Failed
        With the end of what it printed, when it fails.
    """
    kept = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    done = subprocess.run(
        [os.fspath(part) for part in command],
        cwd=cwd,
        env=kept | more,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        shown = " ".join(map(str, command[:6]))
        raise Failed(f"{shown} ...: exit code {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def uv(*arguments: str | os.PathLike[str], cwd: Path = ROOT) -> str:
    return ran(sys.executable, "-m", "uv", "--quiet", *arguments, cwd=cwd)


def check_version() -> str:
    """The version stands in `bovw/__init__.py` and nowhere else, but for the changelog."""
    source = (ROOT / "bovw" / "__init__.py").read_text(encoding="utf-8")
    version = re.findall(r'^__version__ = "(.+)"$', source, re.MULTILINE)[0]
    for name in ("pyproject.toml", "CITATION.cff"):
        text = (ROOT / name).read_text(encoding="utf-8")
        if re.search(r"^version\s*[=:]", text, re.MULTILINE):
            raise Failed(f"{name} has a version of its own: take it out")
    heads = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    if not heads or heads[0].split()[0] not in ("Unreleased", version):
        raise Failed(f"CHANGELOG.md begins with {heads[:1]}, expected {version} or Unreleased")
    return f"{version}; the changelog begins with {heads[0]!r}"


def check_citation() -> str:
    program = Path(sys.executable).with_name("cffconvert")  # it has no `python -m`
    return ran(program, "--validate", "-i", "CITATION.cff").strip()


def build(folder: Path) -> tuple[Path, Path]:
    """Build the sdist, and the wheel from it."""
    ran(sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, ROOT)
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


def check_built(sdist: Path, wheel: Path) -> str:
    ran(sys.executable, "-m", "twine", "check", "--strict", sdist, wheel)
    ran(sys.executable, "-m", "check_wheel_contents", wheel)
    with tarfile.open(sdist) as file:
        inside = {name.partition("/")[2] for name in file.getnames()}
    kept = set(ran("git", "ls-files", "-z").split("\0"))
    if strangers := sorted(inside - kept - {"PKG-INFO"}):
        raise Failed(f"the sdist has files that git does not know: {strangers[:5]}")
    sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in (sdist, wheel))
    return f"{sizes}; {len(inside)} files in the sdist, all of them in git; twine finds no fault"


def trees(sdist: Path, folder: Path) -> Path:
    """Unpack the tests of the sdist without the package, so that only the wheel can be tested."""
    with tarfile.open(sdist) as file:
        file.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    shutil.rmtree(tree / "bovw")
    return tree


def check_installed(
    python: str, lowest: bool, wheel: Path, tree: Path, folder: Path, tests: list[str]
) -> str:
    """Install the wheel in an empty environment, try it, then add the test extra and test it."""
    how = "lowest-direct" if lowest else "highest"
    bounds = folder / "constraints.txt"
    uv("pip", "compile", "--only-binary", ":all:", "--python-version", python, "--resolution", how,
       "--extra", "test", "--no-header", "-o", bounds, ROOT / "pyproject.toml")  # fmt: skip
    venv = folder / "venv"
    uv("venv", "--python", python, "--no-python-downloads", venv)
    own = venv / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ("pip", "install", "--python", own, "--only-binary", ":all:", "-c", bounds)
    uv(*install, wheel)
    sample = tree / "data" / "sample"
    query = sample / "logos" / "logo_02_3.jpg"
    ran(own, "-c", TRIAL, sample / "logos", query, cwd=folder)
    ran(own, "-m", "bovw", "index", sample / "logos", "-o", "i.bovw", cwd=folder)
    ran(own, "-m", "bovw", "search", "i.bovw", query, "-k", "2", cwd=folder)
    said = "installed, answers"
    if tests != ["none"]:
        uv(*install, f"bovw[test] @ {wheel.as_uri()}")
        chosen = [] if tests == ["all"] else tests
        out = ran(own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen, cwd=tree)
        said += ", tests: " + out.strip().splitlines()[-1].strip("= ")
    return said


def check_wheels(platform: str) -> str:
    """For which Pythons all that `pip install bovw` installs has wheels on a system."""
    found, lacking = [], []
    for python in PYTHONS:
        try:
            uv("pip", "compile", "--only-binary", ":all:", "--python-version", python,
               "--python-platform", platform, ROOT / "pyproject.toml")  # fmt: skip
            found.append(python)
        except Failed as error:
            names = re.findall(r"Because (\S+?)==\S+ has no usable wheels", str(error))
            lacking.append(f"{python} lacks {', '.join(names) or 'some'}")
    return "; ".join([f"wheels for {', '.join(found) or 'none'}", *lacking])


def main() -> int:
    assert __doc__
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pythons", nargs="+", default=PYTHONS, metavar="X.Y")
    parser.add_argument(
        "--versions", nargs="+", default=["newest", "lowest"], choices=["newest", "lowest"]
    )
    parser.add_argument(
        "--tests",
        nargs="+",
        default=list(QUICK),
        metavar="PATH",
        help="tests to run from the wheel; 'all', or 'none' (default: some of each door)",
    )
    parser.add_argument("--keep", metavar="DIR", help="keep sdist and wheel in this folder")
    options = parser.parse_args()
    lacking = [
        name
        for name in ("build", "twine", "check_wheel_contents", "cffconvert", "uv")
        if importlib.util.find_spec(name) is None
    ]
    if lacking:
        parser.error(f"{', '.join(lacking)}: not installed; pip install '.[release]'")
    faults = 0

    def step(name: str, function, *arguments) -> object:  # type: ignore[no-untyped-def]
        nonlocal faults
        print(f"{name:<22}", end="", flush=True)
        try:
            found = function(*arguments)
        except Failed as error:
            faults += 1
            print(f"FAILED: {error}", flush=True)
            return None
        print(found if isinstance(found, str) else "done", flush=True)
        return found

    step("version", check_version)
    step("CITATION.cff", check_citation)
    with tempfile.TemporaryDirectory(prefix="bovw-release-") as name:
        place = Path(name)
        built = step("build", build, place / "dist")
        if built is not None:
            sdist, wheel = built  # type: ignore[misc]
            step("contents", check_built, sdist, wheel)
            if options.keep is not None:
                shutil.copytree(place / "dist", options.keep, dirs_exist_ok=True)
            tree = trees(sdist, place / "tree")
            for python in options.pythons:
                try:
                    uv("python", "find", "--no-python-downloads", python)
                except Failed:
                    print(f"{'Python ' + python:<22}NOT TRIED: not installed here", flush=True)
                    continue
                for versions in options.versions:
                    with tempfile.TemporaryDirectory(dir=place) as folder:
                        step(f"Python {python}, {versions}", check_installed, python,
                             versions == "lowest", wheel, tree, Path(folder),
                             options.tests)  # fmt: skip
    for called, platform in PLATFORMS.items():
        step(called, check_wheels, platform)
    print(f"{faults} faults" if faults else "no fault was found")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
