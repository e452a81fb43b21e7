"""The command line: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bovw.cli import main

from ..support import SAMPLE

VERBS = [
    "train",
    "index",
    "remove",
    "compact",
    "compress",
    "doctor",
    "search",
    "evaluate",
    "compare",
    "info",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vocabulary and an index made by the command line."""
    path = tmp_path_factory.mktemp("cli")
    covers, out = str(SAMPLE / "covers"), str(path / "v")
    cache = ["--cache", str(path / "cache"), "--jobs", "1"]
    assert main(["train", covers, "-o", out, "--words", "800", *cache]) == 0
    index = ["index", covers, "-o", str(path / "i"), "-v", out, "--root", str(SAMPLE), *cache]
    assert main(index) == 0
    return path


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> object:
    capsys.readouterr()
    assert main(list(arguments)) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([verb, "--help"])
    assert exit_.value.code == 0
    assert f"example:\n  bovw {verb}" in capsys.readouterr().out


def test_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = str(SAMPLE / "covers" / "cover_02_2.jpg")
    (result,) = printed(capsys, "search", str(folder / "i"), query, "-k", "3", "--json")
    assert result["query"] == query
    assert len(result["answers"]) == 3
    best = result["answers"][0]
    assert best["identifier"] == "covers/cover_02_2.jpg"
    assert best["path"] == query
    assert {"score", "inliers"} <= best.keys()
    assert main(["search", str(folder / "i"), query, "-k", "2", "--allow", "*_03_*"]) == 0
    shown = capsys.readouterr().out
    assert "covers/cover_03_" in shown and "cover_02_1" not in shown


def test_search_options(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    query = str(SAMPLE / "covers" / "cover_02_2.jpg")
    arguments = ["search", str(folder / "i"), query, "--json", "--region", "100,100,400,400"]
    (result,) = printed(capsys, *arguments, "--verify", "0", "--expand", "none")
    assert result["matched"] is None
    assert result["answers"][0]["inliers"] is None


def test_queries_that_are_none(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "nothing").mkdir()
    queries = [str(tmp_path / name) for name in ("pipe.jpg", "nothing")]
    assert main(["search", str(folder / "i"), *queries, "--allow", "zzz*"]) == 3
    said = capsys.readouterr().err
    assert "pipe.jpg: not a regular file" in said and "nothing: " in said
    assert "nothing matches 'zzz*'" in said


def test_evaluate(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth = json.loads((SAMPLE / "gnd.json").read_text())
    covers = {name for name in truth["images"] if name.startswith("covers/")}
    truth["images"] = sorted(covers)
    truth["queries"] = [q for q in truth["queries"] if q["image"] in covers][::6]
    path = tmp_path / "gnd.json"
    path.write_text(json.dumps(truth))
    arguments = ["evaluate", str(folder / "i"), str(path), "--root", str(SAMPLE)]
    scores = printed(capsys, *arguments, "--json")
    assert scores["n_queries"] == 5
    assert scores["macro"]["ap_trapezoid"] > 0.6
    assert any("was trained on 30 of the pictures" in note for note in scores["notes"])
    assert any("5 queries are in the base" in note for note in scores["notes"])
    page, plots = tmp_path / "page.html", tmp_path / "plots"
    assert main([*arguments, "--html", str(page), "--plots", str(plots)]) == 0
    shown = capsys.readouterr().out
    assert "ap_trapezoid" in shown
    assert f"micro {scores['micro']['p@5']:.4f}" in shown  # the page changes no score
    assert "First wrong answer" in page.read_text()
    assert (plots / "precision-recall.svg").is_file()
    assert main(arguments[:-2]) == 1
    assert "error" in capsys.readouterr().err


def test_info(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = printed(capsys, "info", str(folder / "i"), "--json")
    assert (index["n_pictures"], index["n_words"]) == (30, 800)
    vocabulary = printed(capsys, "info", str(folder / "v"), "--json")
    assert (vocabulary["n_pictures"], vocabulary["n_words"]) == (30, 800)
    assert main(["info", str(folder / "i")]) == 0


def test_info_prints_facts_first_and_settings_where_they_differ(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("i", "v"):
        assert main(["info", str(folder / name)]) == 0
        short = capsys.readouterr().out
        assert max(map(len, short.splitlines())) <= 100
        assert "--settings for all" in short and "max_side" not in short
        assert main(["info", str(folder / name), "--settings"]) == 0
        assert "max_side" in capsys.readouterr().out
    assert main(["info", str(folder / "i")]) == 0
    short = capsys.readouterr().out
    assert "vocabulary.n_words=800" in short
    assert short.index("n_pictures") < short.index("settings")


def test_a_vocabulary_is_trained_when_none_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = [str(p) for p in sorted((SAMPLE / "logos").glob("logo_01_*"))]
    assert main(["index", *pictures, "-o", str(tmp_path / "i")]) == 0
    assert "trained on" in capsys.readouterr().out


def test_bad_pictures_give_exit_code_3(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "bad.jpg").write_bytes(b"no")
    (tmp_path / "p" / "good.jpg").write_bytes((SAMPLE / "logos" / "logo_01_1.jpg").read_bytes())
    out = str(tmp_path / "i")
    arguments = ["index", str(tmp_path / "p"), "-o", out, "-v", str(folder / "v")]
    assert main(arguments) == 3
    assert "bad.jpg" in capsys.readouterr().err
    assert main(["info", out, "--failed"]) == 0
    assert "bad.jpg: no picture" in capsys.readouterr().out
    assert main(["search", out, str(tmp_path / "p" / "bad.jpg")]) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "nowhere", "q.jpg"],
        ["index", "nowhere", "-o", "out"],
        ["train", str(SAMPLE / "logos"), "-o", str(SAMPLE)],
        ["evaluate", "nowhere", "nowhere.json"],
        ["info", str(SAMPLE)],
    ],
)
def test_mistakes_are_one_line_without_a_traceback(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert message.startswith("bovw: error: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["search", "i", "q", "-k", "0"],
        ["search", "i", "q", "--region", "1,2"],
        ["search", "i", "q", "--expand", "magic"],
        ["train", "p"],
    ],
)
def test_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_an_existing_vocabulary_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(SAMPLE / "logos"), "-o", str(folder / "v")]) == 1
    assert "--overwrite" in capsys.readouterr().err


