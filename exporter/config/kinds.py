"""The kinds of values in a configuration: each has a function that checks it, and a JSON Schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final, NamedTuple, TypeAlias

from exporter.config.report import Report
from exporter.language.suggest import did_you_mean
from exporter.language.tree import Path
from exporter.model import Json

Schema: TypeAlias = dict[str, Json]

Values: TypeAlias = dict[str, Any]
"""The values of a section by key, without absent and wrong keys."""

_NAMES: Final = {
    NoneType: "nothing",
    bool: "true or false",
    str: "text",
    int: "a number",
    float: "a decimal number",
    list: "a list",
    dict: "a mapping",
}


class Kind(NamedTuple):
    """A kind of value.

    `expected` is what a person should write. `read` takes plain data, its path and the report. It returns
    the value that the data mean, or reports what is wrong and returns None.
    """

    expected: str
    read: Callable[[Json, Path, Report], Any]
    schema: Schema


def mismatch(data: Json, path: Path, expected: str, report: Report) -> None:
    """Report data of another kind than expected. The message never repeats them: they may be a token."""
    report.error(path, f"expected {expected}, found {_NAMES[type(data)]}")


def text(expected: str, parse: Callable[[str], object], **schema: Json) -> Kind:
    """Describe a text; `parse` returns what it means, or raises ValueError with what is wrong."""

    def read(data: Json, path: Path, report: Report) -> object:
        if not isinstance(data, str):
            mismatch(data, path, expected, report)
            return None
        try:
            return parse(data)
        except ValueError as exc:
            report.error(path, str(exc))
            return None

    return Kind(expected, read, {"type": "string", **schema})


def one_of(options: tuple[str, ...]) -> Callable[[str], str]:
    """Return a parser of one of a few words."""

    def parse(word: str) -> str:
        if word not in options:
            advice = did_you_mean(word, options) or f"write {' or '.join(options)}"
            raise ValueError(f'"{word}" is none of {", ".join(options)} ({advice})')
        return word

    return parse


def choice(options: tuple[str, ...]) -> Kind:
    """Describe one of a few words."""
    return text(f"one of {', '.join(options)}", one_of(options), enum=list(options))


def whole(least: int, most: int) -> Kind:
    """Describe a whole number within bounds."""
    expected = f"a whole number from {least} to {most}"

    def read(data: Json, path: Path, report: Report) -> int | None:
        if not isinstance(data, int) or isinstance(data, bool):
            mismatch(data, path, expected, report)
        elif least <= data <= most:
            return data
        else:
            report.error(
                path, f"out of range (write at {f'least {least}' if data < least else f'most {most}'})"
            )
        return None

    return Kind(expected, read, {"type": "integer", "minimum": least, "maximum": most})


def list_of(item: Kind, expected: str) -> Kind:
    """Describe a list of one or more values; it is read with None for each wrong value."""

    def read(data: Json, path: Path, report: Report) -> list[Any] | None:
        if not isinstance(data, list):
            mismatch(data, path, expected, report)
            return None
        if not data:
            report.error(path, "an empty list", f"write {expected}")
        return [item.read(each, (*path, index), report) for index, each in enumerate(data)]

    return Kind(expected, read, {"type": "array", "minItems": 1, "items": item.schema})


def table(expected: str, check_key: Callable[[str], object], key: Schema, value: Kind) -> Kind:
    """Describe a mapping with free keys; it is read with its wrong keys, and None for each wrong value.

    `check_key` raises ValueError for a wrong key.
    """

    def read(data: Json, path: Path, report: Report) -> dict[str, Any] | None:
        if not isinstance(data, dict):
            mismatch(data, path, expected, report)
            return None
        for name in data:
            try:
                check_key(name)
            except ValueError as exc:
                report.error((*path, name), str(exc), at_key=True)
        return {name: value.read(each, (*path, name), report) for name, each in data.items()}

    return Kind(
        expected, read, {"type": "object", "propertyNames": key, "additionalProperties": value.schema}
    )


class Key(NamedTuple):
    """One key of a section; `default` is the value of an absent key, as written in a file."""

    kind: Kind
    about: str
    default: Json = None
    required: bool = False


def section(expected: str, keys: Mapping[str, Key]) -> Kind:
    """Describe a mapping with known keys; it is read as Values."""

    def read(data: Json, path: Path, report: Report) -> Values | None:
        if not isinstance(data, dict):
            mismatch(data, path, expected, report)
            return None
        values: Values = {}
        for name, each in data.items():
            here = (*path, name)
            if name not in keys:
                advice = did_you_mean(name, keys) or f"known here: {', '.join(keys)}"
                report.error(here, "unknown key", advice, at_key=True)
                continue
            value = keys[name].kind.read(each, here, report)
            # None can be a right value: a rate of `none`.
            if value is not None or report.clean(here):
                values[name] = value
        for name, key in keys.items():
            if key.required and name not in data and path not in report.partial:
                report.error((*path, name), "missing", f"write {key.kind.expected}")
        return values

    properties: Schema = {name: _key_schema(key) for name, key in keys.items()}
    required: list[Json] = [name for name, key in keys.items() if key.required]
    return Kind(
        expected,
        read,
        {"type": "object", "properties": properties, "required": required, "additionalProperties": False},
    )


def _key_schema(key: Key) -> Schema:
    default: Schema = {} if key.default is None else {"default": key.default}
    return {**key.kind.schema, "description": key.about, **default}
