"""Let the system fail while an index is used, and check that nothing is lost or called damaged.

Each command runs in a process of its own, on a copy of a small index. While it runs, memory, file
handles, disk space or reads fail. A command must end with its result or with one error; it may
not crash, hang or show a traceback. After it, the index must open, hold every picture that was
committed, answer as before, and be sound. Then the same command, undisturbed, must do its work.

    python scripts/torture/limits.py --times 200 --seed 0
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

import numpy as np
from children import Ended, in_child
from faults import FAULTS, KINDS, Calls, begin
from steps import Answers, State, Step, Subject, TortureError, answers, leftovers, state_of

import bovw
from bovw.cli import main as command
from bovw.errors import BovwError
from bovw.parallel import limited_threads, progress_bar
from bovw.storage import diagnose

COMMANDS = ("open", "search", "add", "compact", "doctor", "repair", "repair damage")
SECONDS = 60
_GOOD, _ERROR, _SOME_FAILED = 0, 1, 3


class Limits(Subject):
    """A small index that was compacted, added to and removed from; and commands on copies of it.

    Parameters
    ----------
    folder : Path
        Empty.
    seed : int
    """

    def __init__(self, folder: Path, seed: int) -> None:
        super().__init__(folder, seed)
        self.perform(Step("compact"))
        for kind in ("add", "remove"):
            step = self.draw(kind)
            self.expect(self.after(step))
            self.perform(step)
        self.before: tuple[State, Answers] = self.state, self.answers
        more = self.draw("add")
        self.expect(self.after(more))
        self.after_adding = self.state, self.answers
        self.new = [str(self.pictures / name) for name in more.names]
        # The same index, but one byte of a segment is wrong.
        self.damaged = folder / "damaged" / "index"
        shutil.copytree(self.index, self.damaged)
        words = max(self.damaged.glob("segments/*/words.npy"))
        content = bytearray(words.read_bytes())
        content[-1] ^= 4
        words.write_bytes(content)
        lost = diagnose(self.damaged).lost
        names = [name for name in self.before[0] if name not in lost]
        self.expect(names)
        self.without_damage = self.state, self.answers
        self.room = folder / "case"
        self.copy = self.room / "index"
        self.calls: dict[tuple[str, str], int] = {}
        self.said: dict[str, str] = {}
        for name in COMMANDS:
            for kinds in dict.fromkeys(KINDS.values()):
                self._measure(name, kinds)

    def pairs(self) -> list[tuple[str, str]]:
        """List commands, each with the faults that can strike it; some commands never write."""
        return [
            (name, fault)
            for name in COMMANDS
            for fault in FAULTS
            if self.calls[name, "no space" if fault == "size limit" else fault]
        ]

    def arguments(self, name: str) -> list[str]:
        """Arguments of a command."""
        copy = str(self.copy)
        return {
            "open": ["info", copy],
            "search": ["search", copy, *map(str, self.queries), "--jobs", "1", "-k", "3"],
            "add": [
                "index",
                *self.new,
                "-o",
                copy,
                "--root",
                str(self.pictures),
                "--jobs",
                "1",
                "--retry",
            ],
            "compact": ["compact", copy],
            "doctor": ["doctor", copy],
            "repair": ["doctor", copy, "--repair"],
            "repair damage": ["doctor", copy, "--repair"],
        }[name]

    def renew(self, name: str) -> None:
        """Make the copy that a command works on."""
        shutil.rmtree(self.room, ignore_errors=True)
        self.room.mkdir()
        shutil.copytree(self.damaged if name == "repair damage" else self.index, self.copy)

    def _run(self, name: str, before: Any) -> Ended:
        def work(out: int) -> int:
            os.dup2(out, 1)
            os.dup2(out, 2)
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            done = before()
            try:
                code = command(self.arguments(name))
            except BaseException:
                traceback.print_exc()
                code = 99
            if isinstance(done, Calls):
                print(f"calls {done.n_calls}")
            sys.stdout.flush()
            return code

        return in_child(work, SECONDS)

    def _measure(self, name: str, kinds: tuple[str, ...]) -> None:
        """Run a command undisturbed, and count its calls."""

        def counting() -> Calls:
            calls = Calls(self.room, kinds)
            calls.begin()
            return calls

        self.renew(name)
        ended = self._run(name, counting)
        said, _, n_calls = ended.said.rstrip("\n").rpartition("\n")
        if ended.code != _GOOD:
            raise TortureError(f"{name} fails undisturbed: {ended}")
        self.said[name] = said
        for fault, struck in KINDS.items():
            if struck == kinds:
                self.calls[name, fault] = int(n_calls.split()[1])
        self.calls[name, "memory limit"] = self.calls[name, "handle limit"] = 1

    def disturb(self, name: str, fault: str, rng: np.random.Generator) -> tuple[str, str]:
        """Run a command under a fault; return the fault in words, and how the command ended.

        Raises
        ------
        TortureError
            When the command, or the index after it, is not as it must be.
        """
        self.renew(name)
        draws = rng.bit_generator.state
        n_calls = self.calls.get((name, fault), 0)
        what = f"{fault}: "
        try:
            ended = self._run(name, lambda: begin(fault, self.room, rng, n_calls))
            rng.bit_generator.state = draws  # the child has drawn, and this process has not
            what = in_child(lambda out: _named(out, fault, self.room, rng, n_calls), SECONDS).said
            self._check(name, ended)
        except (TortureError, BovwError) as error:
            raise TortureError(f"{name}, {what}: {error}") from error
        return what, {_GOOD: "done", _ERROR: "refused", _SOME_FAILED: "some failed"}[ended.code]

    def _check(self, name: str, ended: Ended) -> None:
        if ended.hung:
            raise TortureError(f"no end within {SECONDS} s")
        if ended.signal or ended.code not in (_GOOD, _ERROR, _SOME_FAILED):
            raise TortureError(f"it ended with {ended}")
        if "Traceback" in ended.said:
            raise TortureError(f"a traceback: {ended.said}")
        if "doctor --repair" in ended.said:
            raise TortureError(f"a repair is advised: {ended.said}")
        only_looks = name in ("open", "search", "doctor")
        if only_looks and ended.code == _GOOD and ended.said.rstrip("\n") != self.said[name]:
            raise TortureError(f"it says\n{ended.said}\nand not\n{self.said[name]}")
        if name == "repair damage":
            self._check_repair(ended)
            return
        after = self.after_adding if name == "add" else self.before
        self._check_index(after, ended, done=ended.code == _GOOD)
        again = self._run(name, lambda: None)
        if again.code != _GOOD:
            raise TortureError(f"undisturbed after it, it ended with {again}")
        self._check_index(after, ended, done=True)
        if name in ("add", "compact", "repair") and (left := leftovers(self.copy)):
            raise TortureError(f"there are left: {left}")

    def _check_index(self, after: tuple[State, Answers], ended: Ended, *, done: bool) -> None:
        """Open the copy, and compare pictures and answers with what they must be."""
        engine = bovw.Engine.open(self.copy, verify="full")
        state = state_of(engine)
        lost = sorted(self.before[0].items() - state.items())
        if lost or not state.items() <= after[0].items() or (done and state != after[0]):
            raise TortureError(
                f"it holds {sorted(state)}, expected {sorted(after[0])}, after {ended}"
            )
        if engine.failures and (done or ended.code != _SOME_FAILED):
            raise TortureError(f"there are failures: {engine.failures}")
        for expected, expected_answers in (self.before, after):
            if state == expected and answers(engine, self.queries) != expected_answers:
                raise TortureError(f"it answers otherwise, after {ended}")
        found = diagnose(self.copy)
        if not found.is_sound or found.problems:
            raise TortureError(f"the doctor finds {found}")
        if (self.copy / "set-aside").exists():
            raise TortureError(f"a sound index was repaired: {ended}")

    def _check_repair(self, ended: Ended) -> None:
        """Check that what was damaged is there or set aside, and that the rest was kept."""
        for _ in range(2):
            kept = _hashes(self.copy)
            gone = _hashes(self.damaged) - kept
            if gone:
                raise TortureError(f"{len(gone)} files of the index are gone, after {ended}")
            repaired = diagnose(self.copy).is_sound
            if ended.code == _GOOD and not repaired:
                raise TortureError(f"it is not repaired, after {ended}")
            if repaired:
                engine = bovw.Engine.open(self.copy, verify="full")
                if (state_of(engine), answers(engine, self.queries)) != self.without_damage:
                    raise TortureError(f"it holds {sorted(state_of(engine))}, after {ended}")
            ended = self._run("repair damage", lambda: None)
            if ended.code != _GOOD:
                raise TortureError(f"undisturbed after it, it ended with {ended}")


def _named(out: int, fault: str, folder: Path, rng: np.random.Generator, n_calls: int) -> int:
    os.write(out, begin(fault, folder, rng, n_calls).encode())
    return 0


def _hashes(folder: Path) -> set[str]:
    """Hashes of all files below a folder, except the lock, which every change writes anew."""
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "writer.lock"
    }


def torture(
    folder: Path, times: int, seed: int, only: int | None = None
) -> tuple[dict[str, dict[str, Counter[str]]], list[str]]:
    """Disturb `times` commands; count how they ended, by fault and command, and list findings.

    Parameters
    ----------
    folder : Path
        Empty. Copies of the index on which something was wrong stay there.
    times, seed : int
    only : int, optional
        Run only the disturbance with this place number.
    """
    counts: dict[str, dict[str, Counter[str]]] = {f: defaultdict(Counter) for f in FAULTS}
    findings = []
    with limited_threads(1), warnings.catch_warnings():  # threads do not outlive a fork
        warnings.simplefilter("ignore")
        index = Limits(folder, seed)
        pairs = index.pairs()
        numbers = range(times) if only is None else [only]
        for number in progress_bar(numbers, "disturbing", unit="place"):
            rng = np.random.default_rng((seed, number))
            name, fault = pairs[number % len(pairs)]
            try:
                what, came = index.disturb(name, fault, rng)
            except TortureError as finding:
                findings.append(f"seed {seed}, place {number}: {finding}")
                came = "FOUND"
                shutil.copytree(index.room, folder / f"place-{number}", symlinks=True)
            else:
                if only is not None:
                    print(f"{name}, {what}: {came}")
            counts[fault][name][came] += 1
    return counts, findings


def main() -> int:
    """Disturb and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="run only the disturbance with this place number")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="limits-"))
    begun = time.perf_counter()
    counts, findings = torture(folder, options.times, options.seed, options.only)
    columns = ("done", "refused", "some failed", "FOUND")
    print(f"{'fault':<15}{'command':<14}" + "".join(f"{column:>12}" for column in columns))
    total: Counter[str] = Counter()
    for fault, by_command in counts.items():
        for name, came in by_command.items():
            total.update(came)
            print(f"{fault:<15}{name:<14}" + "".join(f"{came[c]:>12}" for c in columns))
    print(f"{'total':<29}" + "".join(f"{total[column]:>12}" for column in columns))
    print(f"{time.perf_counter() - begun:.0f} s")
    if options.json:
        results = {"seed": options.seed, "faults": counts, "total": total, "findings": findings}
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        print(f"copies of the index lie in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
