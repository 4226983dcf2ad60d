"""Loads configurations from text in the tests, as the exporter loads them from a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
import trustme

from exporter.config.kinds import Kind
from exporter.config.load import Loaded, parse
from exporter.config.references import Secrets
from exporter.config.source import compose
from exporter.errors import ConfigError
from exporter.model import Config

HEAD = """\
bots:
  - name: main
    id: {env: NATIVECHAT_BOT_ID}
    token: {env: NATIVECHAT_TOKEN}
queries:
  - name: conversations
    collection: conversations
"""
ENVIRON = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "made-up-token"}


class Read(Protocol):
    """Load a text as the file `config.yaml` of a folder."""

    def __call__(
        self, text: str, environ: Mapping[str, str] = ENVIRON, secrets: Secrets = "required"
    ) -> Loaded: ...


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file with the certificate of an authority, in PEM."""
    path = tmp_path_factory.mktemp("authority") / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def check() -> Callable[..., tuple[Any, list[str]]]:
    """Read a text as a kind of value; return the value, and its problems without file and line."""

    def checked(kind: Kind, text: str) -> tuple[Any, list[str]]:
        data, report = compose(text.encode(errors="replace"), "f")
        value = kind.read(data, (), report)
        found = (*report.of("error"), *report.of("warning"))
        return value, [str(problem).removeprefix("f:1:") for problem in found]

    return checked


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def loaded(text: str, environ: Mapping[str, str] = ENVIRON, secrets: Secrets = "required") -> Loaded:
        return parse(text.encode(), tmp_path / "config.yaml", environ, secrets=secrets)

    return loaded


@pytest.fixture
def problems(read: Read, tmp_path: Path) -> Callable[..., list[str]]:
    """Return the errors of a text, or else its warnings, without the name of the file."""

    def found(text: str, environ: Mapping[str, str] = ENVIRON, secrets: Secrets = "required") -> list[str]:
        try:
            problems = read(text, environ, secrets).warnings
        except ConfigError as exc:
            problems = exc.problems
        return [str(problem).removeprefix(f"{tmp_path / 'config.yaml'}:") for problem in problems]

    return found


@pytest.fixture
def query(read: Read) -> Callable[..., Config]:
    """Load the head of a configuration with further lines for its one query."""

    def loaded(*lines: str) -> Config:
        return read(HEAD + "".join(f"    {line}\n" for line in lines)).config

    return loaded


@pytest.fixture
def query_problems(problems: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Return the problems of the head of a configuration with further lines, from line 8, for its query."""

    def found(*lines: str) -> list[str]:
        return problems(HEAD + "".join(f"    {line}\n" for line in lines))

    return found
