"""Kill what changes an index at random moments, and check that nothing is lost or half done.

A child process adds to, updates, synchronises, removes from, compacts or overwrites an index and
gets SIGKILL.
The index must then be as it was before or as it is after, answer as one that was built at once,
and let the next run of the same step go on where the last finished picture stood.

    python scripts/torture_kill.py --times 300 --seed 0
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import bovw
import bovw.indexing
import bovw.parallel
from bovw.errors import BovwError, UnknownPictureError
from bovw.parallel import limited_threads, progress_bar
from bovw.segment import Failure
from bovw.storage import (
    NEW,
    IndexWriter,
    holds_index,
    read_journal,
    read_manifest,
    rooms_for_another,
)

SAMPLE = Path(__file__).parent.parent / "data" / "sample"
SETTINGS = bovw.Settings().changed(
    features={"max_features": 80, "region_factor": 1.5},
    vocabulary={"n_words": 200},
    # So that compaction also writes nmslib's own files.
    candidates={"method": "lsa-hnsw", "n_candidates": 4, "n_components": 4},
    geometry={"verify": 3},
)
STEPS = ("add", "update", "sync", "remove", "compact", "overwrite")
# The second is short, and where most can go wrong; the third finds windows of microseconds.
MOMENTS = ("anywhere", "commit", "between calls")
PACKAGE = Path(bovw.__file__).parent
WRITING = tuple(
    str(PACKAGE / name)
    for name in (
        *("storage/journal.py", "storage/index_writer.py", "storage/folders.py"),
        *("updating.py", "files.py"),
    )
)
SIDE = 220
N_PICTURES = 12

State = dict[str, str]
Answers = list[list[tuple[str, float]]]


class TortureError(Exception):
    """The index is not as it must be."""


@dataclass
class Step:
    """What is done to the index: a kind, and the pictures it is about."""

    kind: str
    names: list[str] = field(default_factory=list)


@dataclass
class Tally:
    """What came of the kills of one kind of step."""

    kills: int = 0
    before: int = 0
    after: int = 0
    finished: int = 0
    journals: int = 0
    journalled: int = 0


def small_pictures(folder: Path, n: int) -> None:
    """Write `n` small sample pictures to ``0/`` of a folder, and as many others to ``1/``."""
    for number, path in enumerate(sorted(SAMPLE.rglob("*.jpg"))[:: 120 // (2 * n)][: 2 * n]):
        pixels = cv2.imread(str(path))
        scale = SIDE / max(pixels.shape[:2])
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        target = folder / str(number % 2) / f"p{number // 2:02d}.png"
        target.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(target), pixels)


def answers(engine: bovw.Engine, queries: list[Path]) -> Answers:
    """Answer queries with every picture that shares a word with them."""
    return [[(a.identifier, a.score) for a in engine.search(query, None)] for query in queries]


def state_of(engine: bovw.Engine) -> State:
    """Identifiers and hashes of what an index holds."""
    return {record.identifier: record.sha256 for record in engine.collection.records}


@contextmanager
def extracted() -> Iterator[list[str]]:
    """List the pictures that are read inside the block; each is journalled by itself.

    All are read in this process, also what another was at when it was killed: pools of workers
    do not outlive a fork.
    """
    read: list[str] = []
    original, at_once = bovw.indexing.extract_files, bovw.indexing._PICTURES_AT_ONCE
    isolated = bovw.parallel.isolated

    def listing(files: Any, *rest: Any, **more: Any) -> Any:
        for file, features in original(files, *rest, **more):
            read.append(file.identifier)
            yield file, features

    bovw.indexing.extract_files, bovw.indexing._PICTURES_AT_ONCE = listing, 1
    bovw.parallel.isolated = lambda function, item, _: function(item)
    try:
        yield read
    finally:
        bovw.indexing.extract_files, bovw.indexing._PICTURES_AT_ONCE = original, at_once
        bovw.parallel.isolated = isolated


class Torture:
    """An index and the folder of pictures it is made of, between steps.

    Parameters
    ----------
    folder : Path
        Empty.
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.pool, self.pictures = folder / "pool", folder / "pictures"
        self.index, self.cache = folder / "index", folder / "cache"
        for place in (self.pool, self.pictures):
            place.mkdir()
        small_pictures(self.pool, N_PICTURES)
        self.names = sorted(path.name for path in (self.pool / "0").iterdir())
        self.queries = [self.pool / "0" / self.names[0], self.pool / "1" / self.names[7]]
        self.vocabulary = bovw.train_vocabulary(self.pool, settings=SETTINGS, n_jobs=1)
        bovw.Engine.create(self.index, self.vocabulary, settings=SETTINGS)
        self.version: dict[str, int] = {}  # of the files in the folder
        self.tallies = {kind: Tally() for kind in STEPS}
        self.seconds = dict.fromkeys(STEPS, 0.0)  # of the whole step, and of its commit alone
        self.commit_seconds = dict.fromkeys(STEPS, 0.0)
        self.calls = dict.fromkeys(STEPS, 0)  # that what writes makes
        for name in self.names[:6]:
            self._write(name, 0)
        bovw.Engine.open(self.index).add(self._files(), root=self.pictures, cache=self.cache)
        self.state: State = {}
        self.answers: Answers = []
        self._expect(self.names[:6])

    def _write(self, name: str, version: int) -> None:
        shutil.copyfile(self.pool / str(version) / name, self.pictures / name)
        self.version[name] = version

    def _files(self) -> list[Path]:
        return sorted(self.pictures.iterdir())

    def _expect(self, names: list[str]) -> None:
        """Note the state and the answers of an index of some pictures as they are now."""
        whole = bovw.Engine.build(
            [self.pictures / name for name in sorted(names)],
            root=self.pictures,
            vocabulary=self.vocabulary,
            settings=SETTINGS,
            cache=self.cache,
        )
        self.state, self.answers = state_of(whole), answers(whole, self.queries)

    def draw(self, kind: str | None = None) -> Step:
        """Choose a step, of some kind, that changes something, and change the files for it."""
        here, rng = sorted(self.state), self.rng
        if kind is None:
            kinds = list(STEPS)
            if len(here) < 5:
                kinds = ["add"]
            elif len(here) > N_PICTURES - 2:
                kinds.remove("add")
            kind = str(rng.choice(kinds))

        def some(names: list[str], most: int) -> list[str]:
            n = int(rng.integers(1, min(most, len(names)) + 1))
            return [str(name) for name in rng.choice(names, n, replace=False)]

        if kind == "add":
            chosen = some([name for name in self.names if name not in here], 6)
            for name in chosen:
                self._write(name, int(rng.integers(2)))
        elif kind in ("update", "overwrite"):  # the same pictures would give the same bytes
            chosen = some(here, 4)
            for name in chosen:
                self._write(name, 1 - self.version[name])
        elif kind == "sync":  # some go, some change, and what was removed comes back
            chosen = some(here, 2)
            for name in chosen:
                (self.pictures / name).unlink()
            for name in some([n for n in here if n not in chosen], 2):
                self._write(name, 1 - self.version[name])
        else:
            chosen = some(here, 3) if kind == "remove" else []
        return Step(kind, sorted(chosen))

    def after(self, step: Step) -> list[str]:
        """Names of the pictures that the index holds after a step."""
        here = set(self.state)
        if step.kind == "add":
            here |= set(step.names)
        elif step.kind == "remove":
            here -= set(step.names)
        elif step.kind in ("sync", "overwrite"):
            here = {path.name for path in self._files()}
        return sorted(here)

    def perform(self, step: Step) -> None:
        """Do a step, whole."""
        if step.kind == "overwrite":
            bovw.update_index(
                self.index,
                self.pictures,
                vocabulary=self.vocabulary,
                settings=SETTINGS,
                overwrite=True,
            )
            return
        engine = bovw.Engine.open(self.index)
        if step.kind in ("add", "update"):
            engine.add([self.pictures / name for name in step.names], root=self.pictures)
        elif step.kind == "sync":
            engine.sync(self.pictures)
        elif step.kind == "remove":
            engine.remove(step.names)
        else:
            engine.compact()

    def _child(self, step: Step, out: int, last_call: int) -> None:
        """Do a step; say when it starts, when it commits, and how often what writes called."""
        calls = 0

        def counted(frame: Any, event: str, argument: object) -> None:
            nonlocal calls
            if frame.f_code.co_filename in WRITING:
                calls += 1
                if calls == last_call:
                    os.kill(os.getpid(), signal.SIGKILL)

        def announced(change: Any) -> Any:
            def do(*given: Any) -> Any:
                os.write(out, b"c")
                return change(*given)

            return do

        for name in ("commit", "compact"):
            setattr(IndexWriter, name, announced(getattr(IndexWriter, name)))
        with extracted():
            os.write(out, b"s")
            if last_call:
                sys.setprofile(counted)
            self.perform(step)
            sys.setprofile(None)
            os.write(out, b"%d" % calls)

    @contextmanager
    def _begun(self, step: Step, last_call: int = 0) -> Iterator[tuple[int, int]]:
        """Start a step in another process, once it is ready; give its id, and where it speaks.

        It kills itself between two calls of what writes if `last_call` says which; -1 counts.
        """
        incoming, out = os.pipe()
        # Nothing of this process may be waiting to be written twice.
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(incoming)
                self._child(step, out, last_call)
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
        os.close(out)
        try:
            os.read(incoming, 1)
            yield pid, incoming
        finally:
            os.close(incoming)

    def kill(self, step: Step, *, early: bool = False) -> bool:
        """Do a step in another process and kill it; return whether it had ended before."""
        moment, share = str(self.rng.choice(MOMENTS)), float(self.rng.random())
        if early:
            moment, share = MOMENTS[-1], share / 4
        at_call = moment == "between calls"
        last_call = 1 + int(share * self.calls[step.kind]) if at_call else 0
        with self._begun(step, last_call) as (pid, incoming):
            seconds = self.seconds
            if moment == "commit":
                os.read(incoming, 1)
                seconds = self.commit_seconds
            if not at_call:
                time.sleep(share * seconds[step.kind])
                os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise TortureError("the step itself failed, see above")
        return os.WIFEXITED(status)

    def measure(self, step: Step) -> None:
        """Do a step in another process, and note how long it takes."""
        with self._begun(step, -1) as (pid, incoming):
            begun = time.perf_counter()
            os.read(incoming, 1)
            committing = time.perf_counter()
            _, status = os.waitpid(pid, 0)
            ended = time.perf_counter()
            self.calls[step.kind] = int(os.read(incoming, 20) or 0)
        if status:
            raise TortureError("the step itself failed, see above")
        self.seconds[step.kind] = ended - begun
        self.commit_seconds[step.kind] = ended - committing

    def finished(self, step: Step) -> set[str]:
        """Names of the pictures that an interrupted step has left in the journal."""
        places = [self.index]
        if step.kind == "overwrite":
            places = [room / NEW for room in rooms_for_another(self.index)]
        items = [i for place in places for i in read_journal(place, self.vocabulary.n_words_)]
        names = {(i if isinstance(i, Failure) else i[0]).identifier for i in items}
        if step.kind == "overwrite":
            for place in filter(holds_index, places):
                names |= set(state_of(bovw.Engine.open(place)))
        return names

    def check(self, allowed: dict[str, tuple[State, Answers]], when: str) -> str:
        """Say which of some states the index is in; a TortureError when in none."""
        try:
            engine = bovw.Engine.open(self.index, verify="full")
            state, found = state_of(engine), answers(engine, self.queries)
        except BovwError as error:
            raise TortureError(f"{when} the index cannot be opened: {error}") from error
        if engine.failures:
            raise TortureError(f"{when} there are failures: {engine.failures}")
        for name, (expected, expected_answers) in allowed.items():
            if state == expected:
                if found != expected_answers:
                    raise TortureError(
                        f"{when} the index is as {name} and answers otherwise:\n{found}\n"
                        f"expected\n{expected_answers}"
                    )
                return name
        raise TortureError(
            f"{when} the index holds {sorted(state)}: neither of "
            + ", ".join(f"{name} {sorted(expected)}" for name, (expected, _) in allowed.items())
        )

    def check_tidy(self, when: str) -> None:
        """Raise a TortureError when something lies in the index that does not belong there."""
        listed = set(read_manifest(self.index, "bovw-index")["files"])
        found = {
            path.relative_to(self.index).as_posix()
            for path in self.index.rglob("*")
            if path.is_file()
        }
        extra = found - listed - {"manifest.json", "writer.lock"}
        beside = [path.name for path in self.index.parent.glob(".*")]
        if extra or beside:
            raise TortureError(f"{when} there are left: {sorted(extra) + beside}")

    def kills(self, most: int) -> int:
        """Kill one step once or several times, then let it end; return how often it was killed."""
        before, digest = (self.state, self.answers), self._digest()
        step = self.draw()
        self._expect(self.after(step))
        after = self.state, self.answers
        allowed = {"before": before, "after": after}
        anew = step.kind == "overwrite"
        wanted = {name for name in after[0] if anew or before[0].get(name) != after[0][name]}
        tally, killed, kept = self.tallies[step.kind], 0, set[str]()
        place = "before"
        while killed == 0 or (killed < most and place == "before" and self.rng.random() < 0.5):
            ended = self.kill(step, early=bool(kept))  # while the journal is taken up
            killed += 1
            tally.kills += 1
            tally.finished += ended
            # Compaction changes nothing but the manifest.
            place = "before" if self._digest() == digest else "after"
            self.check({place: allowed[place]}, f"{step}: after kill {killed}")
            if place == "before":
                tally.before += 1
                now = self.finished(step) & wanted
                if not kept <= now:
                    raise TortureError(f"{step}: the journal has lost {sorted(kept - now)}")
                kept = now
            else:
                tally.after += 1
                kept = set() if anew else wanted
            if ended and place == "before":
                raise TortureError(f"{step}: it ended without a change")
        with extracted() as read:
            try:
                self.perform(step)
            except UnknownPictureError:
                if step.kind != "remove" or place == "before":
                    raise
        if sorted(read) != sorted(wanted - kept):
            raise TortureError(
                f"{step}: {sorted(read)} were read, expected {sorted(wanted - kept)}: the rest "
                "was in the journal or the index"
            )
        if place == "before" and kept:
            tally.journals += 1
            tally.journalled += len(kept)
        self.check({"after": after}, f"{step}: when it was done again")
        self.check_tidy(f"{step}: when it was done again")
        return killed

    def _digest(self) -> str:
        return str(read_manifest(self.index, "bovw-index")["digest"])


