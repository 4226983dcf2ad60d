"""Parses NativeChat's answers: bytes to a count or rows, or BadAnswer; pure."""

from __future__ import annotations

import json
import re
from math import isfinite
from typing import Final, NoReturn

from exporter.errors import BadAnswer
from exporter.model import Json

LARGEST_COUNT: Final = 2**53
"""The largest count that is accepted: a sample is a float, which is exact up to this number."""

_COUNT_KEYS: Final = frozenset({"count", "Count", "Result"})
_KEY: Final = re.compile(r"[A-Za-z_$]{1,30}")
_MOST_KEYS: Final = 6
_LIST_KEYS: Final = frozenset({"Result", "Count"})


def read_count(body: bytes) -> int:
    """Return the count in a `_count` answer, from 0 to 2**53.

    The shape is an assumption, because it is not documented: `{"count": N}`, `N`, `{"Result": N}` or
    `{"Count": N}`; if there are several of these keys, they must agree. An object with any other key is
    refused: it may be another kind of answer, and an absent value is better than a wrong one. For the
    same reason N must be written as a whole number: `3.0` and `1e3` are refused. A UTF-8 byte order mark
    is accepted, other encodings are not.

    Raises BadAnswer, whose message continues "answered 200 with …" and contains nothing of the body.
    """
    answer = parse(body)
    if isinstance(answer, dict):
        if not answer or not answer.keys() <= _COUNT_KEYS:
            raise BadAnswer("an object that is not a count alone")
        counts = [_whole(value) for value in answer.values()]
        if len(set(counts)) > 1:
            raise BadAnswer("counts that disagree")
        return counts[0]
    return _whole(answer)


def read_shape(body: bytes) -> str:
    """Return what a `_count` answer looks like, such as `{"count": N}`, whether it is accepted or not.

    Nothing of the body is in it but names of keys. Raises BadAnswer as `parse` does.
    """
    return _outline(parse(body), depth=3)


def read_rows(body: bytes) -> list[dict[str, Json]]:
    """Return the conversations or messages of a list answer, unchanged.

    The answer is an array of objects, or `{"Result": [...]}` with or without `Count`, as the lists of a
    related product are. Raises BadAnswer, whose message continues "answered 200 with …".
    """
    answer = parse(body)
    if isinstance(answer, dict) and "Result" in answer and answer.keys() <= _LIST_KEYS:
        answer = answer["Result"]
    if not isinstance(answer, list):
        raise BadAnswer("JSON that is not a list of rows")
    rows = [row for row in answer if isinstance(row, dict)]
    if len(rows) < len(answer):
        raise BadAnswer("a list whose rows are not all objects")
    return rows


def _outline(value: Json, depth: int) -> str:
    if isinstance(value, dict | list) and not depth:
        return "…"
    if isinstance(value, dict):
        members = list(value.items())[:_MOST_KEYS]
        inner = (
            f'"{name if _KEY.fullmatch(name) else "…"}": {_outline(each, depth - 1)}'
            for name, each in members
        )
        return f"{{{', '.join(inner)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_outline(each, depth - 1) for each in value[:1])}]"
    if isinstance(value, int | float) and not isinstance(value, bool):
        return "N"
    return "text" if isinstance(value, str) else str(value).lower().replace("none", "null")


def _whole(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadAnswer("JSON that holds no whole number where the count should be")
    if not 0 <= value <= LARGEST_COUNT:
        raise BadAnswer("a count that is negative or beyond 2**53")
    return value


def parse(body: bytes) -> Json:
    """Return strict JSON: no duplicate key, NaN or infinity; raises BadAnswer as `read_count` does."""
    if not body.strip():
        raise BadAnswer("an empty body")
    try:
        answer: Json = _DECODER.decode(body.decode("utf-8-sig"))
    except RecursionError:
        raise BadAnswer("JSON nested too deeply") from None
    except ValueError:
        raise BadAnswer("a body that is not JSON") from None
    return answer


def _without_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise BadAnswer("an object that has a key twice")
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise BadAnswer("a number too large to hold")
    return number


def _no_constant(name: str) -> NoReturn:
    raise BadAnswer(f"{name}, which is not JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_without_duplicates, parse_float=_finite, parse_constant=_no_constant
)
