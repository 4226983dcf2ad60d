"""A count of 0 by a misspelt field is told from one by a value that never occurs, and from a true one."""

from __future__ import annotations

from collections.abc import Callable
from html import unescape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, StartExporter

STATUSS = "no conversation has `Statuss`: nothing happened yet, or it is misspelt (did you mean `Status`?)"
UNKNOWN = "nativechat_exporter_query_unknown_fields"
ZEROS = ("misspelt", "never", "true")


def test_zeros_explain_themselves_in_log_metric_and_page_and_harm_nothing(
    exporter: StartExporter, nativechat: Callable[..., Chat], query: Callable[..., dict[str, Any]]
) -> None:
    chat = nativechat(history=300)
    [bot] = chat.names
    queries = [
        query("misspelt", query={"Statuss": "success"}),
        query("never", query={"Status": "sucess"}),
        query("true", query={"Errors": {"$gt": 1000}}),
        query("conversations"),
    ]
    running = exporter(chat.config(queries), env=chat.environ)
    [line] = running.logged("a count of 0 may be a mistake")
    assert (line["level"], line["bot"], line["query"], line["why"]) == ("info", bot, "misspelt", STATUSS)
    metrics = running.until(lambda metrics: metrics.values(UNKNOWN))
    # A look at each field, and at all documents; the runs so far have one request each.
    runs = sum(metrics.values("nativechat_exporter_query_runs_total"))
    assert metrics.by("query", UNKNOWN) == {"misspelt": 1.0}
    assert [metrics.value(f"nativechat_{name}", bot=bot) for name in ZEROS] == [0.0] * 3
    assert metrics.value("nativechat_up", bot=bot) == 1.0
    assert not sum(metrics.values("nativechat_exporter_query_failures_total"))
    assert sum(metrics.values("nativechat_exporter_api_requests_total")) <= runs + 4
    page = unescape(running.ask("/").text)
    assert page.count(STATUSS) == 1
    card = page[page.index(f'id="{bot}.misspelt"') :]
    assert STATUSS in card[: card.index("</article>")]
    again = running.until(lambda now: sum(now.values("nativechat_exporter_query_runs_total")) > runs + 8)
    assert again.by("query", UNKNOWN) == {"misspelt": 1.0}
    assert len(running.log("a count of 0 may be a mistake")) == 1
