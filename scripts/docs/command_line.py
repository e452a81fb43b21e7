"""The reference of the command line, made from its argparse parser."""

from __future__ import annotations

import argparse
import re
from textwrap import dedent

from bovw.cli.parser import make_parser

INTRODUCTION = """# Command line

Made from the parser of `bovw` itself, so it says what `bovw VERB --help` says.

Exit codes: 0 success, 1 error, 2 wrong usage, 3 done, but some pictures failed, 130 interrupted.

"""


def page() -> str:
    """The page, in Markdown: a section for each verb."""
    verbs = _verbs(make_parser())
    lines = [INTRODUCTION, "| verb | what it does |", "|---|---|"]
    lines += [f"| [`bovw {v}`](#bovw-{v}) | {_text(p.description)} |" for v, p in verbs.items()]
    for verb, parser in verbs.items():
        lines += ["", f"## bovw {verb} {{ #bovw-{verb} }}", "", _text(parser.description), ""]
        lines += ["```text", _usage(parser), "```", ""]
        for title, positional in (("argument", True), ("option", False)):
            actions = [a for a in parser._actions if (not a.option_strings) == positional]
            if actions:
                lines += [f"| {title} | meaning |", "|---|---|"]
                lines += [f"| {_name(a)} | {_meaning(parser, a)} |" for a in actions] + [""]
        example = dedent(str(parser.epilog).partition("\n")[2]).strip()
        lines += ["Example:", "", "```sh", example, "```"]
    return "\n".join(lines) + "\n"


def _verbs(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise ValueError("the parser has no verbs")


def _usage(parser: argparse.ArgumentParser) -> str:
    parser.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=88)  # type: ignore
    return parser.format_usage().removeprefix("usage: ").strip()


def _name(action: argparse.Action) -> str:
    value = action.metavar or (action.dest.upper() if action.nargs != 0 else "")
    if action.choices is not None and action.metavar is None:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"`{value}`"
    return ", ".join(f"`{f'{name} {value}'.strip()}`" for name in action.option_strings)


def _meaning(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    values = {**vars(action), "prog": parser.prog}
    text = _text((action.help or "") % values)
    return text + (" (required)" if action.required and action.option_strings else "")


def _text(text: str | None) -> str:
    """Plain text as Markdown: nothing in it is markup."""
    return re.sub(r"([*_|<>\[\]`])", r"\\\1", " ".join((text or "").split()))
