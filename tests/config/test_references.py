from __future__ import annotations

import os
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.kinds import Kind
from exporter.config.references import BOT_ID, TOKEN, UNKNOWN_ID, Lookup, Secrets
from exporter.config.report import Report
from exporter.config.source import compose
from exporter.errors import ConfigError
from exporter.model import TokenSource

ID = "5990b7b5d57ae86c1b2dfd6e"
HERE = ("bots", 0, "id")

Check = Callable[..., tuple[Any, list[str]]]


def test_a_reference_names_a_variable_or_a_file(check: Check) -> None:
    assert check(TOKEN, "{env: TOKEN}") == (TokenSource(env="TOKEN"), [])
    assert check(TOKEN, "{file: /run/token}") == (TokenSource(file=Path("/run/token")), [])
    assert check(BOT_ID, "{env: BOT_ID}") == (TokenSource(env="BOT_ID"), [])


def test_an_id_may_be_literal_and_a_token_may_not(check: Check) -> None:
    assert check(BOT_ID, ID) == (ID, [])
    assert check(TOKEN, "hunter2") == (
        None,
        ["1: a token does not belong in this file (write {env: NAME} or {file: PATH})"],
    )


@pytest.mark.parametrize(
    "text",
    [
        "hunter2",
        "[hunter2]",
        "{hunter2}",
        "{hunter2: env}",
        "{env: hunter-2}",
        "{env: hunter2-, file: x}",
        "{env: [hunter2]}",
        "{file: {hunter2: }}",
        '{file: "hunter2\\0"}',
        "{env: }",
        "{}",
        "12345",
        "1.5",
        "~",
        "true",
        "!hunter2 x",
        "{<<: hunter2}",
        "{env: 012345}",
        "012345",
    ],
)
def test_a_wrong_token_is_reported_once_and_never_repeated(check: Check, text: str) -> None:
    source, problems = check(TOKEN, text)
    assert source is None
    assert len(problems) == 1
    assert "hunter" not in problems[0]
    assert "12345" not in problems[0]


WRITTEN = ("hunter2{}", "{{env: 'hunter2{}'}}", "{{hunter2{}: x}}", '"hunter2{}"')


@given(st.sampled_from(WRITTEN), st.text(max_size=20), st.sampled_from([TOKEN, BOT_ID]))
def test_no_error_ever_repeats_a_text(written: str, text: str, kind: Kind) -> None:
    try:
        data, report = compose(written.format(text).encode(errors="replace"), "f")
    except ConfigError as exc:
        problems = str(exc)
    else:
        kind.read(data, ("token",), report)
        problems = "\n".join(map(str, report.of("error")))
    assert "hunter2" not in problems


@pytest.mark.parametrize("text", ["", "a/b", "..", "a?b", "a%2f", "a b", "é", "x" * 201, "a\n"])
def test_an_id_must_fit_a_url_s_path(text: str) -> None:
    report = Report("f")
    assert BOT_ID.read("a-b_C", (), report) == "a-b_C"
    assert report.problems == []
    assert BOT_ID.read(text, (), report) is None
    assert len(report.problems) == 1


def lookup(folder: Path, secrets: Secrets = "required", **environ: str) -> Lookup:
    return Lookup(folder, environ, secrets, Report("f"))


def problems(found: Lookup) -> list[str]:
    return [str(problem) for problem in found.report.problems]


def test_the_source_of_a_token_is_kept_and_not_the_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hunter2")
    found = lookup(tmp_path, TOKEN="hunter2")
    assert found.token(TokenSource(env="TOKEN"), HERE) == TokenSource(env="TOKEN")
    assert found.token(TokenSource(file=Path("token")), HERE) == TokenSource(file=tmp_path / "token")
    assert problems(found) == []


@pytest.mark.parametrize(("secrets", "kind"), [("required", ""), ("optional", " warning:")])
def test_a_missing_secret_is_an_error_only_if_secrets_are_required(
    tmp_path: Path, secrets: Secrets, kind: str
) -> None:
    found = lookup(tmp_path, secrets)
    assert found.bot_id(TokenSource(env="BOT"), HERE) == UNKNOWN_ID
    found.token(TokenSource(file=Path("token")), ("bots", 0, "token"))
    found.ca_file(Path("ca.pem"), ("api", "ca_file"))
    assert problems(found) == [
        (f"f:1:1: bots[0].id:{kind} environment variable BOT is not set (set it before the exporter runs)"),
        (
            f"f:1:1: bots[0].token:{kind} file {tmp_path}/token cannot be read: no such file or directory"
            " (name a file that exists and that this user may read)"
        ),
        (
            f"f:1:1: api.ca_file:{kind} {tmp_path}/ca.pem cannot be read: no such file or directory"
            " (name a file of certificates in PEM)"
        ),
    ]
    assert [problem.may_pass for problem in found.report.problems] == [False, True, True]


