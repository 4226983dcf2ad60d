"""Laws of downloads to a file: each row that stays is in it once, however often one is interrupted."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random
from subprocess import CompletedProcess, Popen
from typing import Any
from urllib.parse import parse_qs

import pytest

from exporter.cli.history_file import DownloadFile, Progress
from exporter.files import claim
from exporter.handler import Handler, Request, Response
from exporter.nativechat.by_key import Key, Position
from exporter.nativechat.history import Row
from exporter.simulator.simulation import Simulation

PATIENCE = 60.0

Typed = Callable[..., CompletedProcess[str]]
Started = Callable[..., Popen[str]]
Made = Callable[..., tuple[Simulation, Path]]


def ids(file: Path) -> list[str]:
    return [json.loads(line)["_id"] for line in file.read_text("utf-8").splitlines()]


def held(simulation: Simulation, collection: Any) -> set[str]:
    rows = simulation.page(simulation.bots[0].name, collection, limit=10**9)
    return {str(row["_id"]) for row in rows}


class Changing:
    """Passes pages on; before each, history is deleted and added, and every `fails`th page is a 500."""

    def __init__(self, handler: Handler, simulation: Simulation, fails: int) -> None:
        self._handler = handler
        self._simulation = simulation
        self._fails = fails
        self._random = Random(5)
        self._pages = 0

    async def __call__(self, request: Request) -> Response | None:
        if request.path.endswith("/_count"):
            return await self._handler(request)
        self._pages += 1
        bot = self._simulation.bots[0].name
        victims: list[Any] = self._random.sample(sorted(held(self._simulation, "conversations")), 3)
        self._simulation.forget(bot, {"_id": {"$in": victims}})
        self._simulation.burst(bot, 2)
        if self._pages % self._fails == 0:
            return Response(500)
        return await self._handler(request)


def test_1500_rows_interrupted_three_times_while_history_is_deleted_and_grows(
    typed: Typed, nativechat: Made, tmp_path: Path
) -> None:
    simulation, config = nativechat(history=300, around=lambda api, held: Changing(api, held, 5))
    before = held(simulation, "messages")
    assert len(before) > 1500
    file = tmp_path / "messages.jsonl"
    command = ("messages", "--config.file", config, "--to", file)
    done = typed(*command)
    interruptions = 0
    while done.returncode:
        interruptions += 1
        assert done.stderr.endswith("; go on with --resume\n")
        done = typed(*command, "--resume")
    found = ids(file)
    assert interruptions >= 3
    assert len(found) == len(set(found))
    assert before & held(simulation, "messages") <= set(found)
    assert done.stderr == f"{file} has {len(found):,} messages\n"
    assert found == sorted(found)


class Gate:
    """Passes pages on; keeps one back, and says when."""

    def __init__(self, handler: Handler, page: int) -> None:
        self.kept_back, self.go_on = threading.Event(), threading.Event()
        self._handler = handler
        self._page = page

    async def __call__(self, request: Request) -> Response | None:
        if not request.path.endswith("/_count") and "limit=100" in request.query:
            self._page -= 1
            if self._page == 0:
                self.kept_back.set()
                await asyncio.to_thread(self.go_on.wait, PATIENCE)
        return await self._handler(request)


def test_a_killed_download_continues_where_its_last_page_ended(
    started: Started, typed: Typed, nativechat: Made, tmp_path: Path
) -> None:
    gates: list[Gate] = []

    def around(handler: Handler, _: Simulation) -> Handler:
        gates.append(Gate(handler, 3))
        return gates[0]

    simulation, config = nativechat(around=around)
    file = tmp_path / "conversations.csv"
    command = (
        *("conversations", "--config.file", config, "--to", file),
        *("--output", "csv", "--fields", "_id,Data.user.FirstName"),
    )
    process = started(*command)
    assert gates[0].kept_back.wait(PATIENCE)
    process.kill()
    process.wait(PATIENCE)
    gates[0].go_on.set()
    with file.open("a", encoding="utf-8") as torn:
        torn.write("5e00,Ada\n" * 1000 + "5e00,Ad")

    assert typed(*command, "--resume").returncode == 0
    with file.open(encoding="utf-8", newline="") as text:
        rows = list(csv.reader(text))
    assert rows[0] == ["_id", "Data.user.FirstName"]
    assert [row[0] for row in rows[1:]] == sorted(held(simulation, "conversations"))


def test_a_complete_file_is_left_alone(typed: Typed, nativechat: Made, tmp_path: Path) -> None:
    simulation, config = nativechat(history=20)
    file = tmp_path / "rows"
    command = ("conversations", "--config.file", config, "--to", file)
    assert typed(*command, "--resume").returncode == 0
    content, requests = file.read_bytes(), simulation.requests("support")
    again, fresh = typed(*command, "--resume"), typed(*command)

    assert (again.returncode, again.stderr) == (
        0,
        f"{file} is complete: there is no {file}.resume (for other rows, remove it and begin anew)\n",
    )
    assert (fresh.returncode, fresh.stderr) == (
        2,
        f"nativechat-exporter: {file} exists (name another file, or remove it)\n",
    )
    assert (file.read_bytes(), simulation.requests("support")) == (content, requests)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("rows")] == ["rows"]
    assert file.stat().st_mode & 0o077 == 0


@pytest.fixture
def interrupted(nativechat: Made, typed: Typed, tmp_path: Path) -> tuple[Path, list[Any]]:
    """The file of a download that failed at its second page, and its command."""

    def around(handler: Handler, _: Simulation) -> Handler:
        async def only_the_first_page(request: Request) -> Response | None:
            query = parse_qs(request.query).get("query", [""])[0]
            is_first = request.path.endswith("/_count") or "$gt" not in query
            return await handler(request) if is_first else Response(404)

        return only_the_first_page

    _, config = nativechat(around=around)
    file = tmp_path / "rows"
    command = ["conversations", "--config.file", config, "--to", file]
    done = typed(*command)
    assert (done.returncode, len(ids(file))) == (1, 100)
    assert done.stderr.startswith("stopped after 100 conversations: rejected: ")
    return file, command


def test_what_was_begun_is_not_begun_anew(interrupted: tuple[Path, list[Any]], typed: Typed) -> None:
    file, command = interrupted
    done = typed(*command)

    advice = f"continue it with --resume, or remove it and {file}.resume"
    assert (done.returncode, done.stderr) == (
        2,
        f"nativechat-exporter: {file} is an interrupted download ({advice})\n",
    )


def test_what_another_process_writes_is_left_to_it(interrupted: tuple[Path, list[Any]], typed: Typed) -> None:
    file, command = interrupted
    beside = file.with_name("rows.resume")
    before = file.read_bytes(), beside.read_bytes()
    with file.open("rb") as held:
        claim(held)
        done = typed(*command, "--resume")

    why = f"cannot write {file}: another process is writing it (wait until it has ended)"
    assert (done.returncode, done.stderr) == (
        1,
        f"stopped after 100 conversations: {why}; go on with --resume\n",
    )
    assert (file.read_bytes(), beside.read_bytes()) == before


def test_a_download_without_a_row_yet_is_left_to_the_process_that_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    begun = Progress({}, "", Key("_id"))

    def fill(file: DownloadFile, rows: Iterable[Row]) -> None:
        file.fill(begun, rows, lambda: Position("1"), json.dumps, "")

    def rows() -> Iterator[Row]:
        second = DownloadFile(path)
        with pytest.raises(BlockingIOError, match="another process is writing it"):
            fill(second, [{"_id": "3"}])
        second.stop(0)
        yield {"_id": "1"}
        yield {"_id": "2"}

    first = DownloadFile(path)
    fill(first, rows())
    assert first.rows == len(path.read_text("utf-8").splitlines()) == 2


def test_what_failed_before_the_first_row_leaves_no_file(
    typed: Typed, nativechat: Made, tmp_path: Path
) -> None:
    _, config = nativechat()
    file = tmp_path / "rows"
    command = ("conversations", "--config.file", config, "--to", file)
    done = typed(*command, "--sort", "Status")

    assert done.returncode == 1
    assert "--resume" not in done.stderr
    assert typed(*command).returncode == 0


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (["--query", '{"Errors": 0}'], "--query"),
        (["--since", "now-3d"], "--since"),
        (["--sort", "-_id"], "--sort"),
        (["--fields", "_id"], "--fields"),
    ],
)
def test_other_flags_than_at_the_beginning_are_refused(
    interrupted: tuple[Path, list[Any]], typed: Typed, flags: list[str], name: str
) -> None:
    file, command = interrupted
    done = typed(*command, "--resume", *flags)

    assert (done.returncode, done.stderr) == (
        2,
        f"nativechat-exporter: {file} was begun with another {name} (use the same as then)\n",
    )


def test_a_file_that_was_shortened_is_not_continued(
    interrupted: tuple[Path, list[Any]], typed: Typed
) -> None:
    file, command = interrupted
    os.truncate(file, 10)
    shorter = typed(*command, "--resume")

    assert shorter.returncode == 2
    assert f"rows is shorter than it was (remove it and {file}.resume, and begin anew)" in shorter.stderr


@pytest.mark.parametrize(
    ("was", "now"),
    [
        (r"(?s).*", "{"),
        (r'"size": \d+', '"size": "many"'),
        (r'"rows": \d+', '"rows": -5'),
        (r'"last": "\w+"', '"last": "ffffffffffffffffffffffff"'),
    ],
)
def test_progress_that_was_changed_is_not_continued(
    interrupted: tuple[Path, list[Any]], typed: Typed, was: str, now: str
) -> None:
    file, command = interrupted
    beside = file.with_name("rows.resume")
    beside.write_text(re.sub(was, now, beside.read_text("utf-8"), count=1), "utf-8")
    done = typed(*command, "--resume")

    assert (done.returncode, done.stderr) == (
        2,
        f"nativechat-exporter: {beside} is damaged (remove it and {file}, and begin anew)\n",
    )


def test_a_key_that_too_many_rows_share_is_a_reason_to_begin_anew(
    typed: Typed, nativechat: Made, tmp_path: Path
) -> None:
    _, config = nativechat(history=600)
    file = tmp_path / "rows"
    only = ("--query", '{"Status": "success"}', "--sort", "Status")
    done = typed("conversations", "--config.file", config, "--to", file, *only)

    assert done.returncode == 1
    assert "more conversations than a page holds have the same Status (name a field that" in done.stderr
    assert done.stderr.endswith(f"; remove {file} and {file}.resume, and begin anew\n")


def test_a_file_that_cannot_be_written_is_a_failure(typed: Typed, nativechat: Made, tmp_path: Path) -> None:
    _, config = nativechat()
    file = tmp_path / "missing" / "rows"
    done = typed("conversations", "--config.file", config, "--to", file)

    assert (done.returncode, done.stderr) == (
        1,
        f"stopped after 0 conversations: cannot write {file}: no such file or directory\n",
    )


def test_a_limit_below_what_is_written_does_not_end_a_download(
    interrupted: tuple[Path, list[Any]], typed: Typed
) -> None:
    file, command = interrupted
    before = file.with_name("rows.resume").read_bytes()
    done = typed(*command, "--resume", "--limit", "99")

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{file} has 100 conversations already (raise --limit, or leave it out)" in done.stderr
    assert (file.with_name("rows.resume").read_bytes(), len(ids(file))) == (before, 100)


def test_a_limit_holds_over_all_parts(interrupted: tuple[Path, list[Any]], typed: Typed) -> None:
    file, command = interrupted

    assert typed(*command, "--resume", "--limit", "100").returncode == 0
    assert len(ids(file)) == 100


def test_without_any_row_the_file_is_empty(typed: Typed, nativechat: Made, tmp_path: Path) -> None:
    _, config = nativechat(history=0)
    file = tmp_path / "rows"

    assert typed("conversations", "--config.file", config, "--to", file).returncode == 0
    assert file.read_bytes() == b""


@pytest.mark.parametrize(
    ("switches", "flags", "complaint"),
    [
        ({"ignore": "sort"}, [], "rows are not in the order of _id: the API seems to ignore `sort`"),
        ({"refuse": "sort"}, [], "and sorts the API takes; or download without --to)"),
        ({}, ["--sort", "Status"], "some conversations have no Status"),
        ({"dates": "extended-json"}, ["--sort", "StartedAt"], "none of the tried date formats matches"),
    ],
)
def test_an_order_that_does_not_hold_ends_it_before_rows_are_lost(
    typed: Typed, nativechat: Made, tmp_path: Path, switches: dict[str, Any], flags: list[str], complaint: str
) -> None:
    _, config = nativechat(**switches)
    done = typed("conversations", "--config.file", config, "--to", tmp_path / "rows", *flags)

    assert (done.returncode, done.stdout) == (1, "")
    assert complaint in done.stderr


@pytest.mark.parametrize(
    ("id_field", "sort"), [("Id", []), ("_id", ["--sort=-StartedAt"]), ("_id", ['--sort={"StartedAt": 1}'])]
)
def test_the_key_is_the_id_or_what_sort_names(
    typed: Typed, nativechat: Made, tmp_path: Path, id_field: str, sort: list[str]
) -> None:
    simulation, config = nativechat(id_field=id_field, wire="auto", shown_dates="as-stored")
    file = tmp_path / "rows"
    assert typed("conversations", "--config.file", config, "--to", file, *sort).returncode == 0
    key = id_field if id_field == "Id" else "StartedAt"
    found = [json.loads(line)[key] for line in file.read_text("utf-8").splitlines()]
    rows = simulation.page("support", "conversations", limit=10**9)

    assert found == sorted((str(row[key]) for row in rows), reverse="-" in "".join(sort)[7:8])
