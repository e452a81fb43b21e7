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
from bovw.embeddings import EmbeddingIndex, Embeddings, save_embeddings
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
    assert "d: effect size, in standard deviations" in text
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
def test_malformed_systems(folder: Path, text: str, message: str) -> None:
    with pytest.raises(BovwError, match=message):
        name, found, path = text.partition("=")
        given = f"{name}=" if found and not name else ""
        path = text.removeprefix("=")
        compare(folder / "gnd.json", [f"{given}{folder / path}"], root=SAMPLE)


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
    folder: Path, given: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ranked(*_: object, **__: object) -> None:
        raise AssertionError("ranked")

    monkeypatch.setattr("bovw.comparison.engine_run", ranked)
    monkeypatch.setattr("bovw.comparison.embedding_run", ranked)
    systems = [f"strong={folder}/posters.bovw", f"{folder}/net.npz"]
    with pytest.raises(SettingsError, match=message):
        compare(folder / "gnd.json", systems, root=SAMPLE, **given)  # type: ignore[arg-type]


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


def test_queries_of_another_network_are_refused(truth: GroundTruth, net: Embeddings) -> None:
    names = [query.image for query in truth.queries]
    other = Embeddings(tuple(names), np.ones((len(names), 8)))
    with pytest.raises(EmbeddingError, match="8 dimensions: expected 32"):
        embedding_run(net, truth, "net", queries=other)


