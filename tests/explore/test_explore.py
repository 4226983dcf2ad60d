"""Laws of `explore`: what it writes is right for the bot that it looked at, and shows nothing personal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import CompletedProcess, run

import pytest

from exporter.config.load import load
from exporter.errors import Rejected
from exporter.explore.explore import most_requests
from exporter.handler import Handler
from exporter.plan import make_plan
from exporter.simulator.dates import Dates
from tests.explore.conftest import Document, FakeApi, FakeBot
from tests.explore.evaluation import holds, leaves, shown_of
from tests.explore.shapes import SHAPES, Shape, moments

Typed = Callable[..., CompletedProcess[str]]
Serve = Callable[[Handler], str]
TOP = Path(__file__).parents[2]
LISTS = {"limit", "skip", "sort", "page"}
ENVIRON = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "made-up-token"}


@pytest.fixture(autouse=True)
def credentials(plain_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(params=SHAPES, ids=lambda shape: shape.name)
def shape(request: pytest.FixtureRequest) -> Shape:
    found: Shape = request.param
    return found


def explored(typed: Typed, url: str, file: Path, *words: str) -> CompletedProcess[str]:
    """Run `explore` for a bot of a configuration without a rate, so that it takes no time."""
    config = file.with_name("before.yaml")
    config.write_text(
        f"api: {{url: '{url}', rate: none}}\n"
        "bots: [{name: main, id: {env: NATIVECHAT_BOT_ID}, token: {env: NATIVECHAT_TOKEN}}]\n"
        "queries: [{name: conversations, collection: conversations}]\n"
    )
    return typed("explore", "--config.file", config, "--bot", "main", "--write", file, *words)


def test_what_is_written_is_verified_and_counts_what_is_there(
    shape: Shape, typed: Typed, serve: Serve, tmp_path: Path
) -> None:
    api, file = shape.api(), tmp_path / "config.yaml"
    done = explored(typed, serve(api), file)
    assert done.returncode == 0, done.stderr
    assert f"at most {most_requests(500)} requests" in done.stderr
    assert api.bot.requests <= most_requests(500)
    checked = typed("check", "--strict", "--config.file", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    config = load(file, ENVIRON).config
    assert sorted(query.name for query in config.queries) == sorted(shape.queries)
    assert config.bots[0].api.dates == (shape.dates or "iso")
    assert all(reason in done.stdout for reason in shape.left_out)
    api.throttles = 0
    verified = typed("verify", "--output", "json", "--config.file", file)
    differs = {each["finding"] for each in json.loads(verified.stdout) if each["result"] == "differs"}
    assert differs <= LISTS
    counted = typed("count", "--output", "json", "--config.file", file)
    assert counted.returncode == 0, counted.stdout
    counts = {
        (each["query"], tuple(sorted(each["labels"].items()))): each["count"]
        for each in json.loads(counted.stdout)
    }
    for poll in make_plan(config).polls:
        documents = getattr(api.bot, poll.query.collection)
        for series in poll.series:
            predicate = json.loads(series.predicate.text or "{}")
            expected = sum(holds(document, predicate, datetime.now(UTC)) for document in documents)
            assert counts[poll.query.name, series.labels] == expected, series


def test_nothing_personal_is_in_any_output(shape: Shape, typed: Typed, serve: Serve, tmp_path: Path) -> None:
    api, file = shape.api(), tmp_path / "config.yaml"
    url = serve(api)
    table = explored(typed, url, file)
    data = explored(typed, url, file, "--force", "--output", "json")
    everything = "\n".join(
        (table.stdout, table.stderr, data.stdout, data.stderr, file.read_text("utf-8")),
    )
    for chosen_here in (str(tmp_path), url):  # a number in them may be one of a document
        everything = everything.replace(chosen_here, "")
    documents = [*api.bot.conversations, *api.bot.messages]
    assert shown_of(iter(documents), everything) <= shape.shown
    assert api.token not in everything
    if len(documents) > 10:
        assert len({text for each in documents for text in leaves(each)}) > 100
        assert all(text in everything for text in shape.shown)


def test_the_announced_requests_take_less_than_half_a_minute_at_the_default_rate() -> None:
    assert most_requests(500) / 10 < 25
    told = " ".join((TOP / "docs/explore.md").read_text("utf-8").split())
    assert f"at most {most_requests(500)} requests" in told


def test_a_file_is_overwritten_only_on_demand(typed: Typed, serve: Serve, tmp_path: Path) -> None:
    api, file = SHAPES[-1].api(), tmp_path / "config.yaml"
    file.write_text("mine")
    done = explored(typed, serve(api), file)
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert file.read_text() == "mine"
    assert api.received == 0
    done = typed("explore", "--api-url", serve(api), "--write", file, "--force")
    assert done.returncode == 0
    assert "{env: NATIVECHAT_BOT_ID}" in file.read_text()


def test_a_token_that_is_sent_in_clear_text_is_told_before_it_is(
    typed: Typed, serve: Serve, tmp_path: Path
) -> None:
    url, file = serve(SHAPES[-1].api()), tmp_path / "config.yaml"
    done = typed("explore", "--api-url", url.replace("127.0.0.1", "0.0.0.0"), "--write", file)
    warning, exploring, wrote = done.stderr.splitlines()
    assert warning == "warning: the token is sent over the network in clear text (write https://)"
    assert exploring.startswith("exploring main")
    assert wrote.endswith(f" queries to {file}; `check --strict` warns of its api.url")
    checked = typed("check", "--strict", "--config.file", file)
    assert (checked.returncode, checked.stderr.count("warning:")) == (1, 1)


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_file_that_cannot_be_written_is_told_before_any_request(
    typed: Typed, serve: Serve, tmp_path: Path, force: list[str]
) -> None:
    api, file = FakeApi(FakeBot()), tmp_path / "missing" / "config.yaml"
    done = typed("explore", "--api-url", serve(api), "--write", file, *force)
    assert (done.returncode, api.received) == (1, 0)
    assert done.stderr == f"nativechat-exporter: cannot write {file}: no such file or directory\n"


def test_a_bot_that_cannot_be_explored_leaves_the_file_as_it_is(typed: Typed, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    words = ("explore", "--api-url", "http://127.0.0.1:9/v1", "--write", file)
    assert typed(*words).returncode == 1
    assert not file.exists()
    file.write_text("mine")
    assert typed(*words, "--force").returncode == 1
    assert file.read_text() == "mine"


@pytest.mark.parametrize("before", [None, "bots: []\n"])
def test_a_full_disk_leaves_the_file_as_it_was(serve: Serve, tmp_path: Path, before: str | None) -> None:
    file = tmp_path / "config.yaml"
    if before is not None:
        file.write_text(before, "utf-8")
    url = serve(FakeApi(FakeBot([{"_id": "1"}])))
    words = f"-m exporter explore --api-url {url} --write {file} --force"
    command = f"ulimit -f {0 if before is None else 1}; exec {sys.executable} {words}"
    done = run(["sh", "-c", command], capture_output=True, encoding="utf-8", check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.endswith(f"nativechat-exporter: cannot write {file}: file too large\n")
    assert (file.read_text("utf-8") if file.exists() else None) == before


def test_an_unknown_shape_of_counts_is_shown(typed: Typed, serve: Serve, tmp_path: Path) -> None:
    api = SHAPES[0].api()
    api.count_body = lambda number: {"data": {"total": number}, "status": "fine"}
    done = explored(typed, serve(api), tmp_path / "config.yaml")
    assert done.returncode == 1
    assert '{"data": {"total": N}, "status": text}' in done.stdout
    assert not (tmp_path / "config.yaml").exists()


@pytest.mark.parametrize(
    ("token", "code", "said"), [("wrong", 1, "unauthorized"), (None, 2, "NATIVECHAT_TOKEN")]
)
def test_a_token_that_is_wrong_or_missing_is_told(
    typed: Typed, serve: Serve, monkeypatch: pytest.MonkeyPatch, token: str | None, code: int, said: str
) -> None:
    monkeypatch.delenv("NATIVECHAT_TOKEN")
    if token:
        monkeypatch.setenv("NATIVECHAT_TOKEN", token)
    done = typed("explore", "--api-url", serve(SHAPES[0].api()))
    assert done.returncode == code
    assert said in done.stderr


def test_a_bot_that_is_not_there_is_told_and_no_token_is_taken_for_accepted(
    typed: Typed, serve: Serve, tmp_path: Path
) -> None:
    api = FakeApi(FakeBot(fails=lambda _: Rejected("refused", status=404)))
    done = explored(typed, serve(api), tmp_path / "config.yaml")
    assert done.returncode == 1
    assert re.search("token +unknown", done.stdout)
    assert re.search("conversations: count +refused .*404.*check the bot's id", done.stdout)


def test_an_api_that_is_not_there_is_told(typed: Typed) -> None:
    done = typed("explore", "--api-url", "http://127.0.0.1:9/v1")
    assert done.returncode == 1
    assert "unreachable" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ["--bot-id", "no id"],
        ["--api-url", "ftp://x"],
        ["--api-url", "http://user:secret@x"],
        ["--sample", "1"],
        ["--bot", "nobody"],
        ["--token-file", "/nowhere"],
        ["--bot", "main", "--api-url", "http://127.0.0.1:9/v1"],
        ["--write", ""],
        ["--write", "/", "--force"],
        ["--write", "/dev/full", "--force"],
        ["--force"],
    ],
)
def test_wrong_usage_is_told_before_any_request(typed: Typed, words: list[str]) -> None:
    done = typed("explore", *words)
    assert done.returncode == 2
    assert "secret" not in done.stderr


def test_a_configuration_that_would_not_be_read_is_refused(
    typed: Typed, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, config = FakeApi(FakeBot()), tmp_path / "config.yaml"
    url = serve(api)
    done = typed("explore", "--api-url", url, "--config.file", config)
    assert (done.returncode, api.received) == (2, 0)
    assert "--config.file needs --bot" in done.stderr
    monkeypatch.setenv("NATIVECHAT_EXPORTER_CONFIG_FILE", str(config))  # as in the image, for `run`
    typed("explore", "--api-url", url)
    assert api.received > 0


def test_without_a_bot_the_ways_to_name_one_are_told(typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NATIVECHAT_BOT_ID")
    done = typed("explore")
    assert done.returncode == 2
    assert "NATIVECHAT_BOT_ID" in done.stderr


def test_a_bot_of_a_configuration_is_explored_with_its_settings(
    typed: Typed, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = FakeApi(SHAPES[0].api().bot, token="another")
    (tmp_path / "token").write_text("another")
    before, after = tmp_path / "config.yaml", tmp_path / "written.yaml"
    before.write_text(
        f"api: {{url: {serve(api)}, rate: none}}\nbots:\n"
        "  - {name: sales, id: 7990b7b5d57ae86c1b2dfd6e, token: {file: token}}\n"
        "  - {name: other, id: {env: NO_ID}, token: {env: NO_TOKEN}}\n"
        "queries: [{name: conversations, collection: conversations}]\n"
    )
    done = typed("explore", "--config.file", before, "--bot", "sales", "--write", after)
    assert done.returncode == 0, done.stderr
    refused = typed("explore", "--config.file", before, "--bot", "other")
    assert (refused.returncode, "NO_ID is not set" in refused.stderr) == (2, True)
    [bot], [old, _] = load(after, {}).config.bots, load(before, {}, secrets="optional").config.bots
    assert (bot.name, bot.id, bot.token, bot.api.url, bot.api.rate) == (
        old.name,
        old.id,
        old.token,
        old.api.url,
        None,
    )


def test_a_field_that_the_api_does_not_count_is_left_out(typed: Typed, serve: Serve, tmp_path: Path) -> None:
    class Shallow(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            return [] if re.search(r'"\w+\.', text) else super().found(collection, text)

    bot = SHAPES[3].api().bot
    file = tmp_path / "config.yaml"
    done = explored(typed, serve(FakeApi(Shallow(bot.conversations, bot.messages))), file)
    assert "the API counts no document that has Data.channel.ProviderName" in done.stdout
    assert "Data." not in re.sub("#.*", "", file.read_text("utf-8"))
    assert "conversations_by_outcome" in file.read_text("utf-8")


def test_at_most_twenty_queries_are_written_and_spare_ones_replace_what_is_not_counted(
    typed: Typed, serve: Serve, tmp_path: Path
) -> None:
    class Forgetful(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            return [] if "aaKind" in text else super().found(collection, text)

    names = [f"{letter}{letter}Kind" for letter in "abcdefghijklmnopqrstuvwxyz"]
    kinds = [dict.fromkeys(names, kind) for kind in ("odd", "even")]
    documents = [{"_id": str(place), **kinds[place % 2]} for place in range(50)]
    file = tmp_path / "config.yaml"
    done = explored(typed, serve(FakeApi(Forgetful(documents))), file)
    assert "the API counts no document that has aaKind" in done.stdout
    assert len(load(file, ENVIRON).config.queries) == 20


def test_a_date_of_a_proven_format_is_used_although_another_is_likelier(
    typed: Typed, serve: Serve, tmp_path: Path
) -> None:
    dates = Dates("iso")
    documents = [{"StartedAt": f"{at:%d.%m.%Y}", "EndTime": dates.store(at)} for at in moments(100)]
    file = tmp_path / "config.yaml"
    explored(typed, serve(FakeApi(FakeBot(documents))), file)
    recent = [
        "EndTime" in query.predicate for query in load(file, ENVIRON).config.queries if "_last_" in query.name
    ]
    assert recent == [True, True]


def test_of_a_bot_that_grows_meanwhile_no_more_documents_have_a_field_than_there_are(
    typed: Typed, serve: Serve, tmp_path: Path
) -> None:
    class Growing(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            newest = dict(self.conversations[-1], _id=f"new-{len(self.conversations)}")
            self.conversations = [*self.conversations, newest]
            return super().found(collection, text)

    bot = SHAPES[0].api().bot
    api = FakeApi(Growing(bot.conversations[:200], bot.messages))
    done = explored(typed, serve(api), tmp_path / "bot.yaml")
    sampled = re.search(r"Fields of (\d+) conversations, in a sample of (\d+)", done.stdout)
    assert sampled is not None
    assert 201 < int(sampled[2]) <= int(sampled[1])
    found = re.findall(r"([\d,]+) of ([\d,]+) conversations \((.+?) %\)", done.stdout)
    assert any(number == "100" for *_, number in found)
    for part, whole, _ in found:
        assert int(part.replace(",", "")) <= int(whole.replace(",", ""))


def test_an_api_that_ignores_predicates_gets_totals_only(typed: Typed, serve: Serve, tmp_path: Path) -> None:
    class Deaf(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            return super().found(collection, "")

    bot = SHAPES[3].api().bot
    file = tmp_path / "config.yaml"
    done = explored(typed, serve(FakeApi(Deaf(bot.conversations, bot.messages))), file)
    assert "no predicate can be trusted" in done.stdout
    assert [query.name for query in load(file, ENVIRON).config.queries] == ["conversations", "messages"]
