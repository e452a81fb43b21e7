"""What docs/how_to/several_machines.md says is done, with workers on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import bovw

from ..docs.reading import DOCS, follow
from ..support import SAMPLE
from .machines import Machines

ADDRESS = "tcp://10.0.0.1:8786"


def test_a_batch_is_indexed_and_searched(
    machines: Machines,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    parts = {"photos": ("1", "2"), "queries": ("3",), "part1": ("1",), "part2": ("2",)}
    for folder, numbers in parts.items():
        (tmp_path / folder).mkdir()
        for number in numbers:
            for picture in SAMPLE.glob(f"covers/cover_0[12]_{number}.jpg"):
                (tmp_path / folder / picture.name).write_bytes(picture.read_bytes())
    machines.ready()
    monkeypatch.chdir(tmp_path)
    follow(DOCS / "how_to" / "several_machines.md",
           {ADDRESS: machines.address, "/shared": str(tmp_path)})  # fmt: skip
    matches = [line.rsplit(" ", 1) for line in capsys.readouterr().out.splitlines()]
    assert {(Path(query).stem, answer[:8]) for query, answer in matches} == {
        ("cover_01_3", "cover_01"), ("cover_02_3", "cover_02")
    }  # fmt: skip
    # The answers are those of one machine.
    engine = bovw.Engine.open("photos.bovw")
    for line in Path("answers.jsonl").read_text().splitlines():
        told = json.loads(line)
        alone = engine.search(told["query"], 20).to_dict()
        assert told["answers"] == alone["answers"]
    assert len(bovw.Engine.open("all.bovw")) == 4


def test_the_compose_file_starts_what_the_page_says() -> None:
    services = yaml.safe_load((DOCS / "deploy" / "compose.yaml").read_text())["services"]
    page = (DOCS / "how_to" / "several_machines.md").read_text(encoding="utf-8")
    for name in ("scheduler", "worker"):
        command = services[name]["command"].split()
        assert " ".join(command[:2]) in page and "--no-dashboard" in command
        assert "ports" not in services[name]  # whoever reaches them can run programs
    assert services["client"]["volumes"] == services["worker"]["volumes"]
