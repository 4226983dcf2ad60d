"""Makes one run of one poll: requests every series, and reports when the last answer is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Protocol
from zoneinfo import ZoneInfo

from exporter.clock import Clock
from exporter.errors import ApiError, BadAnswer
from exporter.language import predicate
from exporter.model import DateFormat, Poll
from exporter.polling.dates import Proven, prove
from exporter.polling.queue import BotQueue
from exporter.polling.request import Done, Request, RequestGroup


class Recorder(Protocol):
    """Receives what polling finds out: the store implements it."""

    def started(self, poll: Poll) -> None: ...

    def skipped(self, poll: Poll) -> None: ...

    def counted(self, poll: Poll, row: int, count: int) -> None: ...

    def failed(self, poll: Poll, rows: Sequence[int], error: ApiError) -> None: ...

    def finished(self, poll: Poll, duration: float, error: ApiError | None) -> object: ...

    def asked(self, poll: Poll, error: ApiError | None) -> None: ...


class Run:
    """One run of one poll. Not locked: hold the poller's lock around every call.

    It is `over` once the last answer is in, or once it was abandoned; later results are dropped.
    Series without dates are requested at once. Those with dates wait until the queue knows a proven
    format for their fields.
    """

    def __init__(
        self, poll: Poll, queue: BotQueue, recorder: Recorder, clock: Clock, on_end: Callable[[Run], None]
    ) -> None:
        self.poll = poll
        self.over = False
        self._queue = queue
        self._recorder = recorder
        self._clock = clock
        self._on_end = on_end
        self._started_at = clock.steady()
        self._now = datetime.fromtimestamp(clock.wall(), UTC)
        self._open = 0
        self._error: ApiError | None = None

    def start(self, zone: ZoneInfo) -> None:
        """Queue every request; dates are relative to now, and rounded in `zone`."""
        self._recorder.started(self.poll)
        rows_by_fields: dict[tuple[str, ...], list[int]] = {}
        for row, series in enumerate(self.poll.series):
            rows_by_fields.setdefault(series.predicate.dated, []).append(row)
        self._open = len(rows_by_fields)
        for fields, rows in rows_by_fields.items():
            ask_all = partial(self._ask_all, fields, rows, zone)
            known = self._queue.proven.get((self.poll.query.collection, fields))
            if fields and known is None:
                self._prove(fields, ask_all)
            else:
                ask_all(known, None)

    def give_up(self, error: ApiError) -> None:
        """End this run at once with every series failed; does nothing if it is over."""
        if self.over:
            return
        self._end()
        self._queue.drop_abandoned()
        self._recorder.failed(self.poll, range(len(self.poll.series)), error)
        self._report_end(error)

    def _prove(self, fields: tuple[str, ...], then: Proven) -> None:
        prove(self.poll.bot.api.dates, self.poll.query.collection, fields, self._ask, then)

    def _ask_all(
        self,
        fields: tuple[str, ...],
        rows: list[int],
        zone: ZoneInfo,
        dates: DateFormat | None,
        error: ApiError | None,
    ) -> None:
        if error is not None:
            self._fail(rows, error)
            return
        if dates is not None:
            self._queue.proven[self.poll.query.collection, fields] = dates
        self._open += len(rows) - 1

        def write(row: int) -> str:
            template = self.poll.series[row].predicate
            return template.text if dates is None else predicate.write(template, self._now, zone, dates)

        def request(row: int) -> Request:
            return self._request(partial(write, row), partial(self._answered, row))

        self._queue.add(RequestGroup(self, rows, request))

    def _ask(self, text: str, done: Done) -> None:
        self._queue.add(RequestGroup(self, (text,), lambda text: self._request(lambda: text, done)))

    def _request(self, write: Callable[[], str], done: Done) -> Request:
        def report(count: int | None, error: ApiError | None) -> None:
            if not self.over:
                self._recorder.asked(self.poll, error)
                done(count, error)

        return Request(self.poll.query.collection, write, report, self)

    def _answered(self, row: int, count: int | None, error: ApiError | None) -> None:
        if error is not None:
            self._fail([row], error)
        elif count is not None:
            self._recorder.counted(self.poll, row, count)
            self._close()

    def _fail(self, rows: Sequence[int], error: ApiError) -> None:
        self._recorder.failed(self.poll, rows, error)
        self._error = self._error or error
        self._close()

    def _close(self) -> None:
        self._open -= 1
        if self._open == 0:
            self._end()
            self._report_end(self._error)

    def _end(self) -> None:
        self.over = True
        self._on_end(self)

    def _report_end(self, error: ApiError | None) -> None:
        self._recorder.finished(self.poll, self._clock.steady() - self._started_at, error)


def internal_error() -> BadAnswer:
    """Return the error of a run that was ended by a defect of the exporter."""
    return BadAnswer("internal error of the exporter, see its log")
