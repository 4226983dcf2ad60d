"""Says where a bot's id or token comes from, without ever repeating what stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from exporter.config.kinds import Schema, mismatch
from exporter.config.nodes import Mapping, Node, Refused, Scalar
from exporter.config.notes import Given, Notes

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_USUAL_ID: Final = re.compile(r"[0-9a-fA-F]{24}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Reference(NamedTuple):
    """What an id or a token is: written out, in an environment variable, or in a file; exactly one."""

    text: str | None = None
    env: str | None = None
    file: Path | None = None


def id_problem(text: str) -> str | None:
    """Return why a text cannot be a bot's id, which stands in a URL's path, or None."""
    return None if _ID.fullmatch(text) else "not a bot's id: it has letters, digits, - and _ only"


def id_doubt(text: str) -> str | None:
    """Return why a text is probably not a bot's id, or None."""
    return None if _USUAL_ID.fullmatch(text) else "a bot's id usually has 24 hexadecimal digits"


class ReferenceKind(NamedTuple):
    """{env: NAME} or {file: PATH}; where `literal`, also the text itself."""

    literal: bool
    expected: str

    def read(self, node: Node, path: str, notes: Notes) -> Given[Reference] | None:
        match node:
            case Mapping(place, (entry,)) if entry.key in ("env", "file"):
                reference = _referred(entry.key, entry.value)
                if reference is not None:
                    return Given(reference, place, path)
                if not isinstance(entry.value, Refused):
                    what, advice = _NEEDED[entry.key]
                    notes.error(entry.value.place, f"{path}.{entry.key}", what, advice)
            case Mapping(place, whole=whole):
                if whole:
                    notes.error(place, path, "not one key, env or file", f"write {self.expected}")
            case Scalar(place, str() as text) if self.literal:
                if id_problem(text) is None:
                    return Given(Reference(text=text), place, path)
                notes.error(place, path, str(id_problem(text)), "copy it from the bot's Settings")
            case Scalar(place, str()):
                notes.error(place, path, "a token does not belong in this file", f"write {self.expected}")
            case _:
                mismatch(node, path, self.expected, notes)
        return None

    def schema(self) -> Schema:
        written: list[Schema] = [{"type": "string", "pattern": f"^{_ID.pattern}$"}] if self.literal else []
        env: Schema = {"type": "string", "pattern": f"^{_VARIABLE.pattern}$"}
        return {"oneOf": [*written, _single("env", env), _single("file", {"type": "string", "minLength": 1})]}


_NEEDED: Final = {
    "env": ("not the name of an environment variable", "write the name alone, such as NATIVECHAT_TOKEN"),
    "file": ("not the path of a file", "write one, relative to this file's folder or absolute"),
}

BOT_ID: Final = ReferenceKind(literal=True, expected="an id in quotes, {env: NAME} or {file: PATH}")
TOKEN: Final = ReferenceKind(literal=False, expected="{env: NAME} or {file: PATH}")


def _referred(key: str, node: Node) -> Reference | None:
    match node:
        case Scalar(_, str() as text) if key == "env" and _VARIABLE.fullmatch(text):
            return Reference(env=text)
        case Scalar(_, str() as text) if key == "file" and text and "\0" not in text:
            return Reference(file=Path(text))
        case _:
            return None


def _single(key: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}
