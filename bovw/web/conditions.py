"""Conditions on the columns of a register, such as ``class in 5, 33 and date >= 2019``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import ge, gt, le, lt
from typing import TypeAlias

from ..errors import SettingsError, some

Key: TypeAlias = tuple[float | None, str]

_LONGEST = 2_000
_OPERATORS = ("not in", "in", "contains", "!=", ">=", "<=", "=", ">", "<")
_ORDERS = {"<": lt, "<=": le, ">": gt, ">=": ge}
_SEPARATORS = re.compile(r"[;,|]")
_AND = re.compile(r"""\s+and\s+(?=(?:[^"]*"[^"]*")*[^"]*$)""", re.IGNORECASE)
_VALUES = re.compile(r'\s*(?:"([^"]*)"|([^,"]*))\s*(?:,|$)')


@dataclass(frozen=True)
class Condition:
    """One condition: `column` of the register, an operator, and the values it is compared with."""

    column: str
    operator: str
    values: tuple[str, ...]

    @cached_property
    def keys(self) -> list[Key]:
        """The values, as they are compared."""
        return [_key(value) for value in self.values]

    @cached_property
    def folded(self) -> list[str]:
        """The values without regard to case."""
        return [value.casefold() for value in self.values]


def parse_conditions(text: str, columns: Sequence[str]) -> tuple[Condition, ...]:
    """Read conditions that are joined by ``and``.

    Parameters
    ----------
    text : str
        ``COLUMN OPERATOR VALUE, ...``, where the operator is ``in``, ``not in``, ``contains``,
        ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``. Several values mean one of them. A value in
        quotation marks may have commas.
    columns : sequence of str
        Columns that may be named; upper and lower case are the same.

    Raises
    ------
    SettingsError
    """
    if len(text) > _LONGEST:
        raise SettingsError(f"a condition of {len(text)} characters: expected up to {_LONGEST}")
    return tuple(_parsed(part.strip(), columns) for part in _AND.split(text.strip()))


def _parsed(text: str, columns: Sequence[str]) -> Condition:
    # The longest name first: one column may be called like the beginning of another.
    for column in sorted(columns, key=len, reverse=True):
        if not text.lower().startswith(column.lower()):
            continue
        rest = text[len(column) :]
        after = rest.lstrip()
        for operator in _OPERATORS:
            if not after.lower().startswith(operator):
                continue
            values = after[len(operator) :]
            spelled = operator[0].isalpha()
            if spelled and (rest == after or not values[:1].isspace()):
                continue
            return Condition(column, operator, _values(values, text))
    known = some(columns, 12) if columns else "none: bovw serve was started without --labels"
    raise SettingsError(
        f"{text!r:.200} is no condition: expected a column, an operator and values, such as "
        f"'class in 5, 33'. Columns: {known}. Operators: {', '.join(_OPERATORS)}"
    )


def _values(text: str, condition: str) -> tuple[str, ...]:
    found, place = [], 0
    while place < len(text):
        match = _VALUES.match(text, place)
        if match is None:
            raise SettingsError(
                f"{condition!r:.200}: expected values separated by commas; one with a comma or a "
                "quotation mark stands in quotation marks"
            )
        found.append(match[1] if match[1] is not None else match[2].strip())
        place = match.end()
    if not found or found == [""]:
        raise SettingsError(f"{condition!r:.200}: expected a value after the operator")
    return tuple(found)


def fits(row: Mapping[str, str], conditions: Sequence[Condition]) -> bool:
    """Whether a row fits all conditions. A cell may hold several values: ``5; 33``."""
    return all(_fits(row.get(one.column, ""), one) for one in conditions)


def _fits(cell: str, condition: Condition) -> bool:
    operator, wanted = condition.operator, condition.keys
    if operator == "contains":
        return any(value in cell.casefold() for value in condition.folded)
    parts = [_key(cell), *(_key(part) for part in _SEPARATORS.split(cell))]
    if operator in ("in", "=", "not in", "!="):
        return (operator in ("in", "=")) == any(part in wanted for part in parts)
    return any(_ordered(part, operator, value) for part in parts for value in wanted if part[1])


def _key(text: str) -> Key:
    """A value to compare: as a number if it is one, and as text without regard to case."""
    plain = text.strip().casefold()
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", plain):
        return float(plain), "number"
    return None, plain


def _ordered(part: Key, operator: str, value: Key) -> bool:
    if part[0] is not None and value[0] is not None:
        return bool(_ORDERS[operator](part[0], value[0]))
    return bool(_ORDERS[operator](_text(part), _text(value)))  # also "2019" and "2019-04-01"


def _text(key: Key) -> str:
    return key[1] if key[0] is None else f"{key[0]:.15g}"
