"""Systems side by side: an index, embeddings, runs of other tools, and what is fused of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import bovw
from bovw.cli import main
from bovw.comparison import Fusion, System, compare, embedding_run
from bovw.embeddings import Embeddings
from bovw.errors import BovwError, GroundTruthError, SettingsError
from bovw.evaluation import GroundTruth, GroundTruthQuery, Run, compare_runs
from bovw.formats import read_run

from ..support import SAMPLE


def test_an_index_embeddings_and_what_is_made_of_both(compared: Path) -> None:
    compared = compare(
        compared / "gnd.json",
        [
            f"strong={compared}/posters.bovw",
            f"classic={compared}/posters.bovw,preset=classic",
            f"{compared}/net.npz,pca=2,expand=alpha,answers=3",
        ],
        fuse=["both=rrf:strong+net", "z:strong+net", "checked=verify:net+strong"],
        root=SAMPLE,
        metrics=["ap", "p@1"],
    )
    names = ["strong", "classic", "net", "both", "z:strong+net", "checked"]
    assert [run.name for run in compared.runs] == names
    ap = {name: scores.macro("ap") for name, scores in compared.scores.items()}
    assert ap["checked"] > ap["net"]
    assert ap["both"] > ap["net"]
    assert compared.runs[0].facts["bytes"] > 0
    assert compared.runs[0].facts["index_seconds"] > 0
    assert len(compared.differences) == 2 * 15
    assert not any(d.real for d in compared.differences)  # six posters
    assert any("6 independent groups" in note for note in compared.notes)
    overlap = next(o for o in compared.overlaps if (o.one, o.other) == ("strong", "net"))
    found = overlap.both + overlap.only_one + overlap.only_other + overlap.neither
    assert found == sum(len(query.positive) for query in compared.truth.queries)
    assert overlap.oracle >= max(ap["strong"], ap["net"])


def test_the_same_base_is_asked_of_all(truth: GroundTruth, net: Embeddings) -> None:
    run = embedding_run(net, truth, "net")
    more = Run.from_names(
        "more",
        {q.name: [*run.ranked_names(q.name), "else.jpg"] for q in truth.queries},
    )
    with pytest.raises(GroundTruthError, match=r"30 pictures and 'more' 31; 1 .* 'else\.jpg'"):
        compare_runs(truth, [run, more])
    compared = compare(truth, [run, more], root=SAMPLE, common=True)
    assert compared.scores["net"].macro("ap") == compared.scores["more"].macro("ap")


def test_a_vocabulary_that_saw_what_is_tested_is_said_aloud(
    tmp_path: Path, truth: GroundTruth
) -> None:
    """Trained on the pictures themselves; asked with a copy under another name."""
    settings = bovw.Settings().changed(features={"max_features": 100})
    engine = bovw.Engine.build(SAMPLE / "posters", settings=settings, root=SAMPLE)
    engine.save(tmp_path / "i.bovw")
    compared = compare(truth, [f"i={tmp_path}/i.bovw"], root=SAMPLE)
    assert any("trained on 30 of the pictures" in note for note in compared.notes)
    query = truth.queries[0]
    (tmp_path / "copy.jpg").write_bytes((SAMPLE / query.image).read_bytes())
    asked = replace(query, image=str(tmp_path / "copy.jpg"), name="copy", junk=frozenset())
    hidden = replace(truth, queries=(asked,), in_base="junk")
    compared = compare(hidden, [f"i={tmp_path}/i.bovw"], root=SAMPLE, metrics=["p@1"])
    assert any("1 queries are in the base: junk" in note for note in compared.notes)


def test_the_command(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", str(compared / "gnd.json"), "--root", str(SAMPLE),
                 f"net={compared}/net.npz", f"pca={compared}/net.npz,pca=4",
                 "--metrics", "ap,ndcg@10"]  # fmt: skip
    written = ["--csv", str(compared / "t.csv"), "--latex", str(compared / "t.tex"),
               "--data", str(compared / "d.json"), "--runs", str(compared / "runs")]  # fmt: skip
    assert main([*arguments, *written]) == 0
    assert "differences" in capsys.readouterr().out
    assert (compared / "t.csv").read_text().startswith("system,ap,")
    assert (compared / "t.tex").read_text().startswith(r"\begin{tabular}")
    data = json.loads((compared / "d.json").read_text())
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["systems"].keys() == data["systems"].keys()
    # What was written is read again, and scores the same.
    ranked, tag = read_run(compared / "runs" / "net.run")
    assert (tag, len(ranked)) == ("net", 10)
    assert main([*arguments[:-3], f"again={compared}/runs/net.run", *arguments[-2:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["systems"]
    assert again["again"]["macro"] == again["net"]["macro"]
    assert main([*arguments, "--fuse", "rrf:net+nobody"]) == 1
    assert "'nobody' is none of net, pca" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("net.npz,colour=red", "option 'colour'"),
        ("net.npz,pca=many", "pca=many: expected a whole number"),
        ("net.npz,pca=-1", "'net': pca=-1: expected a number from 0"),
        ("net.npz,answers=0", "'net': answers=0: expected a number from 1"),
        ("net.npz,alpha=nan", "alpha=nan: expected a number from 0, and finite"),
        ("net.npz,alpha=-1", "alpha=-1.0: expected a number from 0"),
        ("net.npz,whiten=yes", "whiten=yes: expected true or false"),
        ("net.npz,expand=more", "expected one of none, average"),
        ("net.npz,whiten", "'whiten' is no option: expected OPTION=VALUE"),
        ("net.npz,pca=3,whiten", "'pca=3,whiten' is no option: expected OPTION=VALUE"),
        ("net.npz,learn=nowhere.npz", r"'net': nowhere\.npz is no file"),
        ("net.npz,quantise=pq", r"given 30 pictures: name more .* \(learn\)"),
        ("=net.npz", "expected"),
        ("nowhere.bovw", r"nowhere\.bovw does not exist"),
        ("posters.bovw,pca=3", "not one of an index"),
        ("posters.bovw,preset=best", "'posters': no settings in 'best'"),
    ],
)
def test_malformed_systems(compared: Path, text: str, message: str) -> None:
    with pytest.raises(BovwError, match=message):
        name, found, path = text.partition("=")
        given = f"{name}=" if found and not name else ""
        path = text.removeprefix("=")
        compare(compared / "gnd.json", [f"{given}{compared / path}"], root=SAMPLE)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fuse": ["rrf:strong+nobody"]}, "'nobody' is none of strong, net"),
        ({"fuse": ["sum:strong+net"]}, "'sum' is no method: expected one of rrf"),
        ({"fuse": ["net=rrf:strong+net"]}, "two systems are called 'net'"),
        ({"fuse": ["verify:strong+net"]}, r"the second being one of the indexes \(strong\)"),
        ({"fuse": ["verify:net+strong+net"]}, "expected verify:SYSTEM"),
        ({"metrics": ["ap", "map"]}, "metric 'map': expected one of ap"),
        ({"level": 95}, "level=95: expected a number between 0 and 1"),
    ],
)
def test_mistakes_are_noticed_before_anything_is_ranked(
    compared: Path, given: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ranked(*_: object, **__: object) -> None:
        raise AssertionError("ranked")

    monkeypatch.setattr("bovw.comparison.comparing.engine_run", ranked)
    monkeypatch.setattr("bovw.comparison.comparing.embedding_run", ranked)
    systems = [f"strong={compared}/posters.bovw", f"{compared}/net.npz"]
    with pytest.raises(SettingsError, match=message):
        compare(compared / "gnd.json", systems, root=SAMPLE, **given)  # type: ignore[arg-type]


def test_a_level_is_a_share(truth: GroundTruth, net: Embeddings) -> None:
    with pytest.raises(SettingsError, match="level=0"):
        compare_runs(truth, [embedding_run(net, truth, "net")], level=0)


def test_runs_that_lack_a_query_are_fused_with_a_message(
    truth: GroundTruth, net: Embeddings
) -> None:
    run = embedding_run(net, truth, "net")
    name = truth.queries[0].name
    few = replace(run, name="few", rankings={name: run.rankings[name]})
    more = replace(run, name="more", rankings={**run.rankings, "extra": run.rankings[name]})
    compared = compare(truth, [run, more], fuse=["f=rrf:more+net"], root=SAMPLE, metrics=["ap"])
    assert compared.scores["f"].macro("ap") == compared.scores["net"].macro("ap")
    with pytest.raises(GroundTruthError, match="'few' has no ranking for 9 of 10 queries"):
        compare(truth, [run, few], fuse=["rrf:net+few"], root=SAMPLE)


def test_pictures_beside_the_base_are_said_to_be_left_out(
    compared: Path, truth: GroundTruth
) -> None:
    images = frozenset(name for name in truth.images if "_06_" not in name)
    queries = tuple(query for query in truth.queries if query.image in images)
    compared = compare(
        replace(truth, images=images, queries=queries),
        [f"i={compared}/posters.bovw,preset=fast"],
        root=SAMPLE,
        metrics=["ap"],
    )
    assert any(note.startswith("5 pictures of i lie in") for note in compared.notes)
    assert len(compared.runs[0].items) == 25


def test_the_base_of_oxford_on_the_command_line(
    compared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its pictures the base would be what the files name."""
    gnd = tmp_path / "gnd"
    gnd.mkdir()
    for kind, text in {
        "query": "poster_01_1 0 0 200 200",
        "good": "poster_01_1\nposter_01_2",
        "ok": "poster_01_3",
        "junk": "",
    }.items():
        (gnd / f"poster_1_{kind}.txt").write_text(text)
    for verb in (["evaluate", f"{compared}/posters.bovw", str(gnd)],
                 ["compare", str(gnd), f"{compared}/posters.bovw"]):  # fmt: skip
        arguments = [*verb, "--json", "--jobs", "2", "--images", str(SAMPLE / "posters")]
        assert main(arguments) == 0
        content = json.loads(capsys.readouterr().out)
        assert content.get("systems", {"posters": content})["posters"]["n_ranked"] == 30
        assert main([*verb, "--root", str(SAMPLE / "posters"), "--json", "--jobs", "2"]) == 0
        content = json.loads(capsys.readouterr().out)
        assert content.get("systems", {"posters": content})["posters"]["n_ranked"] == 3
        assert any("27 pictures of" in note for note in content["notes"])
        assert main([*verb, "--usage", "Public"]) == 1
        assert "has no option usage" in capsys.readouterr().err
    arguments = ["evaluate", f"{compared}/posters.bovw", str(gnd), "--images",
                 str(SAMPLE / "posters"), "--metrics", "map"]  # fmt: skip
    assert main(arguments) == 1
    assert "metric 'map'" in capsys.readouterr().err


