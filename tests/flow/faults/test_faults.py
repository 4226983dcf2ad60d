"""An API that misbehaves in every way we know: no wrong number, the right reason, nobody else disturbed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.flow.conftest import Metrics, Running, StartExporter
    from tests.flow.faults.conftest import Api, Script

TOKEN = "t0ken-that-nobody-may-see"
STALE_AFTER = 4
GOOD = 4711
REASONS = (
    "unreachable",
    "timeout",
    "throttled",
    "server_error",
    "unauthorized",
    "rejected",
    "bad_answer",
    "dates_unverified",
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def body(text: bytes) -> Script:
    return lambda wire: wire.answer(text)


def status(code: int, *headers: str) -> Script:
    return lambda wire: wire.refuse(code, *headers)


# name: the reason that counts, and what the API does
FAULTS: dict[str, tuple[str, Script]] = {
    "negative": ("bad_answer", body(b'{"count": -1}')),
    "fraction": ("bad_answer", body(b'{"count": 1.5}')),
    "boolean": ("bad_answer", body(b'{"count": true}')),
    "null": ("bad_answer", body(b'{"count": null}')),
    "nan": ("bad_answer", body(b'{"count": NaN}')),
    "numeric_text": ("bad_answer", body(b'{"count": "12"}')),
    "array": ("bad_answer", body(b"[12]")),
    "empty": ("bad_answer", body(b"")),
    "html": ("bad_answer", body(b"<!doctype html><p>0</p>")),
    "disagreement": ("bad_answer", body(b'{"count": 12, "Result": 13}')),
    "with_error": ("bad_answer", body(b'{"count": 12, "error": "InternalError"}')),
    "with_message": ("bad_answer", body(b'{"count": 12, "message": "partial"}')),
    "with_error_code": ("bad_answer", body(b'{"count": 12, "errorCode": 1}')),
    "list_envelope": ("bad_answer", body(b'{"Count": 2, "Result": [{}, {}]}')),
    "no_content": ("bad_answer", lambda wire: wire.send(b"HTTP/1.1 204 No Content\r\n\r\n")),
    "truncated": ("bad_answer", lambda wire: wire.send(HEAD + b'Content-Length: 13\r\n\r\n{"cou')),
    "oversize": ("bad_answer", body(b"12".rjust(70_000))),
    "endless": ("bad_answer", lambda wire: wire.flood(b"1" * 4_096, HEAD + b"\r\n")),
    "status_401": ("unauthorized", status(401)),
    "status_403": ("unauthorized", status(403)),
    "status_400": ("rejected", status(400)),
    "status_404": ("rejected", status(404)),
    "redirect": ("rejected", lambda wire: wire.refuse(302, f"Location: {wire.elsewhere}")),
    "status_429": ("throttled", status(429)),
    "status_429_retry_after": ("throttled", status(429, "Retry-After: 1")),
    "status_503_retry_after": ("throttled", status(503, "Retry-After: 1")),
    "status_500": ("server_error", status(500)),
    "status_503": ("server_error", status(503)),
    "hang": ("timeout", lambda wire: wire.hang()),
    "drip_headers": ("timeout", lambda wire: wire.drip(HEAD)),
    "drip_body": ("timeout", lambda wire: wire.drip(b" ", HEAD + b"Content-Length: 99\r\n\r\n")),
    "reset": ("unreachable", lambda wire: wire.reset()),
    "refused": ("unreachable", lambda wire: wire.reset()),  # its server is gone altogether
}


@dataclass
class Seen:
    """What was seen while the API was faulty, scrape by scrape, and after it had got well again."""

    exporter: Running
    during: list[Metrics] = field(default_factory=list)
    scrape_seconds: list[float] = field(default_factory=list)
    page: str = ""
    elsewhere: list[bytes] = field(default_factory=list)
    after: Metrics | None = None

    def scrape(self) -> Metrics:
        began = time.monotonic()
        text = self.exporter.ask("/metrics").text
        self.scrape_seconds.append(time.monotonic() - began)
        self.during.append(self.exporter.parse(text))
        return self.during[-1]


def value(metrics: Metrics, bot: str) -> float | None:
    return metrics.value("nativechat_conversations", bot=bot)


def failures(metrics: Metrics, bot: str) -> dict[str, float]:
    return metrics.by("reason", "nativechat_exporter_query_failures_total", bot=bot)


def config(urls: dict[str, str], query: dict[str, Any]) -> dict[str, Any]:
    return {
        "api": {"timeout": "1500ms", "retries": 1, "concurrency": 2},
        "bots": [
            {"name": name, "id": name, "token": {"env": "TOKEN"}, "api": {"url": url}}
            for name, url in urls.items()
        ],
        "queries": [query | {"every": "1s", "stale_after": f"{STALE_AFTER}s"}],
    }


@pytest.fixture(scope="module", params=["from the start", "after a good value"])
def seen(
    request: pytest.FixtureRequest,
    serve: Callable[..., Api],
    exporter: StartExporter,
    query: Callable[..., dict[str, Any]],
    uncovered: dict[str, str],
) -> Seen:
    """Run one exporter with a bot for each fault and one that is well, through sickness and recovery."""
    elsewhere, gone = serve(), serve()
    api = serve({name: script for name, (_, script) in FAULTS.items()}, f"{elsewhere.url}/bots/well/")

    def sicken() -> None:
        api.faulty = True
        gone.vanish()

    if request.param == "from the start":
        sicken()
    urls = dict.fromkeys((*FAULTS, "well"), api.url) | {"refused": gone.url}
    running = exporter(config(urls, query()), env=uncovered | {"TOKEN": TOKEN})
    running.ask("/-/healthy")  # it serves: from here on a scrape's time is its own
    if request.param == "after a good value":
        running.until(well)
        sicken()
    seen = Seen(running)
    deadline = time.monotonic() + 30
    while not sick(seen.scrape()) and time.monotonic() < deadline:
        time.sleep(0.05)
    seen.page = running.ask("/").text
    seen.elsewhere = elsewhere.heads
    api.faulty = False
    gone.appear()
    seen.after = running.until(well)
    running.until(lambda _: len(running.log("query works again")) >= len(FAULTS))
    return seen


def well(metrics: Metrics) -> bool:
    """Tell whether every bot has its value."""
    return all(value(metrics, bot) == GOOD for bot in FAULTS)


def sick(metrics: Metrics) -> bool:
    """Tell whether every bot's last good value is gone, and every one has failed more than once."""
    return all(value(metrics, bot) is None and sum(failures(metrics, bot).values()) > 1 for bot in FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_never_makes_a_number(seen: Seen, fault: str, request: pytest.FixtureRequest) -> None:
    shown = [value(metrics, fault) for metrics in seen.during]
    assert shown[-1] is None
    if "from the start" in request.node.name:
        assert set(shown) == {None}
    else:
        gone_at = shown.index(None)
        assert set(shown[:gone_at]) == {GOOD}, "the last good value stays for a while"
        assert set(shown[gone_at:]) == {None}, "and is gone for good"
        failing = [metrics for metrics in seen.during[:gone_at] if any(failures(metrics, fault).values())]
        assert failing, "a failure does not take the value away at once"


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_counts_with_its_reason_and_no_other(seen: Seen, fault: str) -> None:
    counted = failures(seen.during[-1], fault)
    assert counted.keys() == set(REASONS)
    assert {reason for reason, count in counted.items() if count} == {FAULTS[fault][0]}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_takes_the_query_and_the_bot_down_and_its_end_brings_them_back(
    seen: Seen, fault: str
) -> None:
    assert seen.after is not None
    for name in ("nativechat_exporter_query_up", "nativechat_up"):
        assert seen.after.value(name, bot=fault) == 1
        if (name, fault) != ("nativechat_up", "status_400"):  # a bot that refuses one predicate is not down
            assert seen.during[-1].value(name, bot=fault) == 0, name


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_log_line_when_it_begins_and_one_when_it_ends(seen: Seen, fault: str) -> None:
    (began,) = seen.exporter.log("query fails", bot=fault)
    (ended,) = seen.exporter.log("query works again", bot=fault)
    assert began["query"] == ended["query"] == "conversations"
    assert began["reason"] == ended["reason"] == FAULTS[fault][0]
    assert began["advice"]
    assert not seen.exporter.log("query fails for another reason", bot=fault)


def test_a_bot_that_is_well_is_counted_on_throughout(seen: Seen) -> None:
    shown = [number for metrics in seen.during if (number := value(metrics, "well")) is not None]
    assert shown == sorted(shown)
    assert len(set(shown)) >= STALE_AFTER - 1
    assert not any(failures(seen.during[-1], "well").values())
    assert not seen.exporter.log("query fails", bot="well")


def test_metrics_are_served_promptly_throughout(seen: Seen) -> None:
    assert len(seen.scrape_seconds) > 3
    assert max(seen.scrape_seconds) < 1


def test_a_redirect_is_not_followed_with_the_token_nor_without(seen: Seen) -> None:
    assert seen.elsewhere == []


def test_the_token_is_in_no_output(seen: Seen) -> None:
    for text in (seen.exporter.output, seen.page, *(metrics.text for metrics in seen.during)):
        assert TOKEN not in text


def test_the_status_page_tells_each_fault(seen: Seen) -> None:
    for fault, (reason, _) in FAULTS.items():
        assert f'id="{fault}.conversations"' in seen.page
        assert f"{reason}: " in seen.page
    assert f"{len(FAULTS)} of {len(FAULTS) + 1} failing" in seen.page


def test_no_fault_is_a_defect_of_the_exporter(seen: Seen) -> None:
    assert "Traceback" not in seen.exporter.output
    assert seen.during[-1].value("nativechat_exporter_internal_errors_total") == 0
