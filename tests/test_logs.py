"""Laws of log lines: one event is one line, and reads back."""

from __future__ import annotations

import json
import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import logs
from exporter.logs import LogFormat, fields
from exporter.model import Secret

Lines = Callable[[], list[str]]

_PAIR = re.compile(r'(?P<name>\w+)=(?P<value>"(?:[^"\\]|\\.)*"|[^" =\\]+)(?: |$)')


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Restore the root logger after a test: `set_up` changes it for the whole process."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    yield
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Return what was written to standard error since the last call."""

    def written() -> list[str]:
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()

    return written


def formatter(log_format: LogFormat) -> logging.Formatter:
    logs.set_up("debug", log_format)
    found = logging.getLogger().handlers[0].formatter
    assert found is not None
    return found


def record(message: str, told: dict[str, Any] | None = None, level: int = logging.INFO) -> logging.LogRecord:
    made = logging.LogRecord("any", level, "any.py", 1, message, (), None)
    made.created = 1_750_000_000.25
    made.fields = told or {}
    return made


def read_logfmt(line: str) -> dict[str, str]:
    """Return the pairs of a line, and check that every character belongs to one."""
    pairs = list(_PAIR.finditer(line))
    assert "".join(pair[0] for pair in pairs) == line
    values = {pair["name"]: pair["value"] for pair in pairs}
    return {name: json.loads(text) if text[0] == '"' else text for name, text in values.items()}


@given(st.text(), st.dictionaries(st.from_regex("f[a-z_]{0,8}", fullmatch=True), st.text()))
def test_every_event_is_one_printable_line_of_logfmt_and_reads_back(
    message: str, told: dict[str, str]
) -> None:
    line = formatter("logfmt").format(record(message, told))
    assert line.isprintable()
    event = read_logfmt(line)
    assert event == {"ts": "2025-06-15T15:06:40.250Z", "level": "info", "msg": message, **told}


@given(st.text(), st.dictionaries(st.text().map("f{}".format), st.text() | st.integers() | st.booleans()))
def test_every_event_is_one_printable_line_of_json_and_reads_back(message: str, told: dict[str, Any]) -> None:
    line = formatter("json").format(record(message, told))
    assert line.isprintable()
    assert json.loads(line) == {"ts": "2025-06-15T15:06:40.250Z", "level": "info", "msg": message, **told}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("support", "support"),
        ("", '""'),
        ("two words", '"two words"'),
        ("a=b", '"a=b"'),
        ('say "no"', r'"say \"no\""'),
        ("back\\slash", r'"back\\slash"'),
        ("two\nlines in Зелен", r'"two\nlines in Зелен"'),
        ("паролата", "паролата"),
        ("\u2028", r'"\u2028"'),
        ("\x9b31m", r'"\u009b31m"'),
        (429, "429"),
        (True, "true"),
        (0.25, "0.25"),
        (100.0, "100"),
        (1 / 3, "0.333"),
        (Secret("s3cret"), "•••"),
    ],
)
def test_a_value_is_quoted_only_where_it_must_be(value: object, written: str) -> None:
    assert formatter("logfmt").format(record("event", {"it": value})).endswith(f" it={written}")


def test_a_field_without_a_value_is_left_out() -> None:
    assert fields(bot="support", status=None, skipped=0) == {"fields": {"bot": "support", "skipped": 0}}


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_a_log_line_shows_no_secret(log_format: LogFormat) -> None:
    line = formatter(log_format).format(record("event", {"token": Secret("s3cret")}))
    assert "s3cret" not in line
    assert "•••" in line


@pytest.mark.parametrize(
    ("level", "name"),
    [(10, "debug"), (15, "info"), (20, "info"), (30, "warn"), (40, "error"), (50, "error"), (60, "error")],
)
def test_every_level_has_one_of_four_names(level: int, name: str) -> None:
    assert json.loads(formatter("json").format(record("event", level=level)))["level"] == name


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warn", 2), ("error", 1)])
def test_only_lines_at_the_level_or_above_are_written(lines: Lines, level: str, written: int) -> None:
    logs.set_up(level, "logfmt")
    for number in logs.LEVELS.values():
        logging.getLogger("exporter.any").log(number, "event")
    assert len(lines()) == written


@pytest.mark.parametrize("level", logs.LEVELS)
def test_urllib3_never_logs_because_its_lines_have_ids_and_predicates(lines: Lines, level: str) -> None:
    logs.set_up(level, "logfmt")
    pool = logging.getLogger("urllib3.connectionpool")
    pool.debug('"GET /v1/bots/5990b7b5d57ae86c1b2dfd6e/messages?query=%s HTTP/1.1" 200', '{"User":"Zoë"}')
    pool.warning("Failed to parse headers (url=%s)", "http://a.example/v1/bots/5990b7b5d57ae86c1b2dfd6e")
    assert lines() == []


def test_setting_up_again_replaces_the_format(lines: Lines) -> None:
    logs.set_up("info", "logfmt")
    logs.set_up("info", "json")
    logging.getLogger("any").info("event", extra=fields(bot="support"))
    [line] = lines()
    assert json.loads(line)["bot"] == "support"


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_a_traceback_stays_on_the_line_of_its_event(lines: Lines, log_format: LogFormat) -> None:
    logs.set_up("info", log_format)
    try:
        _ = 1 // 0
    except ZeroDivisionError:
        logging.getLogger("any").exception("internal error")
    [line] = lines()
    event = json.loads(line) if log_format == "json" else read_logfmt(line)
    assert event["msg"] == "internal error"
    assert event["traceback"].startswith("Traceback (most recent call last):\n")
    assert event["traceback"].endswith("ZeroDivisionError: integer division or modulo by zero")


def test_an_error_that_repeats_is_logged_each_time_and_its_traceback_once(lines: Lines) -> None:
    logs.set_up("info", "json")
    for _ in range(3):
        try:
            _ = 1 // 0
        except ZeroDivisionError:
            logging.getLogger("any").exception("internal error")
    first, *others = map(json.loads, lines())
    assert "traceback" in first
    assert ["traceback" in other for other in others] == [False, False]
    assert {event["exception"] for event in (first, *others)} == {
        "ZeroDivisionError('integer division or modulo by zero')"
    }


def test_a_warning_of_a_package_is_a_log_line(lines: Lines) -> None:
    logs.set_up("info", "logfmt")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("old ways", DeprecationWarning, "any.py", 1)
    [line] = lines()
    event = read_logfmt(line)
    assert event["level"] == "warn"
    assert "DeprecationWarning: old ways" in event["msg"]


class Stuck(logging.Handler):
    """Blocks each write until `go` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.go = threading.Event()
        self.nearly_done = threading.Event()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        assert self.go.wait(30)
        self.lines.append(record.getMessage())
        if len(self.lines) == logs.MOST_WAITING:
            self.nearly_done.set()


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    root, handler = logging.getLogger(), Stuck()
    before, root.handlers[:] = root.handlers[:], [handler]
    yield handler
    root.handlers[:] = before


