"""Read pickles that contain only containers, numbers, text and numpy arrays, and run no code.

An ordinary unpickler calls any function that a file names, and even numpy's own classes crash
when a file gives them a state that does not fit. So nothing here is unpickled: the instructions
of the file are parsed by `pickletools`, a small machine carries out the few that build plain
values, and arrays are built from shapes, types and bytes that were checked.
"""

from __future__ import annotations

import io
import math
import os
import pickletools
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GroundTruthError
from .parsing import PathLike, read_limited

_MOST_DIMENSIONS = 8
_LARGEST = 100_000_000  # values; the published ground truths have 100,000
# The instructions that only push their argument, which `pickletools` has decoded.
_VALUES = frozenset(
    "INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING "
    "UNICODE BINUNICODE SHORT_BINUNICODE BINUNICODE8 BINBYTES SHORT_BINBYTES BINBYTES8".split()
)
_CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
    "EMPTY_TUPLE": tuple,
}
_MARK = object()


def load_pickle(path: PathLike) -> Any:
    """Read a pickle of any protocol; strings written by Python 2 are read as Latin-1.

    Raises
    ------
    GroundTruthError
        When the file is broken, or names a class or function that is not allowed.
    """
    where = os.fsdecode(path)
    content = read_limited(path)
    try:
        return _Machine().run(content)
    except GroundTruthError as error:
        raise GroundTruthError(f"{where}: {error}") from None
    except Exception as error:  # a broken pickle raises nearly anything
        raise GroundTruthError(
            f"{where} is no pickle, or a broken one ({type(error).__name__}: {error!s:.200}); "
            "fetch it again"
        ) from error


class _Name:
    """A class or function that the file names."""

    def __init__(self, module: str, name: str) -> None:
        module = {"__builtin__": "builtins", "numpy.core.multiarray": _MULTIARRAY}.get(
            module, module
        )
        self.key = f"{module}.{name}"
        if self.key not in _ALLOWED:
            raise GroundTruthError(
                f"it names {module}.{name}, but a ground truth may hold only containers, numbers, "
                "text and numpy arrays; do not open it by other means unless you trust its source"
            )