def test_an_index_grows_and_shrinks(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, pictures = str(tmp_path / "i"), tmp_path / "p"
    pictures.mkdir()
    names = [f"logo_0{i}_1.jpg" for i in (1, 2, 3)]
    for name in names[:2]:
        (pictures / name).write_bytes((SAMPLE / "logos" / name).read_bytes())
    arguments = ["index", str(pictures), "-o", out, "-v", str(folder / "v"), "--json"]
    assert printed(capsys, *arguments)["changes"]["added"] == names[:2]
    (pictures / names[2]).write_bytes((SAMPLE / "logos" / names[2]).read_bytes())
    (pictures / names[0]).unlink()
    assert printed(capsys, *arguments)["changes"]["added"] == names[2:]
    changes = printed(capsys, *arguments, "--sync")["changes"]
    assert changes["removed"] == names[:1] and changes["n_unchanged"] == 2
    assert printed(capsys, "remove", out, names[1], "--json")["n_pictures"] == 1
    assert printed(capsys, "compact", out, "--json")["n_segments"] == 1
    assert main(["remove", out, names[1]]) == 1
    assert "is not in the index" in capsys.readouterr().err
    assert main([*arguments, "--preset", "fast"]) == 1
    assert "other settings" in capsys.readouterr().err
    assert printed(capsys, *arguments, "--overwrite")["n_pictures"] == 2


def test_python_m_bovw() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bovw", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("bovw ")


def test_an_option_given_twice_counts_twice_or_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = str(sorted((SAMPLE / "covers").glob("*.jpg"))[0])
    search = ["search", str(folder / "i"), query, "-k", "30", "--json"]
    every = {a["identifier"] for a in printed(capsys, *search)[0]["answers"]}
    first, second = "covers/cover_01_*", "covers/cover_02_*"
    allowed = printed(capsys, *search, "--allow", first, "--allow", second)[0]["answers"]
    found = {a["identifier"] for a in allowed}
    assert {name[:15] for name in found} == {"covers/cover_01", "covers/cover_02"}
    denied = printed(capsys, *search, "--deny", first, "--deny", second)[0]["answers"]
    assert {a["identifier"] for a in denied} == every - found
    with pytest.raises(SystemExit) as stopped:
        main([*search, "-k", "3"])
    assert stopped.value.code == 2
    assert "-k is given twice" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["\x1b[31mred\x07.jpg", "\u202egpj.exe", "two\nlines.jpg"])
def test_what_a_terminal_would_obey_is_escaped(
    folder: Path, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In answers, errors, notes and what doctor finds, on both streams."""
    (tmp_path / name).write_bytes(b"no picture")
    main(["search", str(folder / "i"), str(tmp_path / name)])
    main(["search", str(folder / "i"), str(tmp_path / "none.jpg"), "--allow", name])
    main(["info", str(tmp_path / name)])
    main(["compare", str(tmp_path / name), f"{name}={folder}/i"])
    shown = capsys.readouterr()
    text = shown.out + shown.err
    assert "\x1b" not in text and "\u202e" not in text and "\x07" not in text
    assert name.encode("unicode_escape").decode()[:8].replace("\\n", "\\n") in text
    assert all(line.startswith("bovw: ") for line in shown.err.splitlines())
