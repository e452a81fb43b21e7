"""Print the copies that a report of `bovw groups --json` has and an earlier one has not.

    python new_copies.py NOW.json [BEFORE.json]

For each group that is new or has grown: its pictures, the one to keep first, and which of them are
new in it. Without BEFORE, or when that file does not exist, all are new.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def load(path: Path) -> list[dict[str, Any]]:
    report = json.loads(path.read_text(encoding="utf-8"))
    if report.get("format") != "bovw-groups" or report.get("version") != 1:
        sys.exit(f"{path}: expected the JSON of 'bovw groups --json', version 1")
    return list(report["groups"])


def main() -> None:
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: new_copies.py NOW.json [BEFORE.json]")
    now = load(Path(sys.argv[1]))
    before = Path(sys.argv[2]) if len(sys.argv) == 3 else None
    known = load(before) if before is not None and before.exists() else []
    joined = [{picture["identifier"] for picture in group["pictures"]} for group in known]
    for group in now:
        names = {picture["identifier"] for picture in group["pictures"]}
        old = max((names & others for others in joined), key=len, default=set())
        if names <= old:
            continue
        print(f"{len(names)} copies of one picture:")
        for number, picture in enumerate(group["pictures"]):
            keep = "    " if number else "keep"
            mark = "   " if picture["identifier"] in old else "new"
            relation = picture["relation"] and f": {picture['relation']}"
            print(f"  {keep} {mark} {picture['identifier']!r}{relation}")


if __name__ == "__main__":
    main()