class _Type:
    """A numpy type that the file describes; its byte order comes later, as its state."""

    def __init__(self, code: object, *_: object) -> None:
        text = code.decode("latin1") if isinstance(code, bytes) else code
        if not (isinstance(text, str) and re.fullmatch(r"[biufc]\d{1,2}|[SU]\d{1,9}|O8?", text)):
            raise GroundTruthError(f"it holds arrays of type {code!r:.40}, which are not allowed")
        self.dtype: np.dtype[Any] = np.dtype(text)

    def take(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">", "|", "=")):
            raise GroundTruthError("it describes a type that is not allowed")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array that the file describes; its values come later, as its state."""

    def __init__(self, *_: object) -> None:
        self.values: NDArray[Any] | list[Any] | None = None
        self.shape: tuple[int, ...] = ()

    def take(self, state: Any) -> None:
        if self.values is not None:
            raise GroundTruthError("it fills an array twice")
        _, shape, kind, in_columns, data = state
        if not (
            isinstance(kind, _Type)
            and isinstance(shape, tuple)
            and len(shape) <= _MOST_DIMENSIONS
            and all(type(side) is int and 0 <= side < 1 << 40 for side in shape)
        ):
            raise GroundTruthError("it describes an array that cannot be")
        n = math.prod(shape)
        if isinstance(data, str):  # protocols of Python 2
            data = data.encode("latin1")
        is_object = kind.dtype.hasobject
        fits = (
            isinstance(data, list) and len(data) == n
            if is_object
            else isinstance(data, bytes) and len(data) == n * kind.dtype.itemsize
        )
        if not fits:
            raise GroundTruthError(f"it has an array of shape {shape} that its data do not fit")
        if is_object:
            self.values, self.shape = data, shape
            return
        values = np.frombuffer(data, kind.dtype, n).reshape(shape, order="F" if in_columns else "C")
        self.values = values.astype(kind.dtype.newbyteorder("="))

    def resolved(self, values: list[Any]) -> NDArray[Any]:
        """Make the array of objects; `values` are resolved already."""
        array = np.empty(len(values), object)
        for i, value in enumerate(values):
            array[i] = value
        return array.reshape(self.shape)


def _scalar(kind: Any, data: Any = b"") -> Any:
    raw = data.encode("latin1") if isinstance(data, str) else data
    if not isinstance(kind, _Type) or kind.dtype.hasobject or len(raw) != kind.dtype.itemsize:
        raise GroundTruthError("it holds a number that cannot be")
    return np.frombuffer(raw, kind.dtype, count=1)[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise GroundTruthError(f"it asks for the encoding {encoding!r:.40}, which is not allowed")
    return str(text).encode("latin1")


def _bytearray(content: Any = b"", encoding: Any = "latin1") -> bytearray:
    # A number is not accepted: it would allocate as much memory as the file asks for.
    return bytearray(content if isinstance(content, bytes) else _encode(_text(content), encoding))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("expected text")
    return value


def _members(values: Any = ()) -> list[Any]:
    if not isinstance(values, (list, tuple, set, frozenset)):
        raise TypeError("expected a container")
    return [_key(value) for value in values]


def _key(value: Any) -> Any:
    """Check what is to be hashed: hashing nested tuples can take for ever."""
    if not isinstance(value, (str, bytes, int, float, complex, np.generic, type(None))):
        raise GroundTruthError(f"it has a {type(value).__name__} as a key or in a set")
    return value


_MULTIARRAY = "numpy._core.multiarray"
_ALLOWED: dict[str, Callable[..., Any] | None] = {
    "builtins.set": lambda *values: set(_members(*values)),
    "builtins.frozenset": lambda *values: frozenset(_members(*values)),
    "builtins.list": lambda *values: list(*map(_sequence, values)),
    "builtins.tuple": lambda *values: tuple(*map(_sequence, values)),
    "builtins.dict": lambda: {},
    "builtins.complex": lambda real, imaginary=0.0: complex(float(real), float(imaginary)),
    "builtins.slice": slice,
    "builtins.bytearray": _bytearray,
    "_codecs.encode": _encode,
    "numpy.dtype": _Type,
    "numpy.ndarray": None,  # named as an argument of the next
    f"{_MULTIARRAY}._reconstruct": _Array,
    f"{_MULTIARRAY}.scalar": _scalar,
}


def _sequence(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise TypeError("expected a list or a tuple")
    return value


class _Machine:
    """Carries out the instructions of a pickle that build plain values, and refuses all others."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        """Return the value that a pickle describes."""
        for opcode, argument, _ in pickletools.genops(io.BytesIO(content)):
            if opcode.name == "STOP":
                (value,) = self.stack
                return _Resolver().resolved(value)
            self.do(opcode.name, argument)
        raise ValueError("it has no end")

    def do(self, name: str, argument: Any) -> None:
        """Carry out one instruction."""
        if name in _VALUES:
            self.stack.append(argument)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name]())
        elif name == "BYTEARRAY8":
            self.stack.append(bytearray(argument))
        elif name == "MARK":
            self.stack.append(_MARK)
        elif name == "DUP":
            self.stack.append(self.stack[-1])
        elif name == "POP":
            self.stack.pop()
        elif name == "POP_MARK":
            self.marked()
        elif name in _STEPS:
            _STEPS[name](self, argument)
        elif name not in ("PROTO", "FRAME"):
            raise GroundTruthError(f"it holds the instruction {name}, which is not allowed")

    def remember(self, at: int) -> None:
        self.memo[at] = self.stack[-1]

    def recall(self, at: int) -> None:
        self.stack.append(self.memo[at])

    def name(self, named: str | None) -> None:
        if named is None:  # module and attribute are on the stack
            attribute, module = self.stack.pop(), self.stack.pop()
        else:
            module, attribute = named.split(" ", 1)
        self.stack.append(_Name(_text(module), _text(attribute)))

    def tuple_of(self, n: int) -> None:
        self.stack[-n:] = [tuple(self.stack[-n:])]

    def make(self, maker: Callable[[list[Any]], Any]) -> None:
        self.stack.append(maker(self.marked()))

    def fill(self, kind: type, values: list[Any]) -> None:
        container = self.stack[-1]
        if type(container) is not kind:
            raise TypeError(f"expected a {kind.__name__}")
        if isinstance(container, list):
            container.extend(values)
        elif isinstance(container, dict):
            container.update(_pairs(values))
        elif isinstance(container, set):
            container.update(_members(values))

    def call(self) -> None:
        arguments, named = self.stack.pop(), self.stack.pop()
        call = _ALLOWED[named.key] if isinstance(named, _Name) else None
        if call is None or not isinstance(arguments, tuple):
            raise GroundTruthError("it calls what is no function")
        self.stack.append(call(*arguments))

    def set_state(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Type, _Array)):
            raise GroundTruthError("it gives a state to what has none")
        self.stack[-1].take(state)

    def marked(self) -> list[Any]:
        """Take everything above the last mark."""
        at = len(self.stack) - 1
        while self.stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise ValueError("no mark")
        values = self.stack[at + 1 :]
        del self.stack[at:]
        return values


def _pairs(values: list[Any]) -> dict[Any, Any]:
    return dict(zip(map(_key, values[::2]), values[1::2], strict=True))


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.remember),
    "MEMOIZE": lambda machine, _: machine.remember(len(machine.memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.recall),
    **dict.fromkeys(("GLOBAL", "STACK_GLOBAL"), _Machine.name),
    "TUPLE1": lambda machine, _: machine.tuple_of(1),
    "TUPLE2": lambda machine, _: machine.tuple_of(2),
    "TUPLE3": lambda machine, _: machine.tuple_of(3),
    "TUPLE": lambda machine, _: machine.make(tuple),
    "LIST": lambda machine, _: machine.make(list),
    "FROZENSET": lambda machine, _: machine.make(lambda values: frozenset(_members(values))),
    "DICT": lambda machine, _: machine.make(_pairs),
    "APPEND": lambda machine, _: machine.fill(list, [machine.stack.pop()]),
    "APPENDS": lambda machine, _: machine.fill(list, machine.marked()),
    "SETITEM": lambda machine, _: machine.fill(dict, [machine.stack.pop(-2), machine.stack.pop()]),
    "SETITEMS": lambda machine, _: machine.fill(dict, machine.marked()),
    "ADDITEMS": lambda machine, _: machine.fill(set, machine.marked()),
    "REDUCE": lambda machine, _: machine.call(),
    "BUILD": lambda machine, _: machine.set_state(),
}


class _Resolver:
    """Puts arrays in the place of what described them, in containers that may share parts.

    Shared parts stay shared. But whoever walks through a value meets them again each time, so that
    a small file could take for ever to print: the size of a value as it would be walked is limited.
    """

    def __init__(self) -> None:
        # By id: what was resolved (so that the id stays its own), the result, and its size.
        self.done: dict[int, tuple[Any, Any, int]] = {}
        self.open: set[int] = set()

    def resolved(self, value: Any) -> Any:
        """Return a value in which all arrays are numpy's."""
        return self._sized(value)[0]

    def _sized(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, (_Name, _Type)) or value is _MARK:
            raise GroundTruthError("it holds a class or a function, which is not a value")
        if not isinstance(value, (list, tuple, dict, _Array)):
            return value, 1
        key = id(value)
        if key not in self.done:
            if key in self.open:
                raise GroundTruthError("it holds a container that holds itself")
            self.open.add(key)
            found, size = self._walked(value)
            if size > _LARGEST:
                raise GroundTruthError(f"it holds more than {_LARGEST} values")
            self.open.remove(key)
            self.done[key] = value, found, size
        _, found, size = self.done[key]
        return found, size

    def _walked(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, _Array):
            if value.values is None:
                raise GroundTruthError("it holds an array without values")
            if not isinstance(value.values, list):
                return value.values, 1
            items = [self._sized(item) for item in value.values]
            found: Any = value.resolved([item for item, _ in items])
        elif isinstance(value, dict):
            items = [self._sized(item) for item in value.values()]
            found = dict(zip(value, (item for item, _ in items), strict=True))
        else:
            items = [self._sized(item) for item in value]
            found = type(value)(item for item, _ in items)
        return found, 1 + sum(size for _, size in items)
