"""Kill what changes an index at random moments, and check that nothing is lost or half done.

A child process adds to, updates, synchronises, removes from, compacts or overwrites an index and
gets SIGKILL.
The index must then be as it was before or as it is after, answer as one that was built at once,
and let the next run of the same step go on where the last finished picture stood.

    python scripts/torture/kill.py --times 300 --seed 0
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from steps import (
    STEPS,
    Answers,
    State,
    Step,
    Subject,
    TortureError,
    answers,
    leftovers,
    state_of,
)

import bovw
from bovw.engine import words
from bovw.errors import BovwError, UnknownPictureError
from bovw.parallel import limited_threads, progress_bar, workers
from bovw.pictures import Failure
from bovw.storage import (
    NEW,
    IndexWriter,
    holds_index,
    read_journal,
    read_manifest,
    rooms_for_another,
)

# The second is short, and where most can go wrong; the third finds windows of microseconds.
MOMENTS = ("anywhere", "commit", "between calls")
PACKAGE = Path(bovw.__file__).parent
WRITING = tuple(
    str(PACKAGE / name)
    for name in (
        *("storage/journal.py", "storage/disk_writer.py", "storage/folders.py"),
        *("storage/places.py", "storage/set_aside.py"),
        *("engine/update.py", "files.py"),
    )
)
"""Where index files are written: kills come at a call in one of these files."""
assert all(Path(name).is_file() for name in WRITING), "a file was moved: name it anew here"


@dataclass
class Tally:
    """What came of the kills of one kind of step."""

    kills: int = 0
    before: int = 0
    after: int = 0
    finished: int = 0
    journals: int = 0
    journalled: int = 0


@contextmanager
def extracted() -> Iterator[list[str]]:
    """List the pictures that are read inside the block; each is journalled by itself.

    All are read in this process, also what another was at when it was killed: pools of workers
    do not outlive a fork.
    """
    read: list[str] = []
    original, at_once = words.extract_files, words.PICTURES_AT_ONCE
    isolated = workers.isolated

    def listing(files: Any, *rest: Any, **more: Any) -> Any:
        for file, features in original(files, *rest, **more):
            read.append(file.identifier)
            yield file, features

    words.extract_files, words.PICTURES_AT_ONCE = listing, 1
    workers.isolated = lambda function, item, _: function(item)
    try:
        yield read
    finally:
        words.extract_files, words.PICTURES_AT_ONCE = original, at_once
        workers.isolated = isolated


class Torture(Subject):
    """Kills what changes an index, and looks at what is left."""

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.tallies = {kind: Tally() for kind in STEPS}
        self.seconds = dict.fromkeys(STEPS, 0.0)  # of the whole step, and of its commit alone
        self.commit_seconds = dict.fromkeys(STEPS, 0.0)
        self.calls = dict.fromkeys(STEPS, 0)  # that what writes makes

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

        for name in ("commit", "merge"):
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
        if left := leftovers(self.index):
            raise TortureError(f"{when} there are left: {left}")

    def kills(self, most: int) -> int:
        """Kill one step once or several times, then let it end; return how often it was killed."""
        before, digest = (self.state, self.answers), self._digest()
        step = self.draw()
        self.expect(self.after(step))
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
            index.expect(index.after(step))
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