def test_names_of_systems_and_fusions() -> None:
    assert System.parse("a=b/c.npz,pca=3") == System("a", "b/c.npz", {"pca": "3"})
    assert System.parse("b/c,d.npz") == System("c,d", "b/c,d.npz")
    assert Fusion.parse("x=rrf:a+b") == Fusion("x", "rrf", ("a", "b"))
    assert Fusion.parse("rrf:a+b").name == "rrf:a+b"
    for text in ("rrf", "rrf:a", "rrf:a+"):
        with pytest.raises(SettingsError, match="expected"):
            Fusion.parse(text)


def test_an_overlap_leaves_out_what_a_score_leaves_out() -> None:
    """A copy of the query, found by content, and other queries that the base must not hold."""
    queries = (GroundTruthQuery("q", positive=frozenset("c")), GroundTruthQuery("b"))
    truth = GroundTruth(frozenset("abc"), queries, in_base="remove", metrics=("ap",))
    run = Run.from_names("one", {"q": list("abc"), "b": list("abc")})
    same = {"q": frozenset("a")}
    compared = compare_runs(truth, [run, replace(run, name="other")], k=1, same=same)
    assert compared.scores["one"].macro("ap") == 1
    overlap = compared.overlaps[0]
    assert (overlap.both, overlap.neither) == (1, 0)


