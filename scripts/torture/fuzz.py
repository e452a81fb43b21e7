"""Damage the files of an index in many ways, and check what `Engine.open` and `search` make of it.

Each mutant is opened and searched in a process of its own, which may neither crash, hang, take
much memory nor raise anything but a `BovwError`. When the manifests tell of the damage, answers
must be those of the sound index. "Hostile" mutants have sizes, hashes and digests put right again,
and are opened with ``trusted=False``: they may answer otherwise.

    python scripts/torture/fuzz.py --times 1000 --seed 0
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from children import in_child
from mutations import ARRAY, BYTES, JSON, Rng

import bovw
from bovw.errors import BovwError
from bovw.index import LsaIndex
from bovw.parallel import limited_threads, progress_bar
from bovw.storage import load_lsa_index, read_manifest, save_lsa_index
from bovw.storage.manifest import digest

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
SECONDS = 20
MEMORY = 512 << 20  # beyond what the parent has
SIDE = 220
METHODS = {"inverted": 200, "lsa-hnsw": 1100, "compressed": 200}
"""Of the candidates, and how many words: beyond 1,024 the vocabulary has nmslib's files too."""
MANIFESTS = ("manifest.json", "vocabulary/manifest.json")


class Finding(Exception):  # noqa: N818
    """A mutant that was not taken as it must be."""


def settings(method: str) -> bovw.Settings:
    """Settings under which nmslib is asked, though there are few pictures."""
    return bovw.Settings().changed(
        features={"max_features": 120, "region_factor": 1.5},
        vocabulary={"n_words": METHODS[method]},
        candidates={
            "method": "inverted" if method == "compressed" else method,
            "n_candidates": 3,
            "n_components": 4,
        },
    )


