"""What a real browser shows of the status page."""

from __future__ import annotations

import re
import struct
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from exporter.simulator.faults import Fault

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Browse = Callable[..., str]

PICTURE = Path(__file__).parents[2] / "docs/status-page.png"


@pytest.fixture(scope="module")
def browse(
    installed: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., str]:
    """Open an address in headless Chromium, with further flags; gives what it prints."""

    def browse(address: str, *flags: str) -> str:
        home = tmp_path_factory.mktemp("chromium")
        shown = subprocess.run(
            [
                installed("chromium", "chromium"),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--user-data-dir={home}",
                *flags,
                f"http://{address}/",
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        return shown.stdout

    return browse


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    """Three bots, of which the second refuses its token, and the third limits its requests."""
    chat = nativechat(bots=3, history=1500)
    chat.simulation.faults.set(Fault("status", status=429, retry_after="300"), chat.names[2])
    chat.simulation.faults.set(Fault("status", status=401), chat.names[1])
    return chat


@pytest.fixture(scope="module")
def running(exporter: StartExporter, chat: Chat, query: Callable[..., dict[str, Any]]) -> Running:
    outcomes = query(
        "by_outcome",
        help='Talks & "their" <outcome>.',
        labels={"outcome": ["success", "error"]},
        query={"Status": "{outcome}"},
    )
    running = exporter(chat.config([query(), outcomes]), env=chat.environ)
    running.until(
        lambda metrics: (
            metrics.value("nativechat_exporter_series") == 3
            and running.log("bot is down", bot=chat.names[1])
            and metrics.value("nativechat_exporter_api_requests_total", bot=chat.names[2], code="429")
        )
    )
    return running


@pytest.fixture(scope="module")
def cards(running: Running, browse: Browse) -> dict[str, str]:
    """The text of each card by its heading, a query's by bot and query, after the script has run."""
    dom = browse(running.address, "--virtual-time-budget=1000", "--dump-dom")
    cards = {"": text_of(dom)}
    for html in re.findall(r"<article(.*?)</article>", dom, re.DOTALL):
        name = re.match(r' id="([^"]*)"', html)
        heading = re.search(r"<h3[^>]*>(.*?)</h3>", html, re.DOTALL)
        assert heading
        cards[name[1] if name else text_of(heading[1])] = text_of(html)
    return cards


def text_of(html: str) -> str:
    """Return the visible text, with single blanks for white space."""
    seen = re.sub(r"<(style|script).*?</\1>|<[^>]*>", " ", html.replace("<wbr>", ""), flags=re.DOTALL)
    return " ".join(unescape(seen).split())


def shown(count: int) -> str:
    return f"{count:,}".replace(",", " ")


def test_the_page_shows_each_bot_and_whether_it_answers(chat: Chat, cards: dict[str, str]) -> None:
    well, refused, throttled = chat.names
    assert f"{well} ✓ up Last request" in cards[well]
    assert re.search(rf"{refused} ✕ down down since \d\d:\d\d:\d\d UTC \(.*\) Last request", cards[refused])
    paused = r"paused until [\d: -]+ UTC \(in [45] min.*\) Last request"
    assert re.search(paused, cards[throttled])
    assert "unauthorized: GET" in cards[refused]
    assert "check the bot's token and id" in cards[refused]


def test_the_page_shows_each_query_its_values_and_their_ages(chat: Chat, cards: dict[str, str]) -> None:
    well = chat.names[0]
    card = cards[f"{well}.conversations"]
    assert f"nativechat_conversations ✓ up bot ={well} · Counted. counts conversations" in card
    schedule = r"Last run .* Next run .* Took \d+ ms Last success .* Every 1 s Stale after 30 s"
    count = chat.simulation.counts(well)["conversations"]
    assert re.search(rf" {shown(count)} counted .* {schedule}$", card)
    outcomes = cards[f"{well}.by_outcome"]
    assert 'Talks & "their" <outcome>.' in outcomes
    assert 'counts conversations where {"Status":"{outcome}"}' in outcomes
    for outcome in ("success", "error"):
        count = chat.simulation.count(well, "conversations", {"Status": outcome})
        assert f"outcome ={outcome} {shown(count)} " in outcomes


def test_the_page_shows_what_is_wrong_with_a_query_and_since_when(chat: Chat, cards: dict[str, str]) -> None:
    card = cards[f"{chat.names[1]}.conversations"]
    assert "✕ failing" in card
    since = (
        r"never succeeded, failing since \d\d:\d\d:\d\d UTC \(.*\): unauthorized: .* \(check the bot's token "
    )
    assert re.search(since, card)
    assert "Last success never" in card
    assert "– no count" in card
    assert re.search(r"[2-4] of 6 failing", cards[""])


def test_the_page_s_own_script_and_style_run_under_its_policy(
    cards: dict[str, str], running: Running
) -> None:
    assert "metrics configuration healthy ready live" in cards[""]
    policy = running.ask("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/-/config"])
def test_no_token_is_shown(chat: Chat, running: Running, path: str) -> None:
    answer = running.ask(path)
    assert answer.status == 200
    assert not [token for token in chat.tokens if token in answer.text]


def test_the_page_can_be_pictured(running: Running, browse: Browse, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    browse(running.address, "--hide-scrollbars", "--window-size=900,600", f"--screenshot={picture}")
    assert size_of(picture) == (900, 600)


def test_the_documented_picture_is_a_small_png() -> None:
    assert size_of(PICTURE)[0] >= 1000
    assert PICTURE.stat().st_size < 200_000


def size_of(picture: Path) -> tuple[int, int]:
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", head[16:])
    return width, height