def run_file(path: Path, lines: list[str]) -> str:
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_runs_of_other_tools(truth: GroundTruth, tmp_path: Path) -> None:
    """Queries may be missing, scores contradict ranks, and be equal: each is said."""
    first, *others = truth.queries
    right, wrong = min(first.positive), max(truth.images - first.positive - first.junk)
    lines = [f"{first.name} Q0 {right} 1 0.1 t", f"{first.name} Q0 {wrong} 2 0.2 t"]
    path = run_file(tmp_path / "a.run", lines)
    found = compare(truth, [path], root=SAMPLE, metrics=["p@1"])
    assert found.scores["a"].of("p@1").tolist()[0] == 0  # by score, whatever the ranks say
    notes = "\n".join(found.notes)
    assert f"no ranking for {len(others)} of {len(truth.queries)} queries" in notes
    assert "scores contradict the ranks" in notes
    everything = [f"{q.name} Q0 {right} 1 0.1 t" for q in truth.queries]
    found = compare(truth, [run_file(tmp_path / "b.run", everything)], root=SAMPLE)
    assert not any("contradict" in note or "no ranking" in note for note in found.notes)
    with pytest.raises(GroundTruthError, match="ranks none of the"):
        path = run_file(tmp_path / "c.run", [f"nobody Q0 {right} 1 0.1 t"])
        compare(truth, [path], root=SAMPLE)


@pytest.mark.parametrize(
    ("ties", "expected"), [("increasing", "a"), ("decreasing", "b"), ("rank", "b")]
)
def test_equal_scores_are_put_in_the_order_that_was_asked_for(
    truth: GroundTruth, tmp_path: Path, ties: Any, expected: str
) -> None:
    hidden = replace(
        truth,
        images=frozenset("abc"),
        queries=(GroundTruthQuery("q", positive=frozenset("a")),),
    )
    lines = ["q Q0 b 1 0.5 t", "q Q0 a 2 0.5 t", "q Q0 c 3 0.1 t"]
    path = run_file(tmp_path / "a.run", lines)
    found = compare(hidden, [path], ties=ties, metrics=["p@1"])
    assert found.scores["a"].of("p@1").tolist() == [float(expected == "a")]
    assert any("right and wrong answers have equal scores" in note for note in found.notes)
