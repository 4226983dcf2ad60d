"""Renders the status page as HTML."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from exporter.model import Labels

if TYPE_CHECKING:
    from jinja2 import Template

MOST_SERIES: Final = 50
"""Series of one query that the page shows; it counts the others."""

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_THIN_SPACE: Final = "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class SeriesStatus:
    """One series: its count and the count's age in seconds, both None if it has no fresh count."""

    labels: Labels
    value: int | None
    age: float | None


@dataclass(frozen=True, slots=True)
class QueryStatus:
    """One query of one bot. All times are seconds; ages and waits count from now.

    `up` is None until the first run has ended. `more` counts the series that are not in `series`.
    """

    bot: str
    query: str
    metric: str
    help: str
    collection: str
    up: bool | None
    every: float
    stale_after: float
    last_run_age: float | None
    next_run_in: float | None
    last_success_age: float | None
    duration: float | None
    last_error: str | None
    failing_since_age: float | None
    series: tuple[SeriesStatus, ...]
    more: int = 0


@dataclass(frozen=True, slots=True)
class BotStatus:
    """One bot: whether its latest request got an answer (None before the first), and its latest error."""

    name: str
    up: bool | None
    last_request_age: float | None
    last_error: str | None
    last_error_age: float | None
    requests_in_flight: int
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class StatusPage:
    """The content of the status page. `started`, `now` and `reloaded` are wall seconds since the epoch.

    `problems` has those of the latest reload, and is empty if it succeeded. The configuration in use was read
    at `reloaded`.
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

    @property
    def failing(self) -> tuple[QueryStatus, ...]:
        """The queries whose last run failed, in the configuration's order."""
        return tuple(query for query in self.queries if query.up is False)


class Painter:
    """Render a StatusPage as HTML; the template engine is loaded with the first page."""

    def __init__(self, telemetry_path: str) -> None:
        # Relative, so that the links work behind a proxy that serves the page under a prefix.
        self._metrics = telemetry_path.removeprefix("/")

    def paint(self, page: StatusPage, nonce: str) -> str:
        """Return the page, whose own style and script have this nonce."""
        return self._template.render(page=page, nonce=nonce, metrics=self._metrics)

    @cached_property
    def _template(self) -> Template:
        # Loaded here: it takes two megabytes, and a sidecar's page is seldom opened.
        from jinja2 import Environment, StrictUndefined

        environment = Environment(
            autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
        )
        environment.filters |= {
            "ago": ago,
            "grouped": grouped,
            "moment": moment,
            "span": span,
            "within": within,
        }
        source = files("exporter.web").joinpath("status.html").read_text(encoding="utf-8")
        return environment.from_string(source)


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


def moment(wall: float) -> str:
    """Return a wall time in UTC, to the second."""
    return f"{datetime.fromtimestamp(wall, UTC):%Y-%m-%d %H:%M:%S} UTC"
