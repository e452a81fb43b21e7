"""``bovw info``: what an index or a vocabulary holds."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..arguments import add_untrusted
from ..output import GOOD, facts, name_lacking, note, print_json, say

if TYPE_CHECKING:
    from ...engine import Engine

HELP = "describe an index or a vocabulary"
EXAMPLE = "bovw info photos.bovw"
Described = tuple[dict[str, Any], dict[str, list[Any]]]
_LISTS = ("failed", "without_features")


def add_arguments(sub: argparse.ArgumentParser) -> None:
    """Add the arguments of this verb."""
    sub.add_argument("path", metavar="INDEX|VOCABULARY")
    sub.add_argument(
        "--failed", action="store_true", help="list the pictures that could not be read"
    )
    sub.add_argument(
        "--without-features",
        action="store_true",
        help="list the pictures in which no feature was found, and which no query can find",
    )
    sub.add_argument(
        "--settings",
        action="store_true",
        help="print all settings, not only those that differ from the defaults",
    )
    sub.add_argument(
        "--html",
        metavar="FILE",
        help="also write a page of an index: features of its pictures, use and looks of its words, "
        "failures, groups, in one file that opens offline (pip install 'bovw[report]')",
    )
    add_untrusted(sub)


def run(options: argparse.Namespace) -> int:
    """Describe an index or a vocabulary."""
    from ...storage import read_manifest
    from ...vocabulary import BUILTIN, builtin_folder

    # A folder that is called like the vocabulary in the box: "./builtin"
    folder = builtin_folder() if options.path == BUILTIN else Path(options.path)
    manifest = read_manifest(folder)
    if options.html is not None:
        _check_page(options.path, manifest)
    engine = None
    if manifest["format"] == "bovw-index":
        from ...engine import Engine

        engine = Engine.open(options.path, trusted=not options.untrusted)
        content, lists = _index(options.path, engine)
    else:
        describe = _compressed if manifest["format"] == "bovw-lsa" else _vocabulary
        content, lists = describe(options.path, manifest, not options.untrusted)
    content["bytes"] = sum(file["size"] for file in manifest["files"].values())
    for name in _LISTS:
        if getattr(options, name):
            content[name] = lists.get(name, [])
    if options.json:
        print_json(content)
    else:
        say("\n".join(facts(_short(content, options.settings))))
    if engine is not None and options.html is not None:
        _write_page(options.path, engine, content, options.html)
    return GOOD


def _check_page(path: str, manifest: Mapping[str, Any]) -> None:
    """Refuse before the work, not after it, when no page can be made."""
    from ...errors import SettingsError
    from ...report import check_page

    if manifest["format"] != "bovw-index":
        raise SettingsError(f"--html: {path} is no index of pictures; leave it out")
    check_page()


def _write_page(path: str, engine: Engine, content: dict[str, Any], target: str) -> None:
    from ...report import save_index_page

    records = engine.collection.records
    lacking = save_index_page(
        engine.overview(),
        target,
        facts=_shown(path, content),
        failures=engine.failures,
        without_features=[records[engine.collection.position(n)] for n in engine.without_features],
        groups=engine.known_groups(),
        region_factor=engine.settings.features.region_factor,
        title=Path(path).resolve().name,
    )
    name_lacking(lacking)
    note(f"wrote {target}")


def _shown(path: str, info: dict[str, Any]) -> dict[str, str]:
    """Facts at the top of the page."""
    known = info["vocabulary"].get("statistics")
    trained = {} if known is None else {"imbalance in training": f"{known['imbalance']:.2f}"}
    return {
        "folder": path,
        "pictures": f"{info['n_pictures']:,}",
        "failed": f"{info['n_failed']:,}",
        "without features": f"{info['n_without_features']:,}",
        "identical to another": f"{info['n_duplicates']:,}",
        "segments": f"{info['n_segments']:,}",
        "words of the vocabulary": f"{info['n_words']:,}",
        **trained,
        "descriptor": info["descriptor"],
        "candidates": info["candidates"],
        "made with": ", ".join(f"{name} {version}" for name, version in info["versions"].items()),
    }


def _index(path: str, engine: Engine) -> Described:
    failed = [asdict(failure) for failure in engine.failures]
    lists: dict[str, list[Any]] = {
        "failed": failed,
        "without_features": list(engine.without_features),
    }
    return {"index": path, **engine.info()}, lists


def _compressed(path: str, _: Mapping[str, Any], trusted: bool) -> Described:
    from ...storage import load_lsa_index

    return {"compressed index": path, **load_lsa_index(path, trusted=trusted).info()}, {}


def _vocabulary(
    path: str, manifest: Mapping[str, Any], trusted: bool
) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    from ...storage import load_vocabulary

    vocabulary = load_vocabulary(path, trusted=trusted)
    made_with = vocabulary.made_with_ or {}
    failed = made_with.get("failed", [])
    content = {
        "vocabulary": path,
        **({"name": made_with["name"]} if "name" in made_with else {}),
        "fingerprint": vocabulary.fingerprint,
        "n_words": vocabulary.n_words_,
        "n_pictures": made_with.get("n_pictures"),
        "n_failed": len(failed),
        **vocabulary.facts(),
        "features": made_with.get("features"),
        "images": made_with.get("images"),
        "versions": manifest["versions"],
    }
    return content, {"failed": failed}


def _short(content: dict[str, Any], all_settings: bool) -> dict[str, Any]:
    """Put facts first, then the settings that are not the defaults, then versions in one line."""
    from ...settings import Settings

    usual: dict[str, dict[str, Any]] = Settings().to_dict()
    # An index has its settings together, a vocabulary those of its pictures and features.
    settings = content.get("settings") or {
        room: content[room] for room in ("images", "features") if content.get(room)
    }
    rest = {k: v for k, v in content.items() if k not in ("settings", "versions", *_LISTS, *usual)}
    if isinstance(content.get("vocabulary"), str):
        rest = {"vocabulary": content["vocabulary"], **rest}
    for name in ("vocabulary", "statistics"):
        if isinstance(content.get(name), dict):  # what was measured while training
            rest |= _measured(content[name])
    rest.pop("statistics", None)
    if all_settings:
        rest["settings"] = settings
    else:
        changed = [
            f"{room}.{name}={value}"
            for room, values in settings.items()
            for name, value in values.items()
            if value != usual[room][name]
        ]
        rest["settings"] = (", ".join(changed) or "the defaults") + " (--settings for all)"
    if content.get("versions"):
        rest["made with"] = ", ".join(f"{k} {v}" for k, v in content["versions"].items())
    return rest | {name: content[name] for name in _LISTS if name in content}


def _measured(values: Mapping[str, Any]) -> dict[str, Any]:
    statistics = values.get("statistics", values)
    found = {"agreement": values["agreement"]} if "agreement" in values else {}
    if statistics:
        found |= {"empty_words": statistics["empty"], "imbalance": statistics["imbalance"]}
    if "quantization_error" in values:
        found["float descriptors"] = (
            f"stored as uint8, off by {values['quantization_error']:.1%} of their deviation"
        )
    return found