def test_an_id_may_be_text_or_come_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "id").write_text(f"{ID}\n")
    found = lookup(tmp_path, BOT=ID)
    for written in (ID, TokenSource(env="BOT"), TokenSource(file=Path("id"))):
        assert found.bot_id(written, HERE) == ID
    assert problems(found) == []


def test_an_id_from_a_variable_follows_the_rules_of_a_literal_id(tmp_path: Path) -> None:
    found = lookup(tmp_path, "optional", BOT="../hunter2")
    found.bot_id(TokenSource(env="BOT"), HERE)
    (problem,) = found.report.of("error")
    assert problem.what.startswith("environment variable BOT is not a bot's id")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    ("text", "doubted"), [("short", False), (ID, False), (f"{ID}{ID}", True), ("a" * 40, False)]
)
def test_an_id_that_looks_like_a_token_is_a_warning(tmp_path: Path, text: str, doubted: bool) -> None:
    found = lookup(tmp_path)
    assert found.bot_id(text, HERE) == text
    assert [problem.severity for problem in found.report.problems] == ["warning"] * doubted


def test_a_wrong_secret_is_an_error_though_secrets_are_optional(tmp_path: Path) -> None:
    found = lookup(tmp_path, "optional", TOKEN='"hunter2"')
    found.token(TokenSource(env="TOKEN"), HERE)
    (problem,) = found.report.of("error")
    assert "hunter2" not in str(problem)


def test_certificates_may_be_a_file_or_a_folder_relative_to_the_configuration(
    tmp_path: Path, authority: Path
) -> None:
    (tmp_path / "folder").mkdir()
    shutil.copy(authority, tmp_path / "folder" / "0a1b2c3d.0")
    shutil.copy(authority, tmp_path / "ca.pem")
    found = lookup(tmp_path)
    for name in ("ca.pem", "folder"):
        assert found.ca_file(Path(name), ("api", "ca_file")) == tmp_path / name
    assert problems(found) == []


@pytest.mark.parametrize("secrets", ["required", "optional"])
def test_certificates_that_cannot_be_used_are_an_error_that_may_pass(
    tmp_path: Path, authority: Path, secrets: Secrets
) -> None:
    pem = authority.read_text()
    (tmp_path / "empty").write_text("")
    (tmp_path / "der").write_bytes(ssl.PEM_cert_to_DER_cert(pem))
    (tmp_path / "cut").write_text(pem[: len(pem) // 2])
    (tmp_path / "key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    os.mkfifo(tmp_path / "pipe")
    found = lookup(tmp_path, secrets)
    for name in ("empty", "der", "cut", "key", "pipe", "."):
        found.ca_file(Path(name), ("api", "ca_file"))
    reported = [(problem.severity, problem.may_pass) for problem in found.report.problems]
    assert reported == [("error", True)] * 6


@pytest.mark.parametrize(
    ("environ", "files", "why", "may_pass"),
    [
        ({}, {}, "environment variable SECRET is not set", False),
        ({"SECRET": ""}, {}, "environment variable SECRET is empty", False),
        ({"SECRET": "'hunter2'"}, {}, "environment variable SECRET has quotes around it", False),
        ({"SECRET": "hunter 2"}, {}, "environment variable SECRET has white space inside", False),
        ({}, None, "file {folder}/secret cannot be read: no such file or directory", True),
        ({}, {"secret": ""}, "file {folder}/secret is empty", True),
        ({}, {"secret": '"hunter2"'}, "file {folder}/secret has quotes around it", True),
        ({}, {"secret": "x" * 20_000}, "file {folder}/secret is larger than 16 KiB", True),
        ({}, {"secret/hunter2": ""}, "file {folder}/secret is not a regular file", True),
    ],
)
def test_where_one_bot_is_enough_an_id_or_token_that_cannot_be_used_is_a_warning_that_names_its_source(
    tmp_path: Path, environ: dict[str, str], files: dict[str, str] | None, why: str, may_pass: bool
) -> None:
    for name, content in (files or {}).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    found = lookup(tmp_path, "of one bot", **environ)
    source = TokenSource(file=Path("secret")) if may_pass else TokenSource(env="SECRET")
    assert found.bot_id(source, ("bots", 0, "id")) == UNKNOWN_ID
    found.token(source, ("bots", 0, "token"))
    expected = why.format(folder=tmp_path)
    told = [(problem.severity, problem.what, problem.may_pass) for problem in found.report.problems]
    assert told == [("warning", expected, may_pass)] * 2
    assert [what for what, _ in found.faults.values()] == [expected] * 2
    assert "hunter2" not in str(found.report.problems).replace(str(tmp_path), "")


@pytest.mark.parametrize("content", [None, "", "text"])
def test_where_one_bot_is_enough_certificates_that_cannot_be_used_are_a_warning_that_may_pass(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    found = lookup(tmp_path, "of one bot")
    found.ca_file(Path("ca.pem"), ("bots", 0, "api", "ca_file"))
    assert [(problem.severity, problem.may_pass) for problem in found.report.problems] == [("warning", True)]
    assert list(found.faults) == [("bots", 0, "api", "ca_file")]
