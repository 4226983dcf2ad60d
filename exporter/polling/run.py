"""Makes one run of one poll: yields its requests one by one, and reports when the last answer is in."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from exporter import logs
from exporter.clock import Clock
from exporter.errors import ApiError, BadAnswer
from exporter.language import predicate
from exporter.model import Collection, DateFormat, Part, Poll, Unknown
from exporter.polling.dates import Shown, prove

log = logging.getLogger(__name__)

Proven = dict[tuple[Collection, tuple[str, ...]], DateFormat]
"""The date formats that are proven for a bot, by collection and dotted fields."""


AFTER_A_COUNT: Final = 1
AFTER_A_ZERO: Final = 2
AFTER_A_FAILURE: Final = 3

SMALLEST_FALL: Final = 10
"""A lower count may well fall by half between two runs."""

_CONTRADICTION: Final = "NativeChat may miss documents at times; the last value stays until it is stale"


class Recorder(Protocol):
    """Receives what polling finds out: the store implements it."""

    def started(self, poll: Poll) -> None: ...

    def skipped(self, poll: Poll) -> None: ...

    def last_count(self, poll: Poll, row: int) -> int | None: ...

    def counted(self, poll: Poll, row: int, count: int) -> None: ...

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None: ...

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> None: ...

    def asked(self, poll: Poll, error: ApiError | None, began: float) -> None: ...

    def unknown(self, poll: Poll, unknown: Unknown) -> None: ...


@dataclass(slots=True, eq=False)
class Request:
    """One predicate to be counted, in one attempt or more.

    `row` is the series that it counts, None for a `probe`: a predicate, or documents to look at. `deadline`
    is set when the first attempt starts: `api.timeout` limits the whole request. `error` is that of the last
    attempt. If it is `refused`, `error` says why it is not asked. `doubted` is the count that this request is
    to confirm, if any. It is `trusted` if its poll was when it started (queue.py).

    `looks_for` is set if this is a check after `run` (zeros.py): what documents are to have.
    """

    run: Run
    row: int | None
    probe: str | Shown = ""
    attempts: int = 0
    began: float = 0.0
    deadline: float = float("inf")
    error: ApiError | None = None
    refused: bool = False
    trusted: bool = False
    doubted: int | None = None
    looks_for: Part | None = None


class Run:
    """One run of one poll. Not locked: hold the poller's lock around every call but `write`.

    `upcoming` is the request to make next, None if there is none now. The run is `over` once the last answer
    is in, or once it was abandoned; later results are dropped. A request is made when its turn comes: at the
    start one waits for every series, and 100,000 of them would take 100 MB. `ended` has a byte for each
    series: 0 until its request has ended.

    A count that fell suddenly is requested once more, and is kept only if the second one fell as well. Time
    alone changes counts of a query with dates, so they are kept as they are.

    Series with dates wait until a format is proven for their fields; `proven` keeps it for later runs.
    """

    def __init__(self, poll: Poll, proven: Proven, recorder: Recorder, clock: Clock, zone: ZoneInfo) -> None:
        self.poll = poll
        self.over = False
        self.error: ApiError | None = None
        self.ended = bytearray(len(poll.series))
        self._proven = proven
        self._dates: dict[tuple[str, ...], DateFormat] = {}
        self._recorder = recorder
        self._clock = clock
        self._zone = zone
        self._started_at = clock.steady()
        self._now = datetime.fromtimestamp(clock.wall(), UTC)
        self._open = 0
        self._count: int | None = None
        self._dated = poll.query.dated
        self._again: list[Request] = []
        self._requests = self._all_requests()
        self.upcoming: Request | None = None

    def start(self) -> None:
        """Begin, and make the first request ready."""
        self._recorder.started(self.poll)
        self._advance()

    def take(self) -> Request:
        """Return the request to make next. Raises LookupError if there is none now."""
        request = self.upcoming
        if request is None:
            raise LookupError("no request is ready")
        self._open += 1
        self.upcoming = None
        if request.row is not None:
            self._advance()
        return request

    def done(self, request: Request, count: int | None, error: ApiError | None) -> None:
        """Record the count or the error of a request."""
        if self.over:
            return
        self._open -= 1
        if not request.refused:
            self._recorder.asked(self.poll, error, request.began)
        if request.row is None:
            self._count, request.error = count, error
            self._advance()
        elif error is not None:
            self._fail([request.row], error)
        elif count is not None:
            self._counted(request, request.row, count)
        if self._open == 0 and self.upcoming is None:
            self._end()

    def give_up(self, error: ApiError) -> None:
        """End this run at once, as if each request that is left had failed; do nothing if it is over."""
        if not self.over:
            self.over, self.upcoming = True, None
            self._fail([row for row, ended in enumerate(self.ended) if not ended], error)
            self._end()

    def time_of_day(self) -> str:
        """Return the time of day now, in the configuration's zone, for messages."""
        return f"{datetime.fromtimestamp(self._clock.wall(), self._zone):%H:%M:%S}"

    def write(self, row: int) -> str:
        """Return the predicate of a series as it is sent; from any thread."""
        template = self.poll.series[row].predicate
        if not template.dated:
            return template.text
        return predicate.write(template, self._now, self._zone, self._dates[template.dated])

    def _all_requests(self) -> Iterator[Request]:
        rows_by_fields: dict[tuple[str, ...], list[int]] = {}
        for row, series in enumerate(self.poll.series):
            rows_by_fields.setdefault(series.predicate.dated, []).append(row)
        for fields, rows in sorted(rows_by_fields.items()):  # without dates first
            key = (self.poll.query.collection, fields)
            try:
                if fields and key not in self._proven:
                    dates = yield from self._prove(key)
                    if self.poll.bot.api.dates == "auto" and dates not in self._proven.values():
                        log.info("date format found", extra=logs.fields(bot=self.poll.bot.name, dates=dates))
                    self._proven[key] = dates
            except ApiError as error:
                self._fail(rows, error.with_traceback(None))
                continue
            if fields:
                self._dates[fields] = self._proven[key]
            for row in rows:
                yield Request(self, row)

    def _prove(self, key: tuple[Collection, tuple[str, ...]]) -> Generator[Request, None, DateFormat]:
        """Yield the requests of a proof; each has its answer when the next one is taken."""
        proof = prove(self.poll.bot.api.dates, *key)
        try:
            probe = next(proof)
            while True:
                request = Request(self, None, probe)
                yield request
                probe = proof.throw(request.error) if request.error else proof.send(self._count or 0)
        except StopIteration as proven:
            dates: DateFormat = proven.value
            return dates

    def _advance(self) -> None:
        self.upcoming = self._again.pop() if self._again else next(self._requests, None)

    def _counted(self, request: Request, row: int, count: int) -> None:
        before = None if self._dated else self._recorder.last_count(self.poll, row)
        fell = is_sudden_fall(before, count)
        if fell and request.doubted is None:
            self._again.append(Request(self, row, doubted=count))
            if self.upcoming is None:
                self._advance()
        elif fell or request.doubted is None:
            self.ended[row] = AFTER_A_COUNT if count else AFTER_A_ZERO
            self._recorder.counted(self.poll, row, count)
        else:
            what = f"counts that contradict each other: {before} before, {request.doubted}, then {count}"
            self._fail([row], BadAnswer(what, advice=_CONTRADICTION))

    def _fail(self, rows: Sequence[int], error: ApiError) -> None:
        self.error = self.error or error
        for row in rows:
            self.ended[row] = AFTER_A_FAILURE
        self._recorder.failed(self.poll, rows, error)

    def _end(self) -> None:
        self.over = True
        self._recorder.finished(self.poll, self._clock.steady() - self._started_at, self.error)


def is_sudden_fall(before: int | None, now: int) -> bool:
    """Return whether a count is less than half of the one before, which was 10 or more."""
    return before is not None and before >= SMALLEST_FALL and now * 2 < before
