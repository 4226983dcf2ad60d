"""Laws of `backfill`: the past is what an independent evaluation of the documents gives."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, cast
from urllib.parse import parse_qs

import pytest

from exporter.files import claim, with_digest, without_digest
from exporter.handler import Handler, Request, Response
from exporter.model import Collection
from exporter.simulator.simulation import Simulation

Typed = Callable[..., CompletedProcess[str]]
Made = Callable[..., tuple[Simulation, Path]]

STEP = 6 * 3600
QUERIES = """\
  - name: today
    collection: conversations
    query: {StartedAt: {$gte: {$date: now/d}}}
"""


def moments(simulation: Simulation, collection: str, field: str, channel: str | None = None) -> list[float]:
    """Return the dates of all documents, or of those of a channel."""
    rows: list[dict[str, Any]] = simulation.page("support", cast("Collection", collection), limit=10**9)
    return [
        datetime.fromisoformat(row[field]).timestamp()
        for row in rows
        if channel is None or row["Data"].get("channel", {}).get("ProviderName") == channel
    ]


def samples(text: str) -> dict[str, dict[int, int]]:
    """Return the values of each series by time."""
    found: dict[str, dict[int, int]] = {}
    for name, value, time in re.findall(r"^(nativechat\S+) (\d+) (\d+)$", text, re.MULTILINE):
        assert int(time) not in found.setdefault(name, {})
        found[name][int(time)] = int(value)
    return found


def with_api(config: Path, old: str, new: str) -> Path:
    config.write_text(config.read_text("utf-8").replace(old, new), "utf-8")
    return config


@pytest.mark.parametrize("dates", ["iso", "extended-json", "epoch-ms"])
def test_every_step_has_the_count_of_the_documents_before_it(
    typed: Typed, nativechat: Made, dates: str
) -> None:
    simulation, config = nativechat(dates=dates, wire="auto")
    flags = ["--since", "4d", "--step", "6h", "--date-field", "messages=SentAt", "--label", "job=n"]
    done = typed("backfill", "--config.file", config, *flags)
    assert done.returncode == 0, done.stderr
    found = samples(done.stdout)
    started = moments(simulation, "conversations", "StartedAt")
    known = {
        "conversations{": (started, 'bot="support",job="n"}'),
        "messages{": (moments(simulation, "messages", "SentAt"), 'bot="support",job="n"}'),
    }
    for channel in ("facebook", "viber", "darvin"):
        of_channel = moments(simulation, "conversations", "StartedAt", channel)
        known[f"by_channel{{{channel}"] = of_channel, f'bot="support",channel="{channel}",job="n"}}'
    assert len(found) == 2 * len(known)
    for key, (dated, labels) in known.items():
        for name in ("{", "_new_total{"):
            values = found[f"nativechat_{key.partition('{')[0]}{name}{labels}"]
            assert [time for time in values if time % STEP == 0] == sorted(
                {time - time % STEP for time in values}
            )
            assert values == {time: sum(d < time - time % STEP for d in dated) for time in values}
    [most] = re.findall(r"at most ([\d,]+) requests", done.stderr)
    steps = {time - time % STEP for time in values}
    assert simulation.requests("support") <= int(most.replace(",", "")) == 28 + 5 * len(steps)


def test_names_and_labels_are_those_of_the_metrics_page(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat(bots=2)
    shown = typed("count", "--config.file", config, "--output", "prometheus").stdout
    flags = ["--since", "1d", "--step", "12h", "--date-field", "messages=SentAt"]
    text = typed("backfill", "--config.file", config, *flags).stdout
    gauges = set(re.findall(r"^(nativechat\S+) ", shown, re.MULTILINE))
    assert gauges == {name for name in samples(text) if "_new_total{" not in name}
    assert {name.replace("{", "_new_total{") for name in gauges} == samples(text).keys() - gauges
    heads = set(re.findall(r"^# .*", shown, re.MULTILINE))
    assert heads <= set(re.findall(r"^# .*", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("names", "field", "dated"),
    [
        (["messages"], "SentAt", {"messages"}),
        (["conversations"], "StartedAt", {"conversations"}),
        ([], "StartedAt", {"conversations", "by_channel"}),
    ],
)
def test_a_field_without_a_collection_is_that_of_the_one_that_is_chosen_or_of_conversations(
    typed: Typed, nativechat: Made, names: list[str], field: str, dated: set[str]
) -> None:
    _, config = nativechat()
    flags = ["--since", "1d", "--step", "12h", "--date-field", field]
    done = typed("backfill", *names, "--config.file", config, *flags)
    assert done.returncode == 0, done.stderr
    assert set(re.findall(r"^nativechat_(\w+?)(?:_new_total)?{", done.stdout, re.MULTILINE)) == dated


def test_a_query_or_a_bot_can_be_chosen(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(bots=2)
    flags = ["--since", "1d", "--step", "6h", "--bot", "sales"]
    done = typed("backfill", "by_channel", "--config.file", config, *flags)
    assert {name.partition(",")[0] for name in samples(done.stdout)} == {
        'nativechat_by_channel{bot="sales"',
        'nativechat_by_channel_new_total{bot="sales"',
    }
    assert simulation.requests("support") == 0


def test_what_has_no_past_is_skipped_and_named(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat()
    config.write_text(config.read_text("utf-8") + QUERIES, "utf-8")
    done = typed("backfill", "--config.file", config, "--since", "1d", "--step", "12h")
    assert "skipped messages: messages need --date-field messages=FIELD" in done.stderr
    assert "skipped today: its predicate has dates already" in done.stderr
    assert "messages{" not in done.stdout
    assert "today" not in done.stdout


def test_without_a_job_it_says_that_the_series_are_others(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat()
    flags = ["--since", "1d", "--step", "12h"]
    assert "no label job" in typed("backfill", "--config.file", config, *flags).stderr
    assert "no label job" not in typed("backfill", "--config.file", config, *flags, "--label", "job=n").stderr


def test_the_time_that_it_takes_is_that_of_the_rate(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat()
    with_api(config, "rate: none", "rate: 500/s")
    done = typed("backfill", "conversations", "--config.file", config, "--since", "15h", "--step", "1m")
    assert "1 series of 720 steps: at most 734 requests, which take 1s at api.rate" in done.stderr


def test_a_format_that_is_not_proven_is_refused_and_leaves_no_file(
    typed: Typed, nativechat: Made, tmp_path: Path
) -> None:
    _, config = nativechat(dates="extended-json")
    to = tmp_path / "past.om"
    done = typed("backfill", "--config.file", config, "--since", "1d", "--to", to)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        "stopped after 0 counts: bot support: dates_unverified: conversations have the field" in done.stderr
    )
    assert "resume" not in done.stderr
    assert list(tmp_path.glob("past*")) == []


@pytest.mark.parametrize("date", ["2026-11-10T05:30:00+02:00", "2026-11-10T05:30:00", "28/11/2026"])
def test_text_that_is_not_in_utc_is_refused_though_it_matches(
    typed: Typed, nativechat: Made, date: str
) -> None:
    simulation, config = nativechat(history=0)
    simulation.burst("support", 3, {"StartedAt": date})
    done = typed("backfill", "--config.file", config, "--since", "1d")
    assert (done.returncode, done.stdout) == (1, "")
    assert "dates_unverified: some conversations have a StartedAt that is no UTC text" in done.stderr
    assert date not in done.stderr


def test_the_end_is_the_command_that_loads_it(typed: Typed, nativechat: Made, tmp_path: Path) -> None:
    _, config = nativechat()
    to = tmp_path / "past.om"
    done = typed("backfill", "--config.file", config, "--since", "4d", "--step", "1d", "--to", to)
    command = f"promtool tsdb create-blocks-from --max-block-duration=9h openmetrics {to} data"
    assert done.stderr.splitlines()[-1] == command
    assert not to.with_name("past.om.resume").exists()


def test_a_file_in_the_way_is_never_overwritten(typed: Typed, nativechat: Made, tmp_path: Path) -> None:
    simulation, config = nativechat()
    to = tmp_path / "past.om"
    words = ["backfill", "--config.file", config, "--since", "1d", "--to", to]
    to.write_text("mine", "utf-8")
    done = typed(*words)
    assert (done.returncode, done.stderr) == (
        2,
        f"nativechat-exporter: {to} exists (name another file, or remove it)\n",
    )
    done = typed(*words, "--resume")
    complete, command = done.stderr.splitlines()
    advice = "for another past, remove it and begin anew; this loads it"
    assert (done.returncode, complete) == (0, f"{to} is complete: there is no {to}.resume ({advice}):")
    assert command == f"promtool tsdb create-blocks-from --max-block-duration=2h openmetrics {to} data"
    assert to.read_text("utf-8") == "mine"
    assert simulation.requests("support") == 0


class Api:
    """Has a document for each thousand seconds; rejects all requests from number `works_for` on."""

    def __init__(self) -> None:
        self.requests = 0
        self.works_for = 1_000_000

    async def __call__(self, request: Request) -> Response:
        self.requests += 1
        if self.requests > self.works_for:
            return Response(404)
        if not request.path.endswith("/_count"):
            return Response(200, b'[{"StartedAt": "2026-01-01T00:00:00Z"}]')
        [asked] = json.loads(parse_qs(request.query)["query"][0]).values()
        before = datetime.fromisoformat(asked.get("$lt", "2026-01-01T00:00:00.000Z")).timestamp()
        return Response(200, json.dumps({"count": int(before // 1000)}).encode())


@pytest.fixture
def api(serve: Callable[[Handler], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Api:
    """Serve an API, with a configuration for it in config.yaml."""
    monkeypatch.setenv("TOKEN", "made-up-token")
    api = Api()
    lines = [
        "api: {url: " + serve(api) + ", rate: none}",
        "bots: [{name: main, id: 5990b7b5d57ae86c1b2dfd6e, token: {env: TOKEN}}]",
        "queries: [{name: conversations, collection: conversations}]",
    ]
    (tmp_path / "config.yaml").write_text("\n".join(lines), "utf-8")
    return api


def interrupted(api: Api, typed: Typed, folder: Path, counts: int) -> tuple[list[str | Path], Path]:
    """Interrupt a backfill after so many counts; return its command line, and the file that it writes."""
    to = folder / "past.om"
    config = folder / "config.yaml"
    words: list[str | Path] = ["backfill", "--config.file", config, "--since", "2026-01-01", "--to", to]
    api.works_for = 4 + counts  # four requests prove the date format
    done = typed(*words, "--until", "2026-01-03")
    assert done.returncode == 1
    assert f"stopped after {counts} counts: bot main: rejected: " in done.stderr
    assert done.stderr.endswith("; go on with --resume\n") == bool(counts)
    api.works_for = 1_000_000
    return words, to


@pytest.mark.parametrize("counts", [1, 2, 30, 47])
def test_what_was_interrupted_continues_to_the_same_bytes(
    api: Api, typed: Typed, tmp_path: Path, counts: int
) -> None:
    words, to = interrupted(api, typed, tmp_path, counts)
    assert not to.exists()
    before = api.requests
    assert typed(*words, "--until", "2026-01-03", "--resume").returncode == 0
    assert api.requests - before == 4 + 48 - counts
    whole = typed(*words[:-2], "--until", "2026-01-03")
    assert to.read_text("utf-8") == whole.stdout


def test_what_was_interrupted_before_the_first_count_begins_anew(
    api: Api, typed: Typed, tmp_path: Path
) -> None:
    words, _ = interrupted(api, typed, tmp_path, 0)
    assert typed(*words, "--until", "2026-01-03").returncode == 0


def test_what_was_interrupted_is_not_begun_anew_by_accident(api: Api, typed: Typed, tmp_path: Path) -> None:
    words, to = interrupted(api, typed, tmp_path, 5)
    done = typed(*words, "--until", "2026-01-03")
    assert done.returncode == 2
    assert (
        f"{to} is an interrupted backfill (continue it with --resume, or remove it and {to}.resume)"
        in done.stderr
    )


def test_what_another_process_writes_is_left_to_it(api: Api, typed: Typed, tmp_path: Path) -> None:
    words, to = interrupted(api, typed, tmp_path, 5)
    journal = to.with_name("past.om.resume")
    before = journal.read_bytes()
    with journal.open("rb") as file:
        claim(file)
        done = typed(*words, "--until", "2026-01-03", "--resume")
    assert done.returncode == 1
    assert f"cannot write {to}: another process is writing it (wait until it has ended); go on" in done.stderr
    assert journal.read_bytes() == before
    assert typed(*words, "--until", "2026-01-03", "--resume").returncode == 0


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--until", "2026-01-04"], "--until"),
        (["--until", "2026-01-03", "--step", "2h"], "--step"),
        (
            ["--until", "2026-01-03", "--label", "job=x"],
            "configuration, NAME, --bot, --date-field or --label",
        ),
    ],
)
def test_with_other_flags_it_does_not_continue(
    api: Api, typed: Typed, tmp_path: Path, flags: list[str], named: str
) -> None:
    words, to = interrupted(api, typed, tmp_path, 5)
    before = api.requests
    done = typed(*words, *flags, "--resume")
    assert (done.returncode, done.stderr) == (
        2,
        f"nativechat-exporter: {to} was begun with another {named} (use the same as then)\n",
    )
    assert api.requests == before
    assert typed(*words, "--until", "2026-01-03", "--resume").returncode == 0


def test_relative_dates_stay_those_of_the_beginning(api: Api, typed: Typed, tmp_path: Path) -> None:
    to = tmp_path / "past.om"
    words = [
        "backfill",
        "--config.file",
        tmp_path / "config.yaml",
        "--since",
        "90d",
        "--step",
        "1d",
        "--to",
        to,
    ]
    api.works_for = 7
    typed(*words)
    journal = to.with_name("past.om.resume")
    head, _, rest = journal.read_text("utf-8").partition("\n")
    begun = json.loads(without_digest(head))
    earlier = {**begun, "since": begun["since"] - 86_400, "until": begun["until"] - 86_400}
    journal.write_text(f"{with_digest(json.dumps(earlier))}\n{rest}", "utf-8")
    api.works_for = 1_000_000
    assert typed(*words, "--resume").returncode == 0
    times = [time for values in samples(to.read_text("utf-8")).values() for time in values]
    assert earlier["since"] <= min(times) < earlier["since"] + 86_400
    assert earlier["until"] - 240 <= max(times) < earlier["until"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--since", "90"], "'--since': \"90\" is not a date"),
        (["--since", "1d", "--until", "now-1h"], "--until must be three hours ago at least"),
        (["--since", "1d", "--until", "soon"], "'--until': \"soon\" is not a date"),
        (["--since", "2h"], "there is no step between --since and --until (--until is now-3h unless given"),
        (["--since", "1d", "--step", "30s"], "'--step': a step is at least a minute"),
        (["--since", "1d", "--label", "job"], "'job' is not NAME=VALUE"),
        (["--since", "1d", "--label", "job=a", "--label", "job=b"], "'--label': job is there twice"),
        (["--since", "1d", "--label", "bot=x"], "--label bot: the series of conversations have this label"),
        (["--since", "1d", "--label", "__name__=x"], '"__name__" is reserved: names that begin with __'),
        (["--since", "1d", "--label", "1x=y"], '"1x" is not a label name'),
        (["--since", "1d", "--date-field", "mesages=SentAt"], "'mesages=SentAt' is not a field"),
        (
            ["--since", "1d", *("--date-field=a", "--date-field=b")],
            "a field without a collection is there twice",
        ),
        (
            ["--since", "1d", *("--date-field=a", "--date-field=conversations=b")],
            "conversations is there twice",
        ),
        (["--since", "1d", "--label", "job=\udcff"], "not valid Unicode"),
        (["--since", "1d", "--date-field", "\udcff"], "not valid Unicode"),
        (["--since", "1d", "--to", ""], "'--to': the name of a file is empty"),
        (["--since", "1d", "--resume"], "--resume needs --to"),
        (["--since", "1d", "--bot", "suport"], "no bot is called 'suport' (did you mean \"support\"?)"),
        (["by_chanel", "--since", "1d"], "no query is called 'by_chanel' (did you mean \"by_channel\"?)"),
        (["messages", "--since", "1d"], "messages: messages need --date-field messages=FIELD"),
    ],
)
def test_wrong_usage_is_reported_before_any_request(
    typed: Typed, nativechat: Made, words: list[str], complaint: str
) -> None:
    simulation, config = nativechat()
    done = typed("backfill", "--config.file", config, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in re.sub(r" \(env var: '\w+'\)", "", done.stderr)
    assert simulation.requests("support") == 0
