"""Reads where a bot's id and token come from, and looks them up; no message repeats them."""

from __future__ import annotations

import re
import ssl
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final, Literal, TypeAlias

from exporter.config import words
from exporter.config.kinds import Kind, Schema, mismatch
from exporter.config.report import Report
from exporter.config.secrets import SecretError, TokenReader
from exporter.files import Limit, advice
from exporter.language import tree
from exporter.language.suggest import did_you_mean
from exporter.model import Json, TokenSource

UNKNOWN_ID: Final = "unknown"
"""The id of a bot whose id cannot be read where secrets are optional."""

Secrets: TypeAlias = Literal["required", "optional", "of one bot", "of no bot"]
"""Which ids, tokens and certificates must be there: all (`required`), those `of one bot` at least, or none.

With `optional` what is missing is a warning; with `of one bot` and `of no bot` also what cannot be used.
"""

_ID: Final = r"[A-Za-z0-9_-]{1,200}"
_AN_ID: Final = "a bot's id: it has letters, digits, - and _ only"
_COPY: Final = "copy it from the bot's Settings"
_VARIABLE: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_SECRET: Final = r"(?=.*[0-9])[A-Za-z0-9]{32,}"  # noqa: S105 - a pattern
_PUT_AWAY: Final = "put it in a variable or a file, name that here, and replace the token if others saw it"


def _reference(expected: str, *, literal: bool) -> Kind:
    """Describe {env: NAME} or {file: PATH}, read as a TokenSource; if `literal`, also an id as text."""

    def read(data: Json, path: tree.Path, report: Report) -> str | TokenSource | None:
        match data:
            case {"env": name, **more} if not more:
                return _source("env", name, path, report)
            case {"file": name, **more} if not more:
                return _source("file", name, path, report)
            case dict():
                _check_keys(data, ("env", "file"), path, report)
                if report.clean(path):
                    report.error(path, "not one key, env or file", f"write {expected}")
            case str() if literal and re.fullmatch(_ID, data):
                return data
            case str():
                what = f"not {_AN_ID}" if literal else "a token does not belong in this file"
                report.error(path, what, _COPY if literal else f"write {expected}")
            case _:
                mismatch(data, path, expected, report)
        return None

    written: list[Json] = [{"type": "string", "pattern": f"^{_ID}$"}] if literal else []
    text: Schema = {"type": "string", "not": {"pattern": f"^{_SECRET}$"}}
    env = _single("env", {**text, "pattern": f"^{_VARIABLE}$"})
    file = _single("file", {**text, "minLength": 1})
    return Kind(expected, read, {"oneOf": [*written, env, file]})


def _source(key: str, name: Json, path: tree.Path, report: Report) -> TokenSource | None:
    """Return the source that `key` and `name` describe, None after reporting what is wrong with it."""
    if isinstance(name, str) and re.fullmatch(_SECRET, name):
        report.error(path, "this looks like the token itself, not like where it is", _PUT_AWAY)
    elif key == "env":
        if isinstance(name, str) and re.fullmatch(_VARIABLE, name):
            return TokenSource(env=name)
        advice = "write the name alone, such as NATIVECHAT_TOKEN"
        report.error((*path, key), "not the name of an environment variable", advice)
    else:
        if isinstance(name, str) and name and "\0" not in name:
            return TokenSource(file=Path(name))
        advice = "write a path, relative to this file's folder or absolute"
        report.error((*path, key), "not the path of a file", advice)
    return None


def _check_keys(data: dict[str, Json], known: tuple[str, ...], path: tree.Path, report: Report) -> None:
    """Report each unknown key that is nearly a known one."""
    for key in data.keys() - set(known):
        if advice := did_you_mean(key, known):
            report.error((*path, key), "unknown key", advice, at_key=True)


def _check_id(text: str, source: TokenSource) -> None:
    """Raise SecretError if a text cannot be a bot's id, which is put in a URL's path."""
    if not re.fullmatch(_ID, text):
        raise SecretError(f"{source} is not {_AN_ID}", _COPY)


def _unusable(file: Path) -> tuple[str, str] | None:
    """Return what is wrong with a file or folder of certificates, and what to do; OSError if unreadable."""
    content = "write the certificates of the API's authority to it, in PEM"
    if file.is_dir():
        hashed = any(re.fullmatch(r"[0-9a-f]{8}\.[0-9]+", each.name) for each in file.iterdir())
        return None if hashed else ("has no certificate named by its hash", "run `openssl rehash` on it")
    if not stat.S_ISREG(file.stat().st_mode):
        return "is not a regular file", "name a file of certificates in PEM"
    with file.open("rb") as opened:
        first = opened.read(1)
    if first == b"\x30":
        convert = f"openssl x509 -inform der -in {file.name} -out {file.name}.pem"
        return "is in DER, not in PEM", f"run {convert}, and name that file"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    with suppress(ssl.SSLError):
        context.load_verify_locations(file)
    if context.cert_store_stats()["x509"]:
        return None
    return "has no certificate in PEM that can be read" if first else "is empty", content


