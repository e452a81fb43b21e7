"""The command line: each verb is one call of the public API."""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .errors import BovwError

GOOD, ERROR, USAGE, SOME_FAILED, INTERRUPTED = 0, 1, 2, 3, 130

_PICTURES = "folders (searched recursively), files, or @list.txt with a path a line"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns
    -------
    int
        0 good, 1 error, 2 usage, 3 done but some pictures failed, 130 interrupted.
    """
    options = _parser().parse_args(arguments)
    warnings.showwarning = _note  # type: ignore[assignment]
    try:
        verb: Callable[[argparse.Namespace], int] = options.verb
        return verb(options)
    except BovwError as error:
        print(f"bovw: error: {_printable(str(error))}", file=sys.stderr)
        return ERROR
    except KeyboardInterrupt:
        print("bovw: interrupted; nothing was changed on disk", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        return GOOD


def _note(message: Warning | str, *_: Any) -> None:
    print(f"bovw: note: {message}", file=sys.stderr)


def _printable(text: str) -> str:
    """Names that are not UTF-8 are shown by backslash escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _say(text: str) -> None:
    print(_printable(text))


def _print_json(content: Any) -> None:
    print(json.dumps(content, indent=1))


# Arguments


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 1")
    return value


def _not_negative(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value}: expected at least 0")
    return value


