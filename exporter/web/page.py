"""Renders the status page as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Final, Literal, TypeVar, get_args
from urllib.parse import parse_qsl

from jinja2 import Environment, StrictUndefined

from exporter.model import Labels

MOST_SERIES: Final = 50
"""Series of one query that the page shows; it counts the others."""

MOST_ROWS: Final = 1_000
"""Series on one page: each query shows an equal part of them, five at least."""

MOST_CHARACTERS: Final = 1_000_000
"""Characters of all bots on one page, and of all queries; it counts those that do not fit."""

MOST_TEXT: Final = 300
"""Characters of one text from the configuration or of one error."""

MOST_LISTED: Final = 200
"""Problems of a reload that the page shows, and bots that its filter offers; a URL may name any other bot."""

State = Literal["failing", "paused", "waiting", "up"]
STATES: Final[tuple[State, ...]] = get_args(State)
"""A bot waits until its first request has ended, a query until its first run has; no query is `paused`."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """One series: its count and the count's age in seconds, both None if it has no fresh count.

    `predicate` is set only if it has more than the query's own predicate with the labels' values filled in.
    """

    labels: Labels
    value: int | None
    age: float | None
    predicate: str = ""


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """One query of one bot. All times are seconds; ages and waits count from now.

    `predicate` is compact JSON text as configured, empty if every document counts. `zeros` has
    sentences on the fields and values in it that no document has, if a series counts 0. `known_for` counts
    from when the query was first planned. `more` counts the series that are not in `series`.
    """

    bot: str
    query: str
    metric: str
    help: str
    collection: str
    predicate: str
    state: State
    every: float
    stale_after: float
    last_run_age: float | None
    next_run_in: float | None
    last_success_age: float | None
    duration: float | None
    last_error: str | None
    failing_for: float | None
    known_for: float
    series: tuple[SeriesStatus, ...]
    more: int = 0
    zeros: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BotStatus:
    """One bot, and its latest error; it is `failing` while it is down.

    `down_for` and `paused_for` are seconds since it went down and until it is asked again; a bot that is down
    may be paused too.
    """

    name: str
    state: State
    last_request_age: float | None
    last_error: str | None
    last_error_age: float | None
    requests_in_flight: int
    labels: Labels = ()
    down_for: float | None = None
    paused_for: float | None = None


_Row = TypeVar("_Row", BotStatus, QueryStatus)


@dataclass(frozen=True, slots=True)
class Filter:
    """The bots and queries to show: of one bot, with a text in the metric's name, in one state.

    Each is the empty text if it does not matter.
    """

    bot: str = ""
    query: str = ""
    state: str = ""

    @classmethod
    def read(cls, query_string: str) -> Filter:
        """Return the filter in the query of a URL; other parameters and unknown states are ignored."""
        wanted = dict(parse_qsl(query_string, errors="replace"))
        state = wanted.get("state", "")
        return cls(wanted.get("bot", ""), wanted.get("query", "").strip(), state if state in STATES else "")

    def bots(self, bots: Iterable[BotStatus]) -> list[BotStatus]:
        """Return the bots to show, what fails first; the text for queries does not matter."""
        return self._ordered(bot for bot in bots if self.bot in ("", bot.name))

    def queries(self, queries: Iterable[QueryStatus]) -> list[QueryStatus]:
        """Return the queries to show, what fails first."""
        text = self.query.lower()
        return self._ordered(
            query for query in queries if self.bot in ("", query.bot) and text in query.metric.lower()
        )

    def _ordered(self, rows: Iterable[_Row]) -> list[_Row]:
        wanted = (row for row in rows if self.state in ("", row.state))
        return sorted(wanted, key=lambda row: row.state not in ("failing", "paused"))


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The content of the status page. `started`, `now` and `reloaded` are wall seconds since the epoch.

    `problems` has those of the latest reload, and is empty if it succeeded. The configuration in use was read
    at `reloaded`, 0 if there is none yet.
    """

    version: str
    started: float
    now: float
    config_file: str
    reloaded: float
    problems: tuple[str, ...]
    shard: str
    bots: tuple[BotStatus, ...]
    queries: tuple[QueryStatus, ...]


class Painter:
    """Render a StatusPage as HTML; `telemetry_path` is the path of the metrics."""

    def __init__(self, telemetry_path: str) -> None:
        # Relative, so that the links work behind a proxy that serves the page under a prefix.
        self._metrics = telemetry_path.removeprefix("/")
        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters |= {
            "ago": ago,
            "cut": cut,
            "grouped": grouped,
            "moment": moment,
            "span": span,
            "within": within,
        }
        source = files("exporter.web").joinpath("status.html").read_text(encoding="utf-8")
        self._template = environment.from_string(source)

    def paint(self, page: StatusPage, query_string: str, nonce: str) -> str:
        """Return the page for a URL's query, a Filter. Its own style and script have this nonce."""
        only = Filter.read(query_string)
        bots, queries = only.bots(page.bots), only.queries(page.queries)
        return self._template.render(
            page=page,
            only=only,
            bots=bots,
            queries=queries,
            failing=sum(query.state == "failing" for query in page.queries),
            states=STATES,
            names=sorted({only.bot, *(bot.name for bot in page.bots[:MOST_LISTED])} - {""}),
            most_problems=MOST_LISTED,
            most_series=max(5, min(MOST_SERIES, MOST_ROWS // max(1, len(queries)))),
            most_characters=MOST_CHARACTERS,
            nonce=nonce,
            metrics=self._metrics,
        )


def cut(text: str) -> str:
    """Return a text of at most MOST_TEXT characters; the end of a longer one is an ellipsis."""
    return text if len(text) <= MOST_TEXT else f"{text[: MOST_TEXT - 1]}…"


def span(seconds: float) -> str:
    """Return a duration in its two largest units: "240 ms", "1.2 s", "3 h 5 min"."""
    if seconds < 0.9995:
        return f"{max(seconds, 0.0) * 1000:.0f}{_THIN_SPACE}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + f"{_THIN_SPACE}s"
    rest, counts = round(seconds), []
    for size, unit in _UNITS:
        count, rest = divmod(rest, size)
        counts.append((count, unit))
    first = next(place for place, (count, _) in enumerate(counts) if count)
    return " ".join(f"{count}{_THIN_SPACE}{unit}" for count, unit in counts[first : first + 2] if count)


def ago(age: float | None) -> str:
    """Return how long ago something was, rounded to what people need; None means never."""
    if age is None:
        return "never"
    return "now" if age < 1.0 else f"{_roughly(age)} ago"


def within(wait: float | None) -> str:
    """Return when something will be, rounded to what people need; None means not planned."""
    if wait is None:
        return "not planned"
    return "now" if wait < 1.0 else f"in {_roughly(wait)}"


def _roughly(seconds: float) -> str:
    size = next(size for size, _ in _UNITS if seconds >= size)
    # From ten of a unit on, the next smaller unit does not matter.
    return span(seconds // size * size if seconds >= 10 * size else seconds // 1)


def grouped(count: int) -> str:
    """Return a count in groups of three digits, separated by thin spaces."""
    return f"{count:,}".replace(",", _THIN_SPACE)


def moment(wall: float, now: float) -> str:
    """Return a wall time in UTC, to the second; without the date if that is the date of `now`."""
    then, today = datetime.fromtimestamp(wall, UTC), datetime.fromtimestamp(now, UTC).date()
    return f"{then:%H:%M:%S} UTC" if then.date() == today else f"{then:%Y-%m-%d %H:%M:%S} UTC"
