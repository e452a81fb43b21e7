"""Systems side by side: an index, embeddings, runs of other tools, and what is fused of them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import bovw
from bovw.cli import main
from bovw.comparison import Fusion, System, compare
from bovw.embedding_systems import EmbeddingOptions, embedding_run
from bovw.embeddings import Embeddings, save_embeddings
from bovw.errors import BovwError, EmbeddingError, GroundTruthError, SettingsError
from bovw.evaluation import GroundTruth, GroundTruthQuery, Run
from bovw.evaluation.comparison import compare_runs
from bovw.formats import load_ground_truth, read_run, save_json
from bovw.report import comparison_csv, comparison_latex, comparison_text, write_runs
from bovw.systems import fused_run

from .conftest import SAMPLE


@pytest.fixture(scope="module")
def truth() -> GroundTruth:
    """Every third picture of a poster against the others."""
    whole = load_ground_truth(SAMPLE / "gnd.json")
    images = frozenset(name for name in whole.images if name.startswith("posters/"))
    queries = tuple(query for query in whole.queries if query.image in images)[::3]
    return GroundTruth(images, queries, "posters")


@pytest.fixture(scope="module")
def net(truth: GroundTruth) -> Embeddings:
    """What a network that knows the objects a little would give."""
    rng = np.random.default_rng(0)
    names = sorted(truth.images)
    objects = [name.rsplit("_", 1)[0] for name in names]
    middle = {name: rng.normal(size=32) for name in sorted(set(objects))}
    vectors = np.stack([middle[o] + 0.8 * rng.normal(size=32) for o in objects])
    return Embeddings(tuple(names), vectors)


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory,
    engine: bovw.Engine,
    truth: GroundTruth,
    net: Embeddings,
) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    engine.save(folder / "posters.bovw")
    save_embeddings(net, folder / "net.npz")
    save_json(truth, folder / "gnd.json")
    return folder


def test_an_index_embeddings_and_what_is_made_of_both(folder: Path) -> None:
    compared = compare(
        folder / "gnd.json",
        [
            f"strong={folder}/posters.bovw",
            f"classic={folder}/posters.bovw,preset=classic",
            f"{folder}/net.npz,pca=2,expand=alpha,answers=3",
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


@pytest.mark.parametrize(
    "options",
    [
        {"pca": 8, "whiten": True},
        {"quantise": "sq8"},
        {"quantise": "sq1"},
        {"augment": 2},
        {"expand": "average", "answers": 2},
        {"expand": "discriminative", "answers": 2},
        {"rerank": "k-reciprocal"},
        {"rerank": "diffusion"},
        {"method": "hnsw"},
        {"method": "hnsw", "expand": "alpha", "rerank": "diffusion"},
    ],
)
def test_what_can_be_done_with_embeddings(
    truth: GroundTruth, net: Embeddings, options: dict[str, object]
) -> None:
    plain = embedding_run(net, truth, "plain")
    run = embedding_run(net, truth, "net", options=EmbeddingOptions(**options))  # type: ignore[arg-type]
    compared = compare_runs(truth, [plain, run], ["ap"])
    assert compared.scores["net"].macro("ap") > 0.8 * compared.scores["plain"].macro("ap")
    assert all(sorted(r) == list(range(30)) for r in run.rankings.values())


def test_what_a_graph_does_not_find_is_left_out(
    truth: GroundTruth, net: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(self: object, asked: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        rows = np.tile(np.array([7, 3, -1], np.int32), (len(asked), 1))
        return rows, np.tile(np.array([0.9, 0.8, 0], np.float32), (len(asked), 1))

    monkeypatch.setattr("bovw.nearest.NearestNeighbours.search", found)
    name = truth.queries[0].name
    for options in ({}, {"rerank": "k-reciprocal"}):
        run = embedding_run(net, truth, "n", options=EmbeddingOptions(method="hnsw", **options))  # type: ignore[arg-type]
        n = run.count(name)
        assert {7, 3} <= set(run.ranked(name).tolist())
        assert n == 2 if not options else n >= 2
        assert (np.diff(run.rankings[name][n:]) > 0).all()  # by name


def test_written_runs_give_other_tools_our_scores(tmp_path: Path) -> None:
    """Junk, the query itself, and a copy of it found by content are left out."""
    pytrec_eval = pytest.importorskip("pytrec_eval")
    rng = np.random.default_rng(0)
    images = [f"d{i:02d}" for i in range(40)]
    queries = tuple(
        GroundTruthQuery(
            images[i],
            positive=frozenset(rng.choice(images[20:30], 4, replace=False).tolist()),
            junk=frozenset(rng.choice(images[30:], 3, replace=False).tolist()),
        )
        for i in range(5)
    )
    truth = GroundTruth(frozenset(images), queries, in_base="junk", metrics=("ap",))
    names = [query.name for query in queries]
    run = Run.from_scores("r", images, names, rng.random((5, 40)))
    compared = compare_runs(truth, [run], same={names[0]: frozenset({"d19"})})
    write_runs(compared, tmp_path)
    judged: dict[str, dict[str, int]] = {}
    ranked: dict[str, dict[str, float]] = {}
    for line in (tmp_path / "qrels.txt").read_text().split("\n")[:-1]:
        query, _, name, value = line.split()
        judged.setdefault(query, {})[name] = int(value)
    for line in (tmp_path / "r.run").read_text().split("\n")[:-1]:
        query, _, name, _, score, _ = line.split()
        ranked.setdefault(query, {})[name] = float(score)
    theirs = pytrec_eval.RelevanceEvaluator(judged, {"map"}).evaluate(ranked)
    ours = compared.scores["r"].of("ap")
    assert [theirs[name]["map"] for name in names] == pytest.approx(ours.tolist())
    assert judged[names[0]]["d19"] == -1


def test_queries_with_boxes_need_vectors_of_their_own(truth: GroundTruth, net: Embeddings) -> None:
    query = replace(truth.queries[0], bbox=(0, 0, 100, 100))
    boxed = replace(truth, queries=(query,))
    with pytest.raises(EmbeddingError, match="ask for a part"):
        embedding_run(net, boxed, "net")
    asked = Embeddings((query.image,), net.aligned([query.image]))
    assert embedding_run(net, boxed, "net", queries=asked).rankings[query.name][0] >= 0
    with pytest.raises(EmbeddingError, match="named and ordered"):
        embedding_run(net, boxed, "net", queries=net)


def test_the_tables(truth: GroundTruth, net: Embeddings) -> None:
    run = embedding_run(net, truth, "net_1")
    other = fused_run([run, replace(run, name="same")], "fused", "min-max")
    compared = compare_runs(truth, [run, other], ["ap", "p@5"])
    text = comparison_text(compared)
    assert "10 queries in 6 groups, 30 pictures" in text
    assert "micro average" in text
    rows = list(csv.DictReader(io.StringIO(comparison_csv(compared))))
    assert [row["system"] for row in rows] == ["net_1", "fused"]
    assert float(rows[0]["ap"]) == pytest.approx(compared.scores["net_1"].macro("ap"))
    latex = comparison_latex(compared)
    assert r"net\_1 & \textbf{" in latex
    assert latex.count(r"\\") == 3
    content = json.loads(json.dumps(compared.to_dict(n_answers=3), allow_nan=False))
    assert len(content["queries"][0]["systems"]["fused"]["answers"]) == 3


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", str(folder / "gnd.json"), "--root", str(SAMPLE),
                 f"net={folder}/net.npz", f"pca={folder}/net.npz,pca=4",
                 "--metrics", "ap,ndcg@10"]  # fmt: skip
    written = ["--csv", str(folder / "t.csv"), "--latex", str(folder / "t.tex"),
               "--data", str(folder / "d.json"), "--runs", str(folder / "runs")]  # fmt: skip
    assert main([*arguments, *written]) == 0
    assert "differences" in capsys.readouterr().out
    assert (folder / "t.csv").read_text().startswith("system,ap,")
    assert (folder / "t.tex").read_text().startswith(r"\begin{tabular}")
    data = json.loads((folder / "d.json").read_text())
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["systems"].keys() == data["systems"].keys()
    # What was written is read again, and scores the same.
    ranked, tag = read_run(folder / "runs" / "net.run")
    assert (tag, len(ranked)) == ("net", 10)
    assert main([*arguments[:-3], f"again={folder}/runs/net.run", *arguments[-2:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["systems"]
    assert again["again"]["macro"] == again["net"]["macro"]
    assert main([*arguments, "--fuse", "rrf:net+nobody"]) == 1
    assert "'nobody' is none of net, pca" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("net.npz,colour=red", "option 'colour'"),
        ("net.npz,pca=many", "no int"),
        ("net.npz,expand=more", "expected one of none, average"),
        ("=net.npz", "expected"),
        ("posters.bovw,pca=3", "not one of an index"),
    ],
)
def test_malformed_systems(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BovwError, match=message):
        name, found, path = text.partition("=")
        given = f"{name}=" if found and not name else ""
        path = text.removeprefix("=")
        compare(folder / "gnd.json", [f"{given}{folder / path}"], root=SAMPLE)


def test_names_of_systems_and_fusions() -> None:
    assert System.parse("a=b/c.npz,pca=3") == System("a", "b/c.npz", {"pca": "3"})
    assert System.parse("b/c,d.npz") == System("c,d", "b/c,d.npz")
    assert Fusion.parse("x=rrf:a+b") == Fusion("x", "rrf", ("a", "b"))
    assert Fusion.parse("rrf:a+b").name == "rrf:a+b"
    for text in ("rrf", "rrf:a", "rrf:a+"):
        with pytest.raises(SettingsError, match="expected"):
            Fusion.parse(text)


def test_embeddings_have_their_published_scores(data: Path) -> None:
    """Of the README beside them: exact cosine search, trapezoid AP, junk removed."""
    expected = {
        "ukbench1000/gnd": 0.984,
        "smvs_dvd/gnd": 0.180,
        "smvs_dvd/gnd_all": 0.171,
        "oxford1k/gnd": 0.662,
        "oxford1k/gnd_official": 0.369,
        "oxford1k/gnd_rox": 0.200,
    }
    for name, published in expected.items():
        folder = data / name.split("/")[0]
        queries = folder / f"mobilenet_v2_{name.split('/')[1]}_queries.npz"
        options = f",queries={queries}" if queries.exists() else ""
        compared = compare(
            data / f"{name}.json",
            [f"net={folder}/mobilenet_v2.npz{options}"],
            metrics=["ap_trapezoid"],
        )
        assert compared.scores["net"].macro("ap_trapezoid") == pytest.approx(published, abs=2e-3)


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