def _single(key: str, value: Schema) -> Schema:
    return {"type": "object", "properties": {key: value}, "required": [key], "additionalProperties": False}


BOT_ID: Final = _reference("an id in quotes, {env: NAME} or {file: PATH}", literal=True)
TOKEN: Final = _reference("{env: NAME} or {file: PATH}", literal=False)


@dataclass(frozen=True, slots=True)
class NameSource:
    """A bot's name in an environment variable, and its name where that variable is unset or empty."""

    env: str
    default: str


def _bot_name() -> Kind:
    expected = "a name such as support, or {env: NAME, default: TEXT}"

    def read(data: Json, path: tree.Path, report: Report) -> str | NameSource | None:
        if isinstance(data, str):
            name: str | None = words.BOT_NAME.read(data, path, report)
            return name
        if not isinstance(data, dict):
            mismatch(data, path, expected, report)
        elif data.keys() != {"env", "default"}:
            _check_keys(data, ("env", "default"), path, report)
            if report.clean(path):
                report.error(path, "not the two keys env and default", f"write {expected}")
        elif not isinstance(data["env"], str) or not re.fullmatch(_VARIABLE, data["env"]):
            advice = "write the name alone, such as NATIVECHAT_BOT_NAME"
            report.error((*path, "env"), "not the name of an environment variable", advice)
        elif default := words.BOT_NAME.read(data["default"], (*path, "default"), report):
            return NameSource(data["env"], default)
        return None

    source: Json = {
        "type": "object",
        "properties": {
            "env": {"type": "string", "pattern": f"^{_VARIABLE}$"},
            "default": words.BOT_NAME.schema,
        },
        "required": ["env", "default"],
        "additionalProperties": False,
    }
    return Kind(expected, read, {"oneOf": [words.BOT_NAME.schema, source]})


BOT_NAME: Final = _bot_name()


@dataclass(frozen=True, slots=True)
class Lookup:
    """Finds what a file refers to; what is missing is an error, or a warning as `secrets` says.

    `faults` has each id, token and file of certificates that cannot be used, by path: what is wrong, and
    what to do. `files` limits the time of reading, for all files together.
    """

    folder: Path
    environ: Mapping[str, str]
    secrets: Secrets
    report: Report
    faults: dict[tree.Path, tuple[str, str]] = field(default_factory=dict)
    files: Limit = field(default_factory=Limit)

    def bot_name(self, source: str | NameSource, path: tree.Path) -> str | None:
        """Return a bot's name; report a variable that holds no name, and return None."""
        if isinstance(source, str):
            return source
        text = self.environ.get(source.env, "").strip()
        if not text or words.is_bot_name(text):
            return text or source.default
        self.report.error((*path, "env"), f"{source.env} holds no name", words.USE_NAME)
        return None

    def token(self, source: TokenSource, path: tree.Path) -> TokenSource:
        """Return the source of a token, with a complete path; report a token that cannot be read."""
        source = self._complete(source)
        self._reveal(source, path)
        return source

    def bot_id(self, source: str | TokenSource, path: tree.Path) -> str:
        """Return a bot's id; report one that cannot be read, and return UNKNOWN_ID."""
        text = source if isinstance(source, str) else self._reveal(self._complete(source), path, is_id=True)
        if text is None:
            return UNKNOWN_ID
        if re.fullmatch(_SECRET, text):
            self.report.warning(path, "this looks like a token, not like a bot's id", _COPY)
        return text

    def ca_file(self, file: Path, path: tree.Path) -> Path:
        """Return the complete path of a file or folder of certificates; report one that cannot be used."""
        file = self.folder / file
        try:
            if problem := self.files(partial(_unusable, file)):
                self._fault(path, f"{file} {problem[0]}", problem[1], may_pass=True)
        except OSError as exc:
            what = f"{file} cannot be read: {(exc.strerror or type(exc).__name__).lower()}"
            todo = advice(exc, "name a file of certificates in PEM")
            self._fault(path, what, todo, is_absent=True, may_pass=True)
        return file

    def _complete(self, source: TokenSource) -> TokenSource:
        return TokenSource(env=source.env, file=source.file and self.folder / source.file)

    def _reveal(self, source: TokenSource, path: tree.Path, *, is_id: bool = False) -> str | None:
        try:
            text = TokenReader(source, self.environ, files=self.files)().reveal()
            if is_id:
                _check_id(text, source)
        except SecretError as exc:
            may_pass = source.file is not None
            self._fault(path, str(exc), exc.advice, is_absent=exc.is_absent, may_pass=may_pass)
            return None
        return text

    def _fault(
        self, path: tree.Path, what: str, advice: str, *, may_pass: bool, is_absent: bool = False
    ) -> None:
        self.faults[path] = (what, advice)
        if self.secrets in {"of one bot", "of no bot"} or (is_absent and self.secrets == "optional"):
            self.report.warning(path, what, advice, may_pass=may_pass)
        else:
            self.report.error(path, what, advice, may_pass=may_pass)
