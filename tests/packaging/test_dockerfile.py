"""Laws of the Dockerfile that need no container: what it names, and what it must not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
DOCKERFILE: Final = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def test_its_base_has_a_tag_and_a_digest_and_is_named_once_where_dependabot_reads_it() -> None:
    base, *stages = instructions("FROM")
    assert re.fullmatch(r"python:3\.\d+-slim@sha256:[0-9a-f]{64} AS base", base)
    assert stages == ["base AS build", "base"]


def test_it_names_no_architecture() -> None:
    assert not re.findall(r"amd64|x86|arm|aarch|--platform|manylinux", DOCKERFILE)


def test_every_package_comes_with_its_hash_or_from_this_checkout() -> None:
    installs = re.findall(r"-m pip [^&]* install ([^&]*)", DOCKERFILE)
    assert len(installs) == 3
    assert all(("--require-hashes" in install) != ("--no-index" in install) for install in installs)


def test_what_is_started_is_no_shell() -> None:
    [healthcheck] = re.findall(r"^HEALTHCHECK .*CMD (.*)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(healthcheck) == ["nativechat-exporter", "healthcheck"]
    assert [json.loads(words) for words in instructions("ENTRYPOINT")] == [["nativechat-exporter"]]
    assert [json.loads(words) for words in instructions("CMD")] == [["run"]]


def test_its_user_is_a_number_and_not_root() -> None:
    [user] = instructions("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)


def test_everything_it_copies_is_sent_to_the_builder() -> None:
    sent = set(re.findall(r"^!(.*)$", (ROOT / ".dockerignore").read_text("utf-8"), re.MULTILINE))
    copied = {word for copy in instructions("COPY") if "--from" not in copy for word in copy.split()[:-1]}
    assert copied == sent
