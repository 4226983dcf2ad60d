"""Laws of `conversations` and `messages`: every row once, in the requested order."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, cast

import pytest

from exporter.model import Collection
from exporter.simulator.faults import Fault
from exporter.simulator.simulation import Simulation

Typed = Callable[..., CompletedProcess[str]]
Made = Callable[..., tuple[Simulation, Path]]


def rows(done: CompletedProcess[str]) -> list[dict[str, Any]]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def everything(simulation: Simulation, collection: str, bot: str = "support") -> list[dict[str, Any]]:
    return simulation.page(bot, cast("Collection", collection), limit=10**9)


@pytest.mark.parametrize("collection", ["conversations", "messages"])
def test_every_row_comes_once_as_a_line_of_json(typed: Typed, nativechat: Made, collection: str) -> None:
    simulation, config = nativechat()
    found = rows(typed(collection, "--config.file", config))
    assert len(found) > 200
    assert found == everything(simulation, collection)


def test_shorter_pages_lose_no_row(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(max_limit=7)
    assert rows(typed("conversations", "--config.file", config)) == everything(simulation, "conversations")


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        (["--limit", "3"], slice(0, 3)),
        (["--limit", "130"], slice(0, 130)),
        (["--skip", "230"], slice(230, None)),
        (["--skip", "90", "--limit", "20"], slice(90, 110)),
        (["--skip", "100000"], slice(0, 0)),
        (["--limit", "0"], slice(0, 0)),
    ],
)
def test_limit_and_skip_select_a_part(typed: Typed, nativechat: Made, flags: list[str], part: slice) -> None:
    simulation, config = nativechat()
    found = rows(typed("conversations", "--config.file", config, *flags))
    assert found == everything(simulation, "conversations")[part]


@pytest.mark.parametrize(
    ("sort", "falling"),
    [("StartedAt", False), ("-StartedAt", True), ('{"StartedAt": 1}', False), (' {"StartedAt":-1}', True)],
)
def test_sort_takes_a_field_or_json(typed: Typed, nativechat: Made, sort: str, falling: bool) -> None:
    simulation, config = nativechat()
    found = [
        row["StartedAt"] for row in rows(typed("conversations", "--config.file", config, "--sort", sort))
    ]
    known = (row["StartedAt"] for row in everything(simulation, "conversations"))
    assert found == sorted(known, reverse=falling)


def test_sort_by_several_fields_keeps_their_order(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat()
    sort = '{"Data.user.LastName": -1, "Data.user.FirstName": 1}'
    found = [
        (row["Data"]["user"]["LastName"], row["Data"]["user"]["FirstName"])
        for row in rows(typed("conversations", "--config.file", config, "--sort", sort))
        if "user" in row["Data"]
    ]
    by_first = sorted(found, key=lambda name: name[1])
    assert found == sorted(by_first, key=lambda name: name[0], reverse=True)


def test_query_selects_the_rows_that_match(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    query = '{"$or": [{"Data.channel.ProviderName": "facebook"}, {"Messages.user": {"$gt": 3}}]}'
    found = rows(typed("conversations", "--config.file", config, "--query", query))
    assert found == [
        row
        for row in everything(simulation, "conversations")
        if row["Data"].get("channel", {}).get("ProviderName") == "facebook" or row["Messages"]["user"] > 3
    ]


def test_text_in_any_script_is_not_escaped(typed: Typed, paged: Callable[..., Any]) -> None:
    _, _, config = paged(1, text="Грешка “✓”\u2028")
    done = typed("messages", "--config.file", config, "--limit", "1")
    assert done.stdout == '{"_id": 0, "Text": "Грешка “✓”\u2028"}\n'


def test_a_text_truncated_within_an_emoji_is_still_valid_json(
    typed: Typed, paged: Callable[..., Any]
) -> None:
    _, _, config = paged(2, text="hi \ud83d")
    done = typed("messages", "--config.file", config)
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, '{"_id": 0, "Text": "hi \\ud83d"}')


def test_with_several_bots_a_flag_chooses_one(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(bots=2)
    found = rows(typed("messages", "--config.file", config, "--bot", "sales"))
    assert found == everything(simulation, "messages", bot="sales")
    assert simulation.requests("support") == 0


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "there are several bots (--bot takes one of support, sales)"),
        (["--bot", "suport"], "no bot is called 'suport' (did you mean \"support\"?)"),
        (["--bot", "x"], "no bot is called 'x' (known are support, sales)"),
        (["--query", "{Status: success}"], "--query': not JSON: "),
        (["--query", '["Status"]'], '--query\': not a JSON object (as {"Status": "success"})'),
        (["--sort", '{"StartedAt": "down"}'], "each field is sorted by 1 or -1"),
        (["--sort", '{"StartedAt": true}'], "each field is sorted by 1 or -1"),
        (["--sort", '{"StartedAt"'], "--sort': not JSON: "),
        (["--sort", '{"score": {"$meta": "textScore"}}'], "each field is sorted by 1 or -1"),
        (["--sort", '{"StartedAt": [1]}'], "each field is sorted by 1 or -1"),
        (["--sort", "-"], "--sort': no field is named (such as -StartedAt)"),
        (["--sort", " "], "--sort': no field is named"),
        (["--sort", "{}"], "--sort': no field is named"),
        (["--sort", '{"": 1}'], "--sort': no field is named"),
        (["--sort", "[1]"], "--sort': a field's name has no [ in front"),
        (["--sort", '-{"StartedAt": 1}'], "--sort': a field's name has no { in front"),
        (["--sort", '"StartedAt"'], "--sort': a field's name has no \" in front"),
        (["--sort", '{"StartedAt": 1, "$a": 1}'], "--sort': a field's name has no $ in front"),
        (["--sort", "\udcff"], "--sort': not valid Unicode"),
        (
            ["--query", '{"Errors": {"gt": 1}}'],
            '--query\': "gt" is the name of a field here, not an operator (write $gt)',
        ),
        (["--query", '{"StartedAt": {"$gte": "now-1h"}}'], '--query\': "now-1h" is compared as text'),
        (["--query", '{"$where": "x"}'], "--query': $where is refused: it runs JavaScript"),
        (["--query", '{"$gt": 1, "A": {"$in": 2}}'], "(write {Errors: {$gt: 0}}); $in takes a list"),
        (["--query", '{"StartedAt": {"$date": "{day}"}}'], '--query\': "{day}" is not a date'),
        (["--query", '{"Errors": 1, "Errors": 2}'], "--query': an object that has a key twice"),
        (["--query", '{"Errors": NaN}'], "--query': NaN, which is not JSON"),
        (["--query", '{"Errors": 1e999}'], "--query': a number too large to hold"),
        (["--query", '{"a":' * 20_000], "--query': not JSON: maximum recursion depth"),
        (["--query", '{"a": "\\ud800"}'], "--query': not valid Unicode"),
    ],
)
def test_wrong_usage_is_reported_before_any_request(
    typed: Typed, nativechat: Made, flags: list[str], complaint: str
) -> None:
    simulation, config = nativechat(bots=2)
    done = typed("conversations", "--config.file", config, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in re.sub(r" \(env var: '\w+'\)", "", done.stderr)
    assert simulation.requests("support") == 0


def test_a_download_without_a_row_prints_no_flags_to_continue(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    simulation.faults.set(Fault("status", status=404))
    done = typed("conversations", "--config.file", config)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "stopped after 0 conversations: rejected: GET conversations answered 404 "
        "(check the bot's id and api.url)\n"
    )


def test_what_is_missing_of_one_bot_stops_no_download_of_another(
    typed: Typed, nativechat: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, config = nativechat(bots=2)
    monkeypatch.delenv("TOKEN_SALES")
    assert typed("messages", "--config.file", config, "--bot", "support", "--limit", "1").returncode == 0
    done = typed("messages", "--config.file", config, "--bot", "sales")
    assert done.stderr == (
        "stopped after 0 messages: unauthorized: environment variable TOKEN_SALES is not set "
        "(set it before the exporter runs)\n"
    )
    text = config.read_text("utf-8")
    sales = text.index("id: ", text.index("name: sales"))
    config.write_text(f"{text[:sales]}id: {{env: SALES_ID}}{text[text.index(',', sales) :]}", "utf-8")
    done = typed("messages", "--config.file", config, "--bot", "sales")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "nativechat-exporter: environment variable SALES_ID is not set (set it before the exporter runs)\n"
    )


EXTENDED = {"dates": "extended-json", "shown_dates": "as-stored"}


@pytest.mark.parametrize("stored", ["iso", "extended-json", "epoch-ms"])
def test_since_and_until_select_by_date_in_whatever_form_dates_are_stored(
    typed: Typed, nativechat: Made, stored: str
) -> None:
    simulation, config = nativechat(wire="auto", dates=stored)
    dates = sorted(row["StartedAt"] for row in everything(simulation, "conversations"))
    since, until = dates[40], dates[90]
    found = rows(typed("conversations", "--config.file", config, "--since", since, "--until", until))
    assert sorted(row["StartedAt"] for row in found) == dates[40:90]


def test_a_duration_in_since_is_that_long_ago(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat()
    by_duration, by_math = (
        rows(typed("conversations", "--config.file", config, "--since", since)) for since in ("2d", "now-48h")
    )

    assert by_duration == by_math
    assert by_duration


def test_date_math_works_in_since_and_in_the_query(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(wire="extended-json", dates="extended-json")
    by_since = rows(typed("conversations", "--config.file", config, "--since", "now-2d"))
    query = '{"StartedAt": {"$gte": {"$date": "now-2d"}}, "Status": "success"}'
    by_query = rows(typed("conversations", "--config.file", config, "--query", query))
    assert 0 < len(by_since) < len(everything(simulation, "conversations"))
    assert by_query == [row for row in by_since if row.get("Status") == "success"]


def test_messages_take_a_date_field(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    dates = sorted(row["SentAt"] for row in everything(simulation, "messages"))
    flags = ("--date-field", "SentAt", "--until", dates[30])
    found = rows(typed("messages", "--config.file", config, *flags))
    assert sorted(row["SentAt"] for row in found) == [date for date in dates if date < dates[30]]


def test_a_date_format_that_is_not_proven_downloads_nothing(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat(dates="extended-json")
    done = typed("conversations", "--config.file", config, "--since", "now-2d")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("stopped after 0 conversations: dates_unverified: ")


@pytest.mark.parametrize("date", ["1999-11-10T05:30:00Z", "2999-11-10T05:30:00Z"])
def test_one_date_outside_of_utc_at_either_end_downloads_nothing(
    typed: Typed, nativechat: Made, date: str
) -> None:
    simulation, config = nativechat()
    flags = ("--config.file", config, "--since", "now-2d")
    simulation.burst("support", 1, {"StartedAt": date})
    assert typed("conversations", *flags).returncode == 0
    simulation.burst("support", 1, {"StartedAt": date.replace("Z", "+02:00")})
    done = typed("conversations", *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert "some conversations have a StartedAt that is no UTC text" in done.stderr


def test_seconds_are_not_taken_for_milliseconds(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(wire="epoch-ms", dates="epoch-ms", shown_dates="as-stored", history=0)
    flags = ("--config.file", config, "--since", "2000-01-01")
    simulation.burst("support", 1, {"StartedAt": 1_795_910_400})
    done = typed("conversations", *flags)
    assert (done.returncode, done.stdout) == (1, "")
    assert "dates_unverified: conversations have the field StartedAt" in done.stderr
    simulation.burst("support", 1, {"StartedAt": 1_795_910_400_000})
    assert "2 conversations have the field StartedAt, but only 1" in typed("conversations", *flags).stderr
    simulation.forget("support", {"StartedAt": 1_795_910_400})
    assert len(rows(typed("conversations", *flags))) == 1


def test_dates_are_printed_as_the_api_shows_them(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(**EXTENDED)
    found = rows(typed("conversations", "--config.file", config))
    assert found == everything(simulation, "conversations")
    assert found[0]["StartedAt"].keys() == {"$date"}


def test_fields_choose_what_is_printed(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat()
    flags = ("--fields", "_id, Data.user.FirstName,Nothing")
    found = rows(typed("conversations", "--config.file", config, *flags))
    assert found == [
        {"_id": row["_id"]}
        | ({"Data.user.FirstName": row["Data"]["user"]["FirstName"]} if "user" in row["Data"] else {})
        for row in everything(simulation, "conversations")
    ]


def test_a_field_of_null_is_printed_as_null_and_not_called_missing(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(history=0)
    for value in (None, {"b": None}, [{"b": None}, {"c": 1}, 2]):
        simulation.burst("support", 1, {"A": value})
    done = typed("conversations", "--config.file", config, "--fields", "A.b,A")
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.splitlines()) == [
        '{"A": null}',
        '{"A.b": null, "A": [{"b": null}, {"c": 1}, 2]}',
        '{"A.b": null, "A": {"b": null}}',
    ]


def test_csv_has_a_column_for_each_field(typed: Typed, nativechat: Made) -> None:
    simulation, config = nativechat(documents="untidy", **EXTENDED)
    paths = ["_id", "Канал", "StartedAt", "Errors", "Tags", "Steps.Done", "Rating"]
    flags = ("--output", "csv", "--fields", ",".join(paths))
    done = typed("conversations", "--config.file", config, *flags)
    head, *found = csv.reader(io.StringIO(done.stdout))
    known = everything(simulation, "conversations")
    assert (done.returncode, head) == (0, paths)
    for cells, row in zip(found, known, strict=True):
        started = json.dumps(row["StartedAt"]) if "StartedAt" in row else ""
        assert cells[:3] == [row["_id"], row["Канал"], started]
        assert cells[4:6] == [
            json.dumps(row["Tags"], ensure_ascii=False),
            json.dumps([step["Done"] for step in row["Steps"]]),
        ]
        assert cells[6] == ("" if row["Rating"] is None else str(row["Rating"]))


@pytest.mark.parametrize("output", ["jsonl", "csv"])
def test_a_field_that_no_row_has_is_told(typed: Typed, nativechat: Made, tmp_path: Path, output: str) -> None:
    _, config = nativechat(history=50)
    words = ["conversations", "--config.file", config, "--output", output]
    flags = ["--fields", "_id,Data.user.LastName,Data.usr,Data.usr", "--limit", "30"]
    told = (
        "none of the 30 conversations has the field Data.usr (remove it from --fields, or correct its name)\n"
    )
    file = tmp_path / "rows"

    assert typed(*words, *flags).stderr == told
    assert typed(*words, *flags, "--to", file).stderr == f"{file} has 30 conversations\n{told}"
    assert typed(*words, *flags[:-1], "0").stderr == ""


def test_csv_has_each_text_as_it_is_in_one_row(typed: Typed, nativechat: Made, tmp_path: Path) -> None:
    texts = ["two\nlines", "cr\ronly", "both\r\n", "\u2028", "a,b", 'q"', "=1+1", " ", "", "nul\0"]
    simulation, config = nativechat(history=0)
    for text in texts:
        simulation.burst("support", 1, {"Text": text})
    file = tmp_path / "rows.csv"
    words = ["conversations", "--config.file", config, "--output", "csv", "--fields", "Text,_id,Text"]
    printed, written = typed(*words), typed(*words, "--sort", "_id", "--to", file)
    assert (printed.returncode, written.returncode) == (0, 0), written.stderr
    for content in (printed.stdout, file.read_bytes().decode()):
        _, *found = csv.reader(io.StringIO(content, newline=""))
        assert sorted((row[0], row[2]) for row in found) == sorted(zip(texts, texts, strict=True))


@pytest.mark.parametrize("how", [{"max_limit": 10, "over_limit": "refuse"}, {"refuse": "limit"}], ids=repr)
def test_an_api_that_refuses_the_limit_gives_all_rows_in_pages_of_its_own_size(
    typed: Typed, nativechat: Made, tmp_path: Path, how: dict[str, Any]
) -> None:
    simulation, config = nativechat(default_limit=10, **how)
    file, recent = tmp_path / "rows", tmp_path / "recent"
    words = ("conversations", "--config.file", config)

    assert rows(typed(*words)) == everything(simulation, "conversations")
    assert len(rows(typed(*words, "--limit", "25"))) == 25
    assert typed(*words, "--to", file).returncode == 0
    assert len(file.read_text("utf-8").splitlines()) == len(everything(simulation, "conversations"))
    assert typed(*words, "--since", "365d", "--to", recent).returncode == 0
    assert recent.read_text("utf-8") == file.read_text("utf-8")


def test_an_api_that_ignores_skip_is_no_reason_to_go_on_with_skip(typed: Typed, nativechat: Made) -> None:
    _, config = nativechat(ignore="skip")
    done = typed("conversations", "--config.file", config)

    assert done.returncode == 1
    assert done.stderr.endswith("seems to ignore `skip` (download with --to, which needs no `skip`)\n")


def test_an_api_that_refuses_the_order_is_no_reason_to_check_a_predicate(
    typed: Typed, nativechat: Made
) -> None:
    _, config = nativechat(refuse="sort")
    done = typed("conversations", "--config.file", config, "--sort", "StartedAt")

    assert done.returncode == 1
    assert done.stderr.endswith(
        "answered 400 (check --query and --sort; `explore` shows which operators and sorts the API takes)\n"
    )


@pytest.mark.parametrize(
    ("command", "flags", "complaint"),
    [
        ("messages", ["--since", "now-1d"], "--since and --until need --date-field"),
        ("conversations", ["--since", "yesterday"], '"yesterday" is not a date'),
        ("conversations", ["--until", "-1d"], "T16:00:00Z), or a duration, such as 90d"),
        ("conversations", ["--query", '{"StartedAt": {"$date": "now-1x"}}'], '"now-1x" is not a date'),
        ("conversations", ["--output", "csv"], "--output csv needs --fields"),
        ("conversations", ["--fields", ""], "'--fields': no field is named"),
        ("conversations", ["--resume"], "--resume needs --to"),
        ("conversations", ["--to", ""], "'--to': the name of a file is empty"),
        ("conversations", ["--to", "/dev/full"], "'/dev/full' is not a regular file (name another)"),
        ("conversations", ["--to", "/"], "'/' is not a regular file (name another)"),
        ("conversations", ["--to", "a" * 300], "cannot be written: file name too long"),
        ("conversations", ["--since", "1d", "--date-field", ""], "need --date-field, the field that has the"),
        ("conversations", ["--to", "rows", "--skip", "3"], "--skip does not go with --to"),
        ("conversations", ["--to", "rows", "--sort", '{"a": 1, "b": 1}'], "--sort by one field"),
        ("conversations", ["--date-field", "$date"], "a field's name has no $ in front"),
        ("conversations", ["--since", "now", "--until", "now-1d"], "--since is not before --until"),
    ],
)
def test_flags_that_do_not_fit_are_wrong_usage(
    typed: Typed, nativechat: Made, command: str, flags: list[str], complaint: str
) -> None:
    simulation, config = nativechat()
    done = typed(command, "--config.file", config, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in re.sub(r" \(env var: '\w+'\)", "", done.stderr)
    assert simulation.requests("support") == 0
