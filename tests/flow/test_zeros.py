"""Counts of 0 are told apart: by a misspelt field, by a value that never occurs, and true ones."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, StartExporter

STATUSS = "no conversation has `Statuss`: nothing happened yet, or it is misspelt (did you mean `Status`?)"
NEVER = 'no conversation has "sucess" in `Status`: nothing happened yet, or it is misspelt'
UNKNOWN = "nativechat_exporter_query_unknown_"
ZEROS = ("misspelt", "never", "true")


def test_zeros_explain_themselves_in_log_metric_and_page_and_harm_nothing(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Callable[..., dict[str, Any]]
) -> None:
    chat = nativechat(history=300)
    [bot] = chat.names
    queries = [
        query("misspelt", query={"Statuss": "success"}),
        query("never", query={"Status": "sucess"}),
        query("true", query={"Errors": {"$gt": 1000}, "Status": "success"}),
        query("conversations"),
    ]
    running = exporter(chat.config(queries), env=chat.environ)
    metrics = running.until(
        lambda metrics: metrics.values(f"{UNKNOWN}fields") and metrics.values(f"{UNKNOWN}values")
    )
    lines = running.log("a count of 0 may be a mistake")
    assert {(line["level"], line["bot"], line["query"], line["why"]) for line in lines} == {
        ("info", bot, "misspelt", STATUSS),
        ("info", bot, "never", NEVER),
    }
    # A look at all documents, at each of three fields, and at a value; the runs so far have one request each.
    runs = sum(metrics.values("nativechat_exporter_query_runs_total"))
    assert metrics.by("query", f"{UNKNOWN}fields") == {"misspelt": 1.0}
    assert metrics.by("query", f"{UNKNOWN}values") == {"never": 1.0}
    assert [metrics.value(f"nativechat_{name}", bot=bot) for name in ZEROS] == [0.0] * 3
    assert metrics.value("nativechat_up", bot=bot) == 1.0
    assert not sum(metrics.values("nativechat_exporter_query_failures_total"))
    assert sum(metrics.values("nativechat_exporter_api_requests_total")) <= runs + 5
    page = unescape(running.ask("/").text)
    for name, sentence in (("misspelt", STATUSS), ("never", NEVER)):
        assert page.count(sentence) == 1
        card = page[page.index(f'id="{bot}.{name}"') :]
        assert sentence in card[: card.index("</article>")]
    assert "nothing happened yet" not in page[page.index(f'id="{bot}.true"') :]
    again = running.until(lambda now: sum(now.values("nativechat_exporter_query_runs_total")) > runs + 8)
    assert [again.by("query", f"{UNKNOWN}{kind}") for kind in ("fields", "values")] == [
        {"misspelt": 1.0},
        {"never": 1.0},
    ]
    assert len(running.log("a count of 0 may be a mistake")) == 2
