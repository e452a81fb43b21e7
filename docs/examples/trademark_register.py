"""Compare a new mark with a register of marks: which are alike, in which classes, whose are they?

    python docs/examples/trademark_register.py register/ register.csv new_mark.png -o report.csv

``register.csv`` has a row for each registered mark, with the columns ``mark`` (its picture,
relative to the folder), ``owner`` and ``classes`` (numbers of the Nice Classification with blanks
between them, such as ``5 33``). The new mark is also asked for as its mirror image and as its
negative. With ``--unrelated FOLDER`` the threshold of a match is measured on marks that are alike
to none of the register, so that at most one in a hundred of such marks would be reported as a
match.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

from bovw import Engine

COLUMNS = ("new mark", "rank", "decision", "guise", "probability", "mark", "owner", "classes")


def main() -> None:
    """Write a row for each registered mark that may be in conflict."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("register", type=Path, help="folder of pictures of registered marks")
    parser.add_argument("table", type=Path, help="CSV with the columns mark, owner, classes")
    parser.add_argument("marks", type=Path, nargs="+", help="pictures of new marks")
    parser.add_argument("--classes", type=int, nargs="+", help="only marks in one of these classes")
    parser.add_argument("--unrelated", type=Path, help="folder of marks that are alike to none")
    parser.add_argument("-o", "--output", type=Path, help="default: print")
    options = parser.parse_args()

    with options.table.open(newline="", encoding="utf-8") as file:
        register = {row["mark"]: row for row in csv.DictReader(file)}
    engine = Engine.build(options.register, preset="marks", n_jobs=-1, progress=True)
    missing = sorted(set(engine.identifiers) - set(register))
    if missing:
        print(f"{len(missing)} marks have no row in the table: {missing[0]} ...", file=sys.stderr)
    if options.unrelated is not None:
        calibration = engine.calibrate(options.unrelated)
        print(calibration, file=sys.stderr)
        engine.keep(calibration)

    def may_conflict(mark: str) -> bool:
        classes = register.get(mark, {}).get("classes", "").split()
        return options.classes is None or any(int(n) in options.classes for n in classes)

    rows = [COLUMNS]
    for result in engine.search_each(options.marks, k=50, allow=may_conflict):
        if result.error:
            print(result.error, file=sys.stderr)
        for answer in result:
            if answer.decision == "no":
                break  # answers stand in the order of their evidence
            row = register.get(answer.identifier, {})
            probability = "" if answer.probability is None else f"{answer.probability:.2f}"
            rows.append(
                (
                    Path(result.query).name,
                    str(answer.rank),
                    str(answer.decision),
                    answer.guise,
                    probability,
                    answer.identifier,
                    row.get("owner", ""),
                    row.get("classes", ""),
                )
            )
    if options.output is None:
        csv.writer(sys.stdout).writerows(rows)
    else:
        with options.output.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(rows)


if __name__ == "__main__":
    main()
