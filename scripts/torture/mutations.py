"""Ways to damage a file: of any bytes, of arrays, and of JSON."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np

Rng = np.random.Generator


# Mutations: of bytes


def some_at(content: bytes, rng: Rng) -> int:
    """Choose a place in a file; as often as not in its first bytes, where its header is."""
    most = len(content) if rng.random() < 0.5 else min(len(content), 130)
    return int(rng.integers(most)) if most else 0


def flip(content: bytes, rng: Rng) -> bytes:
    """Change bits."""
    changed = bytearray(content)
    for _ in range(int(rng.integers(1, 5)) if content else 0):
        changed[some_at(content, rng)] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def insert(content: bytes, rng: Rng) -> bytes:
    """Insert random bytes."""
    at = some_at(content, rng)
    return content[:at] + rng.bytes(int(rng.choice([1, 8, 500]))) + content[at:]


def delete(content: bytes, rng: Rng) -> bytes:
    """Leave some bytes out."""
    at = some_at(content, rng)
    return content[:at] + content[at + int(rng.choice([1, 8, 500])) :]


def truncate(content: bytes, rng: Rng) -> bytes:
    """Leave out the end."""
    return content[: some_at(content, rng)]


def overwrite(content: bytes, rng: Rng) -> bytes:
    """Write the same byte over part of a file."""
    at, n = some_at(content, rng), int(rng.choice([4, 8, 64, 4096]))
    n = min(n, len(content) - at)
    return content[:at] + bytes([int(rng.choice([0, 127, 128, 255]))]) * n + content[at + n :]


# Mutations: of arrays

SHAPES = (
    "()",
    "(0,)",
    "(1,)",
    "(-1,)",
    "(-1, -1)",
    "(2**62,)",
    "(2**31, 2**33)",
    "(1 << 40, 1)",
    f"({1 << 62},)",
    f"({1 << 62}, 4)",
    f"({1 << 70},)",
    f"(0, {1 << 62})",
    f"({1 << 62}, 0)",
    f"(-{1 << 62}, -4)",
    "(1.5,)",
    "(True, 2)",
    "('a',)",
    "((1,),)",
    "None",
    "(3, 3, 3)",
    "(" + "1, " * 40 + ")",
    "(" * 300 + ")" * 300,
)
TYPES = (
    "'|u1'",
    "'<u2'",
    "'>u2'",
    "'<u4'",
    "'<i8'",
    "'>i8'",
    "'<f4'",
    "'<f8'",
    "'<c16'",
    "'|O'",
    "'|S0'",
    "'|V8'",
    "'<U1000000000'",
    "'<M8[ns]'",
    "[('a', '<u2')]",
    "[('a', '|O')]",
    "('<u2', (2147483647, 2147483647))",
    "'|b1'",
    "'nonsense'",
    "17",
)


def header(content: bytes, rng: Rng) -> bytes:
    """Say something else of the array in its header."""
    file = io.BytesIO(content)
    np.lib.format.read_magic(file)
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(file)
    facts = {
        "descr": repr(np.lib.format.dtype_to_descr(dtype)),
        "fortran_order": repr(in_columns),
        "shape": repr(shape),
    }
    one_more = tuple(n + int(rng.integers(-2, 3)) for n in shape)
    match int(rng.integers(4)):
        case 0:
            facts["shape"] = str(rng.choice([*SHAPES, repr(one_more), repr((*shape, 1))]))
        case 1:
            facts["descr"] = str(rng.choice(TYPES))
        case 2:
            facts["fortran_order"] = str(rng.choice(["True", "1", "None", "'no'", "1e999"]))
        case _:
            facts.pop(str(rng.choice(list(facts))))
            if rng.random() < 0.5:
                facts["more"] = "[" * 120 + "]" * 120
    text = ("{" + ", ".join(f"'{k}': {v}" for k, v in facts.items()) + "}\n").encode()
    version = int(rng.choice([1, 1, 1, 2, 3, 9]))
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    if rng.random() < 0.1:
        length = b"\xff" * len(length)
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + content[file.tell() :]


def values(content: bytes, rng: Rng) -> bytes:
    """Change numbers of the array, to extreme ones or to those of its other elements."""
    array = np.load(io.BytesIO(content))
    flat = array.reshape(-1)
    if array.dtype.names:  # columns, all of one type
        flat = flat.view(array.dtype[0])
    if not flat.size:
        return content
    at = rng.integers(flat.size, size=int(rng.choice([1, 3, flat.size])))
    if rng.random() < 0.2:
        at = np.array([flat.size - 1])
    kind = flat.dtype
    info: Any = np.iinfo if kind.kind in "iu" else np.finfo
    match int(rng.integers(5)):
        case 0:
            flat[at] = info(kind).max
        case 1:
            flat[at] = info(kind).min
        case 2:
            flat[at] = rng.permutation(flat)[: len(at)]
        case 3:
            flat[at] = flat[at] + kind.type(1)
        case _:
            flat[at] = np.nan if kind.kind == "f" else 0
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


# Mutations: of JSON

DEEP = 600
JUNK: tuple[Callable[[], Any], ...] = (
    lambda: None,
    lambda: True,
    lambda: False,
    lambda: 0,
    lambda: -1,
    lambda: 1,
    lambda: 1.5,
    lambda: 10**9,
    lambda: -(10**9),
    lambda: 1 << 31,
    lambda: 1 << 63,
    lambda: 1 << 64,
    lambda: 10**400,
    lambda: -(10**30),
    lambda: 1e308,
    lambda: -1e308,
    lambda: 1e-320,
    lambda: float("nan"),
    lambda: float("inf"),
    lambda: -float("inf"),
    lambda: "",
    lambda: "x",
    lambda: "1",
    lambda: "\0",
    lambda: "\udcff\ud800",
    lambda: "x" * 5000,
    lambda: "../../etc/passwd",
    lambda: "/etc/passwd",
    lambda: "C:\\x",
    lambda: "segments/../segments/0001",
    lambda: "segments/99999999999999999999",
    lambda: "segments/²",
    lambda: [],
    lambda: [[]],
    lambda: [0],
    lambda: [1, 2, 3],
    lambda: [None],
    lambda: ["x"],
    lambda: {},
    lambda: {"x": 1},
    lambda: {"": {"": None}},
    lambda: json.loads("[" * DEEP + "]" * DEEP),
    lambda: json.loads('{"a":' * DEEP + "0" + "}" * DEEP),
)


def places(tree: Any, depth: int = 0) -> list[tuple[Any, Any]]:
    """List what can be replaced in a tree: its containers, with keys."""
    if depth > 20 or not isinstance(tree, dict | list):
        return []
    keys = list(tree) if isinstance(tree, dict) else list(range(len(tree)))
    return [(tree, k) for k in keys] + [p for k in keys for p in places(tree[k], depth + 1)]


def json_value(content: bytes, rng: Rng) -> bytes:
    """Replace, remove, repeat or exchange values of a JSON file."""
    tree = json.loads(content)
    # Of a long list no more than of a short one.
    by_container: dict[int, list[tuple[Any, Any]]] = defaultdict(list)
    for place in places(tree):
        by_container[id(place[0])].append(place)
    groups = list(by_container.values())
    if rng.random() < 0.9:  # sizes and hashes are many, and all alike
        groups = [g for g in groups if "sha256" not in [key for _, key in g]]
    if not groups:  # an empty list, say
        return json.dumps(JUNK[int(rng.integers(len(JUNK)))]()).encode()
    group = groups[int(rng.integers(len(groups)))]
    container, key = group[int(rng.integers(len(group)))]
    match int(rng.integers(8)):
        case 0:
            del container[key]
        case 1 if isinstance(container, list):
            container.insert(key, container[key])
        case 1:
            container[str(rng.choice(["x", "", "../x", "/x", "\0", "n_words"]))] = container[key]
        case 2:
            other, other_key = group[int(rng.integers(len(group)))]
            container[key], other[other_key] = other[other_key], container[key]
        case 3 if type(container[key]) in (int, float):
            try:
                container[key] = container[key] * int(rng.choice([-1, 2, 1000, 10**9, 10**15]))
            except OverflowError:
                container[key] = -1
        case _:
            container[key] = JUNK[int(rng.integers(len(JUNK)))]()
    return json.dumps(tree).encode()


def json_text(content: bytes, rng: Rng) -> bytes:
    """Write JSON that no `json.dumps` would."""
    kinds = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"17",
        b'"x"',
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b"\xff\xfe{}",
        b"9" * 5000,
        b'{"format":' + b"9" * 5000 + b"}",
        content.replace(b":", b": -", 3),
        content + content,
        content.replace(b"}", b"", 1),
        b"\xef\xbb\xbf" + content,
        content.replace(b"0", b"\xc3\xa4", 1),
    ]
    return kinds[int(rng.integers(len(kinds)))]


BYTES = {m.__name__: m for m in (flip, insert, delete, truncate, overwrite)}
ARRAY = {m.__name__: m for m in (header, values)}
JSON = {m.__name__: m for m in (json_value, json_text)}