def torture(folder: Path, times: int, seed: int) -> dict[str, Any]:
    """Kill `times` times; return what came of it, or raise a TortureError.

    Parameters
    ----------
    folder : Path
        Empty; what is there when this raises is what was found wrong.
    times, seed : int
    """
    begun = time.perf_counter()
    with limited_threads(1):  # threads do not outlive a fork
        index = Torture(folder, seed)
        for kind in STEPS:
            step = index.draw(kind)
            index._expect(index.after(step))
            index.measure(step)
            index.check({"after": (index.state, index.answers)}, f"{step}: undisturbed")
        done, number = 0, 0
        bar: Any = progress_bar(range(times), "killing", times, "kill")
        ticks = iter(bar)
        while done < times:
            try:
                killed = index.kills(times - done)
            except Exception as error:
                raise TortureError(f"seed {seed}, step {number}, kill {done}: {error}") from error
            for _ in range(killed):
                next(ticks)
            done += killed
            number += 1
        next(ticks, None)
    tallies = {kind: vars(tally) for kind, tally in index.tallies.items()}
    total: Counter[str] = Counter()
    for tally in tallies.values():
        total.update(tally)
    return {
        "seed": seed,
        "steps": number,
        "seconds": round(time.perf_counter() - begun, 1),
        "milliseconds_of_a_step": {k: round(1000 * s) for k, s in index.seconds.items()},
        "kinds": tallies,
        "total": dict(total),
    }


def main() -> int:
    """Kill and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    try:
        results = torture(folder, options.times, options.seed)
    except TortureError as error:
        cause = error.__cause__
        if cause is not None and not isinstance(cause, TortureError):
            traceback.print_exception(cause)
        print(f"{error}\nwhat was found lies in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    print(f"{'step':<9} kills before after finished  journals taken up (pictures)")
    for kind, t in {**results["kinds"], "total": results["total"]}.items():
        print(
            f"{kind:<9} {t['kills']:5} {t['before']:6} {t['after']:5} {t['finished']:8}  "
            f"{t['journals']} ({t['journalled']})"
        )
    print(f"{results['steps']} steps in {results['seconds']} s, none lost or half done")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