def _region(text: str) -> tuple[float, float, float, float]:
    try:
        x0, y0, x1, y1 = (float(value) for value in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: expected X0,Y0,X1,Y1") from None
    return x0, y0, x1, y1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bovw",
        description="Which of my pictures show what this picture shows?",
        epilog="example:\n  bovw index photos/ -o photos.bovw && bovw search photos.bovw query.jpg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"bovw {__version__}")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(name: str, verb: Any, help_: str, example: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(
            name,
            help=help_,
            description=help_[0].upper() + help_[1:] + ".",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(verb=verb)
        sub.add_argument("--json", action="store_true", help="print JSON")
        return sub

    def add_jobs(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--jobs",
            type=int,
            default=-1,
            metavar="N",
            help="pictures worked on at once (default: as many as there are cores)",
        )

    def add_output(sub: argparse.ArgumentParser, what: str) -> None:
        sub.add_argument("pictures", nargs="+", metavar="PICTURES", help=_PICTURES)
        sub.add_argument(
            "-o", "--output", required=True, metavar=what, help="folder to write (must not exist)"
        )
        sub.add_argument("--overwrite", action="store_true", help="replace it when it exists")
        sub.add_argument(
            "--root",
            metavar="DIR",
            help="identifiers are relative to this folder (default: to each folder given)",
        )
        sub.add_argument(
            "--pattern",
            action="append",
            metavar="GLOB",
            help="only files in folders that match, such as '*.jpg'; may be repeated",
        )
        sub.add_argument(
            "--cache",
            metavar="DIR",
            help="keep features here, so that interrupted or repeated work goes on from there",
        )
        add_jobs(sub)

    train = add(
        "train",
        _train,
        "train a vocabulary on pictures",
        "bovw train photos/ -o photos.vocabulary --words 20000",
    )
    add_output(train, "VOCABULARY")
    train.add_argument(
        "--words",
        type=_positive,
        metavar="K",
        help="visual words, up to 1,000,000 (default: 50000)",
    )
    train.add_argument("--upright", action="store_true", help="features without orientation")
    train.add_argument("--seed", type=_not_negative, default=0, help="of the training (default: 0)")

    index = add(
        "index",
        _index,
        "index pictures",
        "bovw index photos/ -o photos.bovw -v photos.vocabulary",
    )
    add_output(index, "INDEX")
    index.add_argument(
        "-v",
        "--vocabulary",
        metavar="VOCABULARY",
        help="of 'bovw train' (default: one is trained on these pictures, sized to them)",
    )

    search = add(
        "search",
        _search,
        "search an index",
        "bovw search photos.bovw query.jpg -k 5 --region 10,10,300,200",
    )
    search.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")
    search.add_argument("queries", nargs="+", metavar="QUERY", help=_PICTURES)
    search.add_argument(
        "-k", type=_positive, default=10, metavar="N", help="answers for each query (default: 10)"
    )
    search.add_argument(
        "--region",
        type=_region,
        metavar="X0,Y0,X1,Y1",
        help="search for this part of each query, in its pixels",
    )
    search.add_argument(
        "--allow",
        metavar="GLOB",
        help="only pictures whose identifier matches may answer, such as 'covers/*'",
    )
    _add_search_options(search)
    add_jobs(search)

    evaluate = add(
        "evaluate",
        _evaluate,
        "score an index against a ground truth",
        "bovw evaluate photos.bovw photos/gnd.json",
    )
    evaluate.add_argument("index", metavar="INDEX", help="folder of 'bovw index'")
    evaluate.add_argument("ground_truth", metavar="GROUND_TRUTH.json")
    evaluate.add_argument(
        "--root", metavar="DIR", help="folder its names are relative to (default: its own)"
    )
    evaluate.add_argument(
        "--per-query", action="store_true", help="with --json: each query's scores"
    )
    _add_search_options(evaluate)
    add_jobs(evaluate)

    info = add("info", _info, "describe an index or a vocabulary", "bovw info photos.bovw")
    info.add_argument("path", metavar="INDEX|VOCABULARY")
    info.add_argument(
        "--failed", action="store_true", help="list the pictures that could not be read"
    )
    return parser


def _add_search_options(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--verify",
        type=_not_negative,
        metavar="N",
        help="answers to verify (0: none; default: 100)",
    )
    sub.add_argument(
        "--expand",
        choices=["none", "average", "rank", "alpha"],
        metavar="METHOD",
        help="query expansion: none, average, rank or alpha (default: average)",
    )


# Verbs


def _check_output(options: argparse.Namespace) -> None:
    """Refuse before the work, not after it."""
    from .storage.manifest import check_target

    try:
        check_target(Path(options.output), options.overwrite)
    except BovwError as error:
        hint = "" if options.overwrite else " (--overwrite)"
        raise type(error)(f"{error}{hint}") from None


def _report_failures(failed: Sequence[tuple[str, str]]) -> int:
    for path, reason in failed:
        print(f"bovw: failed: {_printable(path)}: {_printable(reason)}", file=sys.stderr)
    return SOME_FAILED if failed else GOOD


def _train(options: argparse.Namespace) -> int:
    from .settings import Settings
    from .storage import save_vocabulary
    from .training import train_vocabulary

    _check_output(options)
    settings = Settings().changed(
        features={"upright": options.upright}, vocabulary={"random_state": options.seed}
    )
    if options.words is not None:
        settings = settings.changed(vocabulary={"n_words": options.words})
    vocabulary = train_vocabulary(
        options.pictures,
        settings=settings,
        root=options.root,
        patterns=options.pattern,
        cache=options.cache,
        n_jobs=options.jobs,
        progress=True,
    )
    save_vocabulary(vocabulary, options.output, overwrite=options.overwrite)
    made_with = vocabulary.made_with_ or {}
    failed = [(f["path"], f["reason"]) for f in made_with.get("failed", [])]
    if options.json:
        _print_json(
            {
                "vocabulary": options.output,
                "n_words": vocabulary.n_words_,
                "n_pictures": made_with.get("n_pictures"),
                "failed": made_with.get("failed"),
                **vocabulary.facts(),
            }
        )
    else:
        _say(
            f"{options.output}: {vocabulary.n_words_} words from "
            f"{made_with.get('n_pictures')} pictures"
        )
    return _report_failures(failed)


def _index(options: argparse.Namespace) -> int:
    from .engine import Engine
    from .storage import load_vocabulary

    _check_output(options)
    vocabulary = None
    if options.vocabulary is not None:
        vocabulary = load_vocabulary(options.vocabulary, n_jobs=options.jobs)
    engine = Engine.build(
        options.pictures,
        vocabulary=vocabulary,
        root=options.root,
        patterns=options.pattern,
        cache=options.cache,
        n_jobs=options.jobs,
        progress=True,
    )
    engine.save(options.output, overwrite=options.overwrite)
    if options.json:
        failed = [vars(failure) for failure in engine.failures]
        _print_json({"index": options.output, **engine.info(), "failed": failed})
    else:
        source = "given" if vocabulary is not None else "trained on them"
        _say(
            f"{options.output}: {len(engine)} pictures, {len(engine.collection.words)} features, "
            f"vocabulary of {engine.vocabulary.n_words_} words ({source})"
        )
    return _report_failures([(failure.path, failure.reason) for failure in engine.failures])


def _search(options: argparse.Namespace) -> int:
    from fnmatch import fnmatchcase

    from .engine import Engine
    from .pictures import find_queries

    engine = Engine.open(options.index, n_jobs=options.jobs)
    pattern = options.allow
    results = engine.search_many(
        [(path, options.region) for path in find_queries(options.queries)],
        options.k,
        allow=None if pattern is None else (lambda name: fnmatchcase(name, pattern)),
        verify=options.verify,
        expand=options.expand,
        progress=True,
    )
    if options.json:
        _print_json([result.to_dict() for result in results])
    else:
        for result in results:
            if result.error is None:
                _say(_table(result))
    return _report_failures([(r.query, r.error) for r in results if r.error is not None])


def _table(result: Any) -> str:
    verdict = {
        True: f"match (evidence {result.evidence:.0f})",
        False: f"no match (evidence {result.evidence:.0f} at most)",
        None: "not verified",
    }[result.matched]
    width = max((len(answer.identifier) for answer in result), default=0)
    lines = [f"{result.query}: {verdict}"]
    for answer in result:
        inliers = "-" if answer.inliers is None else str(answer.inliers)
        lines.append(
            f"{answer.rank + 1:4d}  {answer.identifier:<{width}}  "
            f"score {answer.score:.4f}  inliers {inliers:>3}"
        )
    if not result.answers:
        lines.append("      no answers: the query shares no visual word with any picture")
    return "\n".join(lines)


def _evaluate(options: argparse.Namespace) -> int:
    from .engine import Engine
    from .evaluation import evaluate, load_ground_truth

    ground_truth = load_ground_truth(options.ground_truth)
    engine = Engine.open(options.index, n_jobs=options.jobs)
    changes: dict[str, dict[str, Any]] = {}
    if options.verify is not None:
        changes["geometry"] = {"verify": options.verify}
    if options.expand is not None:
        changes["expansion"] = {"method": options.expand}
    engine = engine.changed(**changes)
    evaluation = evaluate(
        lambda queries: [r.identifiers for r in engine.rank_many(queries, progress=True)],
        {record.identifier: record.path for record in engine.collection.records},
        ground_truth,
        options.root or Path(options.ground_truth).parent,
    )
    if options.json:
        _print_json(evaluation.to_dict(per_query=options.per_query))
    else:
        values = evaluation.to_dict()
        for name in ("n_queries", "n_without_positives", "n_ranked"):
            _say(f"{name:<20} {values.pop(name)}")
        for name, value in values.items():
            if value is not None:
                _say(f"{name:<20} {value:.4f}")
    return GOOD


def _info(options: argparse.Namespace) -> int:
    from .storage import read_manifest

    folder = Path(options.path)
    manifest = read_manifest(folder)
    if manifest["format"] == "bovw-index":
        from .engine import Engine

        engine = Engine.open(folder)
        content: dict[str, Any] = {"index": options.path, **engine.info()}
        failed = [vars(failure) for failure in engine.failures]
    else:
        from .storage import load_vocabulary

        vocabulary = load_vocabulary(folder)
        made_with = vocabulary.made_with_ or {}
        failed = made_with.get("failed", [])
        content = {
            "vocabulary": options.path,
            "n_words": vocabulary.n_words_,
            "n_pictures": made_with.get("n_pictures"),
            "n_failed": len(failed),
            **vocabulary.facts(),
            "features": made_with.get("features"),
            "images": made_with.get("images"),
            "versions": manifest["versions"],
        }
    content["bytes"] = sum(facts["size"] for facts in manifest["files"].values())
    if options.failed:
        content["failed"] = failed
    if options.json:
        _print_json(content)
    else:
        _say("\n".join(_lines(content)))
    return GOOD


def _lines(content: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in content.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_lines(value, indent + "  ")]
        elif name == "failed":
            lines += [f"{indent}failed: {item['path']}: {item['reason']}" for item in value]
        else:
            shown = f"{value:.4f}" if isinstance(value, float) else str(value)
            lines.append(f"{indent}{name:<{24 - len(indent)}} {shown}")
    return lines
