"""How a JSON value differs from one of the schemas beside this module, in sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError, best_match

SCHEMAS = Path(__file__).parent / "schema"

Schema = dict[str, Any]


@cache
def schema(name: str) -> Any:
    """Return what the file schema/{name}.json holds."""
    return json.loads((SCHEMAS / f"{name}.json").read_text("utf-8"))


def told(place: str, value: object, expected: Schema) -> Iterator[str]:
    """Yield a sentence for each place at which a value is not as its schema has it."""
    for error in Draft7Validator(expected).iter_errors(value):
        inmost = _inmost(error)
        steps = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in inmost.absolute_path)
        yield f"{(place + steps).removeprefix('.') or 'the whole'}: {inmost.message[:300]}"


def _inmost(error: ValidationError) -> ValidationError:
    """Return the cause, where an error only says that none of several forms fits."""
    return best_match([error]) if error.context else error
