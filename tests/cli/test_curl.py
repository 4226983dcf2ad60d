"""Laws of `count --explain`: a shell that runs a line of it makes the same request."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess
from urllib.parse import parse_qs, urlsplit

import pytest

from exporter.cli.count import curl
from exporter.model import Api, Bot, TokenSource
from tests.server import Server, Wire

Typed = Callable[..., CompletedProcess[str]]

TOKEN = """a"b\\c$HOME`id`'d%s"""
CONFIG = """\
api: {{url: {url}, retries: 1, rate: none, concurrency: 1}}
bots:
  - {{name: main, id: 5990b7b5d57ae86c1b2dfd6e, token: {token}}}
queries:
  - name: hard
    collection: messages
    query: {{Text: "it's \\"$HOME\\" & `id` 100% + ; | \\\\ 漢 😀 @x", "a[0]": {{$gt: 0}}}}
  - name: all
    collection: conversations
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server that fails once, and then counts."""
    with Server(lambda wire: wire.answer(b"", 500), Wire.answer) as server:
        yield server


@pytest.fixture
def run_line(tmp_path: Path) -> Callable[[str, str, str], str]:
    """Run a line in a shell, in which curl notes its arguments; gives what it prints."""
    curl = tmp_path / "bin" / "curl"
    curl.parent.mkdir()
    real = shutil.which("curl")
    assert real, "curl is missing: install Debian's package curl (make test does)"
    curl.write_text(f'#!/bin/sh\nprintf \'%s\\n\' "$@" >>{tmp_path}/arguments\nexec {real} "$@"\n', "utf-8")
    curl.chmod(0o755)

    def run(shell: str, line: str, token: str) -> str:
        environ = {"PATH": f"{curl.parent}:/usr/bin:/bin", "THE_TOKEN": token}
        words = [shell, "-c", line]
        done = subprocess.run(
            words, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
        )
        assert not done.stderr
        return done.stdout

    return run


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("source", ["env", "file"])
def test_a_shell_repeats_each_request_and_nobody_sees_the_token(
    typed: Typed,
    server: Server,
    run_line: Callable[[str, str, str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shell: str,
    source: str,
) -> None:
    (tmp_path / "it's a token").write_text(f"{TOKEN}\n", "utf-8")
    token = "{env: THE_TOKEN}" if source == "env" else "{file: it's a token}"
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(url=server.url, token=token), "utf-8")
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    monkeypatch.chdir(tmp_path)
    done = typed("count", "--explain", "--config.file", config, "--output=json")
    assert done.returncode == 0
    asked = server.heads[:]
    lines = done.stderr.splitlines()
    assert len(lines) == len(asked) == 3, "the first request is retried"
    assert TOKEN not in done.stderr
    assert [run_line(shell, line, TOKEN if source == "env" else "") for line in lines] == ['{"count":7}'] * 3
    repeated = server.heads[3:]
    assert list(map(essence, repeated)) == list(map(essence, asked))
    assert all(f"Authorization: Bot-Server-Access-Token {TOKEN}" in essence(head) for head in repeated)
    assert TOKEN not in (tmp_path / "arguments").read_text("utf-8")


def test_a_request_that_is_not_made_is_not_explained(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    bots = (
        "{name: a, id: {env: NO_ID}, token: {env: THE_TOKEN}}",
        "{name: b, id: x, token: {env: NO_TOKEN}}",
    )
    text = CONFIG.format(url="http://127.0.0.1:9", token="{env: THE_TOKEN}")
    config.write_text(text.replace("bots:\n", "bots:\n" + "".join(f"  - {bot}\n" for bot in bots)), "utf-8")
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    done = typed("count", "--explain", "--config.file", config)
    assert {line.split("/bots/")[1].split("/")[0] for line in done.stderr.splitlines()} == {
        "5990b7b5d57ae86c1b2dfd6e"
    }


def essence(head: bytes) -> list[object]:
    """Return the method, the path, the parameters and the documented headers."""
    first, *headers = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split()
    url = urlsplit(target)
    documented = sorted(each for each in headers if each.startswith(("Authorization", "Content-Type")))
    return [method, url.path, parse_qs(url.query), *documented]


def test_what_is_not_sent_is_not_printed(
    typed: Typed, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.yaml"
    absent = "{env: THE_TOKEN}}\n  - {name: other, id: 5990b7b5d57ae86c1b2dfd6f, token: {env: ABSENT}"
    config.write_text(CONFIG.format(url=server.url, token=absent), "utf-8")
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    done = typed("count", "--explain", "--config.file", config)
    assert done.returncode == 1
    assert "ABSENT" in done.stdout
    assert "$ABSENT" not in done.stderr
    assert len(done.stderr.splitlines()) == len(server.heads) == 3


def test_an_authority_of_the_configuration_is_one_for_curl() -> None:
    bot = Bot(
        "main", "1", TokenSource(env="TOKEN"), api=Api(url="https://chat/v1", ca_file=Path("my ca.pem"))
    )
    assert curl(bot, "messages", "") == (
        """printf 'Authorization: Bot-Server-Access-Token %s\\n' "$TOKEN" | curl --get --silent"""
        """ --show-error --header @- --header 'Content-Type: application/json' --cacert 'my ca.pem'"""
        """ https://chat/v1/bots/1/messages/_count"""
    )
