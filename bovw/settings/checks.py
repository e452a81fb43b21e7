"""Check that settings and arguments are what they are declared to be.

A type checker finds wrong types only for those who run one. For all others, `checked_arguments`
compares the arguments of a public function with its annotations, and raises one clear error at the
call, instead of an obscure one from deep inside.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import os
import types
from collections import abc
from collections.abc import Callable
from functools import cache, wraps
from itertools import islice
from numbers import Integral, Real
from typing import (
    Annotated,
    Any,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from ..errors import SettingsError, shown

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_ELEMENTS = 1000  # how many elements of a sequence are checked


def require(condition: bool, name: str, value: object, expected: str) -> None:
    if not condition:
        raise SettingsError(f"{name}={shown(value)}: expected {expected}")


def one_of(name: str, value: object, kind: Any) -> None:
    require(_fits(value, kind), name, value, _called(kind))


def check_types(settings: Any) -> None:
    """Check that the fields of a frozen dataclass are of the types that they are declared with.

    Numbers of numpy are accepted, and converted to Python's.

    Raises
    ------
    SettingsError
        When a number is text, a whole number has a fraction, a float is not finite, ...
    """
    for name, hint in _hints(type(settings)).items():  # type: ignore[arg-type]
        value = getattr(settings, name)
        if get_origin(hint) is Literal:
            continue  # `one_of` says it
        require(_fits(value, hint), name, value, _called(hint))
        for kind in (bool, int, float):
            if kind in (hint, *get_args(hint)) and type(value) not in (
                bool,
                int,
                float,
                types.NoneType,
            ):
                object.__setattr__(settings, name, kind(value))


def checked_arguments(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Let a function raise a SettingsError for arguments that its annotations do not allow.

    The message names the argument, shows what was given, and says what was expected.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        hints = _hints(function)
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            hint = hints.get(name)
            kind = signature.parameters[name].kind
            if hint is None or kind is inspect.Parameter.VAR_POSITIONAL:
                continue
            several = value if kind is inspect.Parameter.VAR_KEYWORD else {name: value}
            for each, its in several.items():
                fits = _fits(its, hint) and not (_is_path(hint) and _has_nul(its))
                require(fits, each, its, _called(hint))
        return function(*args, **kwargs)

    return call


@cache
def _hints(declared: Any) -> dict[str, Any]:
    # Types with a remark (`Annotated`) are checked where they are used, with their own messages.
    found = get_type_hints(declared, include_extras=True)
    if dataclasses.is_dataclass(declared):
        names = {field.name for field in dataclasses.fields(declared)}
        return {name: hint for name, hint in found.items() if name in names}
    return found


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value is of a declared type; of an iterator, without taking items from it."""
    origin, options = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in options)
    if origin is Literal:
        return isinstance(value, str) and value in options
    if origin in _CONTAINERS:
        return _fits_container(value, origin, options)
    kind = origin or hint
    if kind in _KINDS:
        return _KINDS[kind](value)
    # Arrays, protocols (what behaves as a picture) and types with a remark (`Annotated`) are
    # checked by the code that uses them.
    is_class = isinstance(kind, type) and not kind.__module__.startswith("numpy")
    is_class = is_class and origin is not Annotated
    if not is_class or getattr(kind, "_is_protocol", False):
        return True
    return isinstance(value, kind)


_CONTAINERS = (list, tuple, set, frozenset, abc.Sequence, abc.Collection, abc.Iterable)
_KINDS: dict[Any, Callable[[Any], bool]] = {
    Any: lambda value: True,
    None: lambda value: value is None,
    types.NoneType: lambda value: value is None,
    bool: lambda value: isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"),
    int: lambda value: isinstance(value, Integral) and not isinstance(value, bool),
    float: lambda value: (
        isinstance(value, Real) and not isinstance(value, bool) and _is_finite(value)
    ),
    str: lambda value: isinstance(value, str),
    os.PathLike: lambda value: isinstance(value, os.PathLike) and isinstance(os.fspath(value), str),
    dict: lambda value: isinstance(value, abc.Mapping),
    abc.Mapping: lambda value: isinstance(value, abc.Mapping),
    abc.Callable: callable,
}


def _fits_container(value: Any, origin: Any, options: tuple[Any, ...]) -> bool:
    if isinstance(value, (str, bytes, bytearray, abc.Mapping)) or not hasattr(value, "__iter__"):
        return False
    if getattr(value, "shape", (1,)) == ():  # an array of one number pretends to be several
        return False
    if origin is tuple and Ellipsis not in options:
        return (
            hasattr(value, "__len__")
            and len(value) == len(options)
            and all(map(_fits, value, options))
        )
    if origin is abc.Iterable and not hasattr(value, "__len__"):
        return True  # it can be walked through only once
    return hasattr(value, "__len__") and all(
        _fits(item, options[0]) for item in islice(value, _ELEMENTS)
    )


def _is_path(hint: Any) -> bool:
    return any((get_origin(option) or option) is os.PathLike for option in get_args(hint))


def _has_nul(value: Any) -> bool:
    """Whether a single path has a NUL, which no system allows; paths of a list fail one by one."""
    return isinstance(value, (str, os.PathLike)) and "\0" in str(os.fspath(value))


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False


def _called(hint: Any) -> str:
    """Name a type in words."""
    origin, options = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        kinds = [option for option in options if option is not types.NoneType]
        if any((get_origin(kind) or kind) is os.PathLike for kind in kinds):
            kinds = [os.PathLike, *(k for k in kinds if k not in (str, bytes))]
            kinds = [k for k in kinds if get_origin(k) is not os.PathLike]
        names = list(dict.fromkeys(map(_called, kinds)))
        return " or ".join(names + (["None"] if types.NoneType in options else []))
    if origin is Literal:
        return "one of " + ", ".join(map(repr, options))
    if origin in (list, set, frozenset, abc.Sequence, abc.Collection, abc.Iterable):
        return f"several, such as a list, each {_called(options[0])}" if options else "several"
    if origin is tuple and Ellipsis not in options:
        return f"{len(options)} of {_called(options[0])}"
    kind = origin or hint
    words = {
        bool: "true or false",
        int: "a whole number",
        float: "a finite number",
        str: "text",
        bytes: "bytes",
        os.PathLike: "a path",
        dict: "names and values",
        abc.Mapping: "names and values",
        abc.Callable: "a function",
        types.NoneType: "None",
    }
    return words.get(kind, getattr(kind, "__name__", str(hint)))
