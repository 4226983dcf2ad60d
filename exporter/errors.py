"""What can go wrong, as one small tree.

    ExporterError
    ├── WrongUsage           what the command line says makes no sense
    ├── ConfigError          the configuration is wrong: every Problem, each with its Place
    └── ApiError             one request to NativeChat got no count; `reason` is the metric's label
        ├── Unreachable        unreachable       name, connection, TLS or reset
        ├── TimedOut           timeout           the whole request took longer than it may
        ├── Throttled          throttled         429, or 503 with Retry-After
        ├── ServerError        server_error      any other 5xx
        ├── Unauthorized       unauthorized      401 or 403
        ├── Rejected           rejected          any other 4xx, and redirects
        ├── BadAnswer          bad_answer        2xx without what was asked for
        └── DatesUnverified    dates_unverified  the wire format of dates is not proven

Foreign errors are translated into this tree once, where they enter, with `from`. A room may grow a leaf
of its own on ExporterError, for what only its direct caller catches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a file, where it stands, and what to do about it.

    It `may_pass` by itself where all that is wrong is that another file is not there yet.
    """

    place: Place
    path: str
    what: str
    advice: str = ""
    severity: Literal["error", "warning"] = "error"
    may_pass: bool = False

    def __str__(self) -> str:
        path = f" {self.path}:" if self.path else ""
        kind = " warning:" if self.severity == "warning" else ""
        advice = f" ({self.advice})" if self.advice else ""
        return f"{self.place}:{path}{kind} {self.what}{advice}"


class ExporterError(Exception):
    """The root: every error the exporter raises on purpose."""


class WrongUsage(ExporterError):
    """What the command line says makes no sense."""


class ConfigError(ExporterError):
    """The configuration cannot be used; carries every problem, in the file's order."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.place, p.path)))
        super().__init__("\n".join(map(str, self.problems)))


class ApiError(ExporterError):
    """A request to NativeChat that brought no answer we can use.

    `status` is the HTTP status, None where there was none. `retry_after` is the wait in seconds the
    server asked for. The message never holds a token, a header or a body.
    """

    reason: ClassVar[str]
    advice: ClassVar[str]

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after


class Unreachable(ApiError):
    """No connection, or one that broke: name resolution, TCP, TLS, a reset."""

    reason = "unreachable"
    advice = "check api.url, the network, the proxy and TLS from this host"


class TimedOut(ApiError):
    """The whole request, its retries included, took longer than `api.timeout`."""

    reason = "timeout"
    advice = "the API is slow or hangs; api.timeout bounds one request"


class Throttled(ApiError):
    """The API asks for patience: 429, or 503 with Retry-After."""

    reason = "throttled"
    advice = "the API limits requests; lower api.rate or ask less often with `every`"


class ServerError(ApiError):
    """The API failed: a 5xx that is not throttling."""

    reason = "server_error"
    advice = "the API itself fails; nothing to change here, it is asked again"


class Unauthorized(ApiError):
    """The API refused the token: 401 or 403. `token_is_new` once it is another than the one refused."""

    reason = "unauthorized"
    advice = "check the bot's token and id in its Settings on NativeChat"
    token_is_new = False


class Rejected(ApiError):
    """The API refused this request: another 4xx, or a redirect, which is never followed."""

    reason = "rejected"
    advice = "check the bot's id, api.url and this query's predicate"


class BadAnswer(ApiError):
    """A success without a count or rows: wrong shape, cut off, too large, empty."""

    reason = "bad_answer"
    advice = "the answer is not what the API documents; is api.url the right service?"


class DatesUnverified(ApiError):
    """The way dates are written on the wire is not proven for this bot and field."""

    reason = "dates_unverified"
    advice = "try `api: {dates: auto}`, or another of its formats"


REASONS: Final = tuple(
    kind.reason
    for kind in (
        Unreachable,
        TimedOut,
        Throttled,
        ServerError,
        Unauthorized,
        Rejected,
        BadAnswer,
        DatesUnverified,
    )
)