def test_if_the_reader_stops_nothing_blocks_and_the_number_of_lost_lines_is_logged(stuck: Stuck) -> None:
    @logs.unblocked
    def command() -> int:
        for number in range(logs.MOST_WAITING + 5):
            logging.getLogger("x").warning("line %d", number)
        stuck.go.set()
        # The end waits for a second only, and ends the process if that is too short.
        assert stuck.nearly_done.wait(30)
        return 3

    assert command() == 3
    assert stuck.lines[:2] == ["line 0", "line 1"]
    assert stuck.lines.count("log lines were lost") == 1
    assert logs.MOST_WAITING <= len(stuck.lines) - 1 <= logs.MOST_WAITING + 1


def test_every_line_is_written_before_the_end(stuck: Stuck) -> None:
    @logs.unblocked
    def command() -> int:
        for number in range(100):
            logging.getLogger("x").warning("line %d", number)
        return 0

    stuck.go.set()
    command()
    assert len(stuck.lines) == 100
    assert stuck in logging.getLogger().handlers


def test_a_thread_that_outlives_the_command_writes_nothing(stuck: Stuck) -> None:
    late, done = threading.Event(), threading.Event()

    def outlive() -> None:
        assert late.wait(30)
        logging.getLogger("x").warning("too late")
        done.set()

    @logs.unblocked
    def command() -> int:
        threading.Thread(target=outlive, daemon=True).start()
        return 0

    stuck.go.set()
    assert command() == 0
    late.set()
    assert done.wait(30)
    assert stuck.lines == []