def test_augmented_vectors_are_compressed_afterwards(
    truth: GroundTruth, net: Embeddings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise what is searched would take more bytes than the table says."""
    kept = []

    def scores(index: EmbeddingIndex, asked: np.ndarray) -> np.ndarray:
        kept.append(index.embeddings.vectors)
        return asked @ kept[-1].T

    monkeypatch.setattr(EmbeddingIndex, "scores", scores)
    embedding_run(net, truth, "n", options=EmbeddingOptions(augment=2, quantise="sq1"))
    # Of a bit a dimension two values are left; scaling to length 1 keeps their ratios.
    for column in range(3):
        ratios = (kept[0][:, column] / kept[0][:, 31]).round(4)
        assert len(np.unique(ratios)) <= 4


def test_distractors_among_embeddings_are_ranked(
    folder: Path, truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    """Not so other pictures that lie beside the base, nor queries that are not in it."""
    rng = np.random.default_rng(1)
    others = ("noise/1.jpg", "noise/2.jpg", "covers/cover_01_1.jpg", "asked.jpg")
    vectors = np.concatenate([net.vectors, rng.normal(size=(4, 32))])
    many = Embeddings(net.identifiers + others, vectors)
    query = replace(truth.queries[0], image="asked.jpg", name="asked")
    asked = replace(truth, queries=(*truth.queries, query))
    run = embedding_run(many, asked, "net", root=SAMPLE)
    assert set(run.items) == truth.images | set(others[:2])
    assert embedding_run(many, asked, "net").items == tuple(sorted(truth.images))
    elsewhere = embedding_run(many, asked, "net", root=tmp_path)
    assert set(elsewhere.items) == truth.images | set(others[:3])
    save_embeddings(many, tmp_path / "net.npz")
    compared = compare(asked, [f"{tmp_path}/net.npz,pca=8"], root=SAMPLE, metrics=["ap"])
    notes = "; ".join(compared.notes)
    assert "net ranks 2 pictures that the ground truth does not name" in notes
    assert "1 pictures that net has vectors of lie beside the base" in notes
    assert "projection or quantisation of net was learned from 32 of the pictures" in notes


def test_what_is_learned_from_some_that_are_tested_is_said(
    truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    names = (*net.identifiers[:3], *map(str, range(40)))
    save_embeddings(Embeddings(names, rng.normal(size=(43, 32))), tmp_path / "other.npz")
    for shared, part in ((3, slice(None)), (0, slice(3, None))):
        learned = Embeddings(names[part], rng.normal(size=(43, 32))[part])
        save_embeddings(learned, tmp_path / "other.npz")
        options = EmbeddingOptions(whiten=True, learn=str(tmp_path / "other.npz"))
        run = embedding_run(net, truth, "net", options=options)
        assert run.facts["n_learned_from_tested"] == shared
    assert embedding_run(net, truth, "net").facts["n_learned_from_tested"] == 0


def test_queries_are_found_by_content_whatever_stands_beside(
    folder: Path, truth: GroundTruth, net: Embeddings, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    for name in truth.images:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes((SAMPLE / name).read_bytes())
    query = truth.queries[0]
    (root / "copy.jpg").write_bytes((SAMPLE / query.image).read_bytes())
    asked = replace(query, image="copy.jpg", name="copy", junk=frozenset())
    hidden = replace(truth, queries=(asked,), in_base="junk")
    vectors = np.concatenate([net.vectors, net.aligned([query.image])])
    save_embeddings(Embeddings((*net.identifiers, "copy.jpg"), vectors), tmp_path / "net.npz")
    system = f"{tmp_path}/net.npz"
    alone = compare(hidden, [system], root=root, metrics=["p@1"])
    assert any("1 queries are in the base: junk" in note for note in alone.notes)
    assert alone.taken["copy"] == {query.image}
    (root / sorted(truth.images)[-1]).unlink()
    some = compare(hidden, [system], root=root, metrics=["p@1"])
    assert any("1 of 30 pictures of the base and 0 of 1 queries" in note for note in some.notes)
    none = compare(hidden, [system], root=tmp_path, metrics=["p@1"])
    assert any("by name only: their pictures are not in" in note for note in none.notes)


def test_pictures_beside_the_base_are_said_to_be_left_out(folder: Path, truth: GroundTruth) -> None:
    images = frozenset(name for name in truth.images if "_06_" not in name)
    queries = tuple(query for query in truth.queries if query.image in images)
    compared = compare(
        replace(truth, images=images, queries=queries),
        [f"i={folder}/posters.bovw,preset=fast"],
        root=SAMPLE,
        metrics=["ap"],
    )
    assert any(note.startswith("5 pictures of i lie in") for note in compared.notes)
    assert len(compared.runs[0].items) == 25


def test_the_base_of_oxford_on_the_command_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
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
    for verb in (["evaluate", f"{folder}/posters.bovw", str(gnd)],
                 ["compare", str(gnd), f"{folder}/posters.bovw"]):  # fmt: skip
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
    arguments = ["evaluate", f"{folder}/posters.bovw", str(gnd), "--images",
                 str(SAMPLE / "posters"), "--metrics", "map"]  # fmt: skip
    assert main(arguments) == 1
    assert "metric 'map'" in capsys.readouterr().err


def test_what_is_not_known_is_bold_nowhere_and_null_in_json() -> None:
    queries = (GroundTruthQuery("q", positive=frozenset("a")), GroundTruthQuery("r"))
    truth = GroundTruth(frozenset("abc"), queries, metrics=("ap", "ndcg@1"))
    nothing = replace(truth, queries=queries[1:])
    runs = [Run.from_names(n, {"q": list("abc"), "r": list("abc")}) for n in ("one", "two")]
    runs[0] = replace(
        runs[0], facts={"milliseconds": float("nan"), "more": {"x": np.float32("inf")}}
    )
    for which in (truth, nothing):
        compared = compare_runs(which, runs)
        content = json.dumps(compared.to_dict(), allow_nan=False)
        assert json.loads(content)["systems"]["one"]["facts"]["milliseconds"] is None
        assert comparison_latex(compared).count("textbf") == (4 if which is truth else 0)


def test_the_best_mean_is_bold(rng: np.random.Generator) -> None:
    """Also where the mean over groups and that over queries are rounded differently."""
    images = [f"d{i:03d}" for i in range(40)]
    for _ in range(30):
        queries = tuple(
            GroundTruthQuery(f"q{i}", positive=frozenset(rng.choice(images, 7, replace=False)),
                             group=str(i % 3)) for i in range(11))  # fmt: skip
        truth = GroundTruth(frozenset(images), queries, metrics=("ap",))
        names = [query.name for query in queries]
        runs = [Run.from_scores(n, images, names, rng.random((11, 40))) for n in ("one", "two")]
        assert comparison_latex(compare_runs(truth, runs)).count("textbf") == 1


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
