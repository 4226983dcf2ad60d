from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import pytest

from exporter.config.load import Loaded
from exporter.model import Api, Bot, TokenSource

ID = "5990b7b5d57ae86c1b2dfd6e"
OTHER = "6990b7b5d57ae86c1b2dfd6e"
QUERIES = "queries: [{name: conversations, collection: conversations}]\n"
ENVIRON = {"A": "a", "B": "b"}

Problems = Callable[..., list[str]]


class Read(Protocol):
    def __call__(self, text: str, environ: Mapping[str, str]) -> Loaded: ...


def test_a_bot_takes_its_own_keys_of_api_then_the_shared_ones_then_the_defaults(
    read: Read, tmp_path: Path, authority: Path
) -> None:
    for name in ("ca.pem", "own.pem"):
        shutil.copy(authority, tmp_path / name)
    text = f"""
api: {{rate: 2/s, retries: 0, ca_file: ca.pem}}
bots:
  - {{name: a, id: {ID}, token: {{env: A}}, labels: {{team: care}}}}
  - {{name: b, id: {OTHER}, token: {{env: B}}, api: {{rate: none, timeout: 1s, ca_file: own.pem}}}}
{QUERIES}"""
    assert read(text, ENVIRON).config.bots == (
        Bot(
            "a",
            ID,
            TokenSource(env="A"),
            (("team", "care"),),
            Api(rate=2.0, retries=0, ca_file=tmp_path / "ca.pem"),
        ),
        Bot(
            "b",
            OTHER,
            TokenSource(env="B"),
            (),
            Api(rate=None, retries=0, timeout=1.0, ca_file=tmp_path / "own.pem"),
        ),
    )


@pytest.mark.parametrize(
    ("environ", "name"), [({}, "main"), ({"N": ""}, "main"), ({"N": " "}, "main"), ({"N": "care\n"}, "care")]
)
def test_a_name_from_a_variable_has_a_default(read: Read, environ: Mapping[str, str], name: str) -> None:
    text = f"""bots: [{{name: {{env: N, default: main}}, id: {ID}, token: {{env: A}}}}]
queries: [{{name: conversations, collection: conversations, bots: [{name}]}}]
"""
    config = read(text, {**ENVIRON, **environ}).config
    assert [bot.name for bot in config.bots] == [name]
    assert config.queries[0].bots == (name,)


def test_two_variables_with_one_name_are_an_error(problems: Problems) -> None:
    text = f"""bots:
  - {{name: {{env: N, default: main}}, id: {ID}, token: {{env: A}}}}
  - {{name: main, id: {OTHER}, token: {{env: A}}}}
{QUERIES}"""
    again = 'bots[1].name: the name "main" again (first on line 2, column 12; write each name once)'
    assert problems(text, ENVIRON) == [f"3:12: {again}"]


def test_a_repeated_name_and_a_missing_name_are_errors(problems: Problems) -> None:
    text = f"""bots:
  - {{name: a, id: {ID}, token: {{env: A}}}}
  - {{id: {OTHER}, token: {{env: A}}}}
  - {{id: {OTHER}, token: {{env: A}}}}
  - {{name: a, id: {OTHER}, token: {{env: A}}}}
{QUERIES}"""
    assert [problem.split(" (")[0] for problem in problems(text, ENVIRON)] == [
        "3:5: bots[1].name: missing",
        "4:5: bots[2].name: missing",
        '5:12: bots[3].name: the name "a" again',
    ]


@pytest.mark.parametrize(
    ("second", "warnings"),
    [
        (f"id: {ID}, token: {{env: B}}", ['3:19: bots[1].id: warning: the same bot as "a"']),
        (f"id: {OTHER}, token: {{env: B}}", []),
        (f"id: {ID}, token: {{env: B}}, api: {{url: https://other.test}}", []),
    ],
)
def test_the_same_bot_twice_is_a_warning(problems: Problems, second: str, warnings: list[str]) -> None:
    text = f"""bots:
  - {{name: a, id: {ID}, token: {{env: A}}}}
  - {{name: b, {second}}}
{QUERIES}"""
    assert [problem.split(" (")[0] for problem in problems(text, ENVIRON)] == warnings


def test_bots_with_unknown_ids_are_different_bots(problems: Problems) -> None:
    text = f"""bots:
  - {{name: a, id: {{env: NONE}}, token: {{env: A}}}}
  - {{name: b, id: {{env: NONE}}, token: {{env: B}}}}
{QUERIES}"""
    assert [problem.split(": ")[1] for problem in problems(text, ENVIRON, "optional")] == [
        "bots[0].id",
        "bots[1].id",
    ]


HERE, THERE = "http://localhost:8000/v1", "https://api.example/v1"
IN_CLEAR = (
    "warning: the token is sent in clear text to the proxy in HTTP_PROXY "
    "(add the host of this URL to NO_PROXY)"
)


@pytest.mark.parametrize(
    ("url", "other", "environ", "warnings"),
    [
        (HERE, THERE, {"HTTP_PROXY": "http://p:hunter2@proxy"}, [f"1:12: api.url: {IN_CLEAR}"]),
        (THERE, "http://[::1]/v1", {"HTTP_PROXY": "proxy"}, [f"4:73: bots[1].api.url: {IN_CLEAR}"]),
        (HERE, THERE, {"HTTP_PROXY": "proxy", "NO_PROXY": "localhost"}, []),
        (HERE, THERE, {"HTTPS_PROXY": "proxy"}, []),
        (THERE, THERE, {"ALL_PROXY": "proxy"}, []),
    ],
)
def test_a_token_that_a_proxy_would_see_is_a_warning_once(
    problems: Problems, url: str, other: str, environ: dict[str, str], warnings: list[str]
) -> None:
    text = f"""api: {{url: "{url}"}}
bots:
  - {{name: a, id: {ID}, token: {{env: A}}}}
  - {{name: b, id: {OTHER}, token: {{env: B}}, api: {{url: "{other}"}}}}
{QUERIES}"""
    assert problems(text, ENVIRON | environ) == warnings