def sound_index(folder: Path, method: str) -> tuple[Path, bytes]:
    """Make an index of two segments, with dead pictures and a failure; and a query."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for number, path in enumerate(sorted(SAMPLE.rglob("*.jpg"))[::12]):
        pixels = cv2.imread(str(path))
        scale = SIDE / max(pixels.shape[:2])
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(pictures / f"p{number}.png"), pixels)
    (pictures / "bad.jpg").write_bytes(b"no")
    files = sorted(pictures.iterdir())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct words than asked for
        vocabulary = bovw.train_vocabulary(pictures, settings=settings(method), n_jobs=1)
    engine = bovw.Engine.create(folder / "index", vocabulary, settings=settings(method))
    engine.add(files[:7])
    engine.compact()
    engine.add(files[7:])
    engine.remove([files[2].name, files[8].name])
    if method == "compressed":
        save_lsa_index(LsaIndex.of(engine.index, 4), folder / "compressed")
        return folder / "compressed", files[4].read_bytes()
    return folder / "index", files[4].read_bytes()


def answers(
    path: Path, query: bytes, *, verify: str, trusted: bool
) -> list[list[tuple[str, float]]]:
    """Open an index and ask for the best, and for all."""
    kind = read_manifest(path)["format"]
    opened = load_lsa_index if kind == "bovw-lsa" else bovw.Engine.open
    engine: Any = opened(path, verify=verify, trusted=trusted)
    engine.info()
    return [[(a.identifier, a.score) for a in engine.search(query, k)] for k in (2, None)]


class Mutant:
    """A damaged copy of an index: what is not damaged is the same file.

    Parameters
    ----------
    sound, copy : Path
    """

    def __init__(self, sound: Path, copy: Path) -> None:
        self.folder = copy
        shutil.copytree(sound, copy, copy_function=os.link)
        self.files = sorted(
            path.relative_to(sound).as_posix()
            for path in sound.rglob("*")
            if path.is_file() and path.name != "writer.lock" and "set-aside" not in path.parts
        )

    def write(self, name: str, content: bytes) -> None:
        """Replace a file, not what it shares with others."""
        (self.folder / name).unlink()
        (self.folder / name).write_bytes(content)

    def mutate(self, rng: Rng) -> str:
        """Damage one file; say how."""
        # JSON as often as arrays, however many files there are of each kind.
        kinds: dict[str, list[str]] = defaultdict(list)
        for name in self.files:
            kinds[Path(name).name].append(name)
        ending = str(rng.choice([".json", ".npy", ""], p=[0.45, 0.45, 0.1]))
        names = sorted(name for name in kinds if name.endswith(ending))
        name = str(rng.choice(kinds[str(rng.choice(names))]))
        own = ARRAY if name.endswith(".npy") else JSON if name.endswith(".json") else {}
        if own and rng.random() < 0.7:
            how = str(rng.choice(sorted(own), p=[0.5, 0.5] if own is ARRAY else [0.2, 0.8]))
        else:
            how = str(rng.choice([*BYTES, "missing", "swap", "folder", "pipe", "device"]))
        path = self.folder / name
        if how in {**BYTES, **own}:
            self.write(name, {**BYTES, **own}[how](path.read_bytes(), rng))
            return f"{how} {name}"
        if how == "swap":
            # Files of one kind in two segments are the most alike.
            among = kinds[Path(name).name] if rng.random() < 0.5 else self.files
            other = str(rng.choice(among))
            mine, others = path.read_bytes(), (self.folder / other).read_bytes()
            self.write(name, others)
            self.write(other, mine)
            return f"swap {name} {other}"
        path.unlink()
        if how == "folder":
            path.mkdir()
        elif how == "pipe":
            os.mkfifo(path)
        elif how == "device":
            path.symlink_to("/dev/zero")
        return f"{how} {name}"

    def put_right(self) -> None:
        """Let sizes, hashes and digests fit what is there, where manifests can be read."""
        for name in reversed(MANIFESTS):
            path = self.folder / name
            try:
                manifest = json.loads(path.read_bytes() if path.is_file() else b"")
                for listed, facts in manifest["files"].items():
                    there = path.parent / listed
                    if isinstance(facts, dict) and there.is_file() and listed in self._in(name):
                        content = there.read_bytes()
                        facts["size"] = len(content)
                        facts["sha256"] = hashlib.sha256(content).hexdigest()
                manifest["digest"] = digest(manifest)
                text = json.dumps(manifest, indent=1)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError):
                continue
            self.write(name, text.encode())

    def _in(self, manifest: str) -> set[str]:
        folder = manifest.removesuffix("manifest.json")
        return {n.removeprefix(folder) for n in self.files if n.startswith(folder)}


def outcome(mutant: Path, query: bytes, expected: Any, hostile: bool) -> str:
    """Open and search a mutant in a process of its own; say what came of it.

    Raises
    ------
    Finding
        When that is not as it must be.
    """

    def work(out: int) -> int:
        # C++ says a word to stderr before it aborts; nobody needs it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        warnings.simplefilter("ignore")
        os.write(out, _tried(mutant, query, expected, hostile).encode("utf-8", "replace"))
        return 0

    ended = in_child(work, SECONDS)
    if ended.hung:
        raise Finding(f"no end within {SECONDS} s")
    if ended.signal or ended.code:
        raise Finding(f"crashed with signal {ended.signal}, exit code {ended.code}")
    kind, _, text = ended.said.partition("\n")
    if kind not in ("refused", "equal", "other"):
        raise Finding(text)
    return kind if kind != "refused" else f"refused\n{text}"


def _tried(mutant: Path, query: bytes, expected: Any, hostile: bool) -> str:
    try:
        verify = "quick" if hostile else "full"
        found = answers(mutant, query, verify=verify, trusted=not hostile)
    except BovwError as error:
        return f"refused\n{error}"
    except BaseException:
        return f"error\n{traceback.format_exc()}"
    if found == expected:
        return "equal"
    return "other" if hostile else f"differs\nanswers {found}, expected {expected}"


def fuzz(
    folder: Path, times: int, seed: int, only: int | None = None
) -> tuple[dict[str, Counter[str]], list[str]]:
    """Try mutants; return what came of each kind, and the findings.

    Parameters
    ----------
    folder : Path
        Empty; mutants that were not taken as they must be stay there.
    times, seed : int
    only : int, optional
        Try this mutant alone.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    findings = []
    with limited_threads(1):  # threads do not outlive a fork
        indexes = {method: sound_index(folder / method, method) for method in METHODS}
        expected = {
            method: answers(path, query, verify="full", trusted=True)
            for method, (path, query) in indexes.items()
        }
        numbers = range(times) if only is None else [only]
        for number in progress_bar(numbers, "fuzzing", unit="mutant"):
            rng = np.random.default_rng((seed, number))
            method = str(rng.choice(list(METHODS)))
            hostile = bool(rng.random() < 0.7)
            path, query = indexes[method]
            mutant = Mutant(path, folder / f"mutant-{number}")
            what = mutant.mutate(rng)
            if hostile:
                mutant.put_right()
            try:
                came = outcome(mutant.folder, query, expected[method], hostile)
            except Finding as finding:
                text = f"{method}, {what}{', hostile' if hostile else ''}"
                findings.append(f"seed {seed}, mutant {number} ({text}): {finding}")
                came = "FOUND"
            else:
                shutil.rmtree(mutant.folder)
            if only is not None:
                print(f"{method}, {what}, hostile {hostile}: {came}")
            kind = what.split()[0] + (" (hostile)" if hostile else "")
            counts[kind][came.partition("\n")[0]] += 1
    return counts, findings


def main() -> int:
    """Fuzz and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="try this mutant of the seed alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    begun = time.perf_counter()
    counts, findings = fuzz(folder, options.times, options.seed, options.only)
    columns = ("refused", "equal", "other", "FOUND")
    print(f"{'mutation':<22}" + "".join(f"{column:>9}" for column in columns))
    total: Counter[str] = Counter()
    for kind in sorted(counts):
        total.update(counts[kind])
        print(f"{kind:<22}" + "".join(f"{counts[kind][column]:>9}" for column in columns))
    print(f"{'total':<22}" + "".join(f"{total[column]:>9}" for column in columns))
    print(f"{time.perf_counter() - begun:.0f} s")
    if options.json:
        results = {"seed": options.seed, "kinds": counts, "total": total, "findings": findings}
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        print(f"mutants lie in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
