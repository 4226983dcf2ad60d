"""Every error of the exporter, as one small tree.

    ExporterError
    ├── WrongUsage           the command line is wrong, or a certificate of the web configuration
    ├── ConfigError          the configuration is wrong: every Problem, with its Place
    └── ApiError             a request to NativeChat failed; `reason` is a label of metrics
        ├── Unreachable        unreachable       name, connection, TLS or reset
        ├── TimedOut           timeout           the whole request exceeded its timeout
        ├── Throttled          throttled         429, or 503 with Retry-After
        ├── ServerError        server_error      any other 5xx
        ├── Unauthorized       unauthorized      401 or 403
        ├── Rejected           rejected          any other 4xx, and redirects
        ├── BadAnswer          bad_answer        2xx without a count or rows
        └── DatesUnverified    dates_unverified  the wire format of dates is not proven

Errors of other packages are translated into this tree once, where they are caught, with `from`. A room may
add a subclass of ExporterError that only its direct caller catches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final, Literal


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem of a file: its place, what is wrong, and what to do.

    `may_pass` is set if the only problem is another file, which may be right later.
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
    """The base class of all errors that the exporter raises on purpose."""


class WrongUsage(ExporterError):
    """The command line, or a file that the web configuration names, is wrong."""


class ConfigError(ExporterError):
    """The configuration cannot be used; carries every problem, in the file's order, and its warnings."""

    def __init__(self, problems: Sequence[Problem], warnings: Sequence[Problem] = ()) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.place, p.path)))
        self.warnings = tuple(warnings)
        super().__init__("\n".join(map(str, self.problems)))


class ApiError(ExporterError):
    """A request to NativeChat without a usable answer.

    `status` is the HTTP status, None if there was none. `retry_after` is the server's Retry-After in
    seconds. `advice` replaces that of the class. The message never contains a token, a header or a body.
    """

    reason: ClassVar[str]
    advice: str

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        advice: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after
        self.advice = advice or type(self).advice

    @property
    def rejects_predicate(self) -> bool:
        """Whether the API answered that it does not take this predicate: it is up, and takes others."""
        return self.status in (400, 422)

    @property
    def described(self) -> str:
        """The reason, the message and the advice."""
        return f"{self.reason}: {self} ({self.advice})"


class Unreachable(ApiError):
    """No connection, or a broken one: name resolution, TCP, TLS, a reset."""

    reason = "unreachable"
    advice = "if it lasts, check the API and what is between it and this host"


class TimedOut(ApiError):
    """The whole request, its retries included, took longer than `api.timeout`."""

    reason = "timeout"
    advice = "the API is slow or hangs; api.timeout limits one request"


class Throttled(ApiError):
    """The API limits requests: 429, or 503 with Retry-After."""

    reason = "throttled"
    advice = "the API limits requests; lower api.rate or raise `every`"


class ServerError(ApiError):
    """The API failed: a 5xx that is not throttling."""

    reason = "server_error"
    advice = "the API itself fails; wait until it works again"


class Unauthorized(ApiError):
    """The API refused the token: 401 or 403. `token_is_new` if the token has changed since."""

    reason = "unauthorized"
    advice = "check the bot's token and id in its Settings on NativeChat"
    token_is_new = False


class Rejected(ApiError):
    """The API rejected this request: another 4xx, or a redirect, which is never followed."""

    reason = "rejected"
    advice = "check the bot's id, api.url and this query's predicate"


class BadAnswer(ApiError):
    """A success without a count or rows: wrong shape, truncated, too large, empty; or two that contradict."""

    reason = "bad_answer"
    advice = "the answer is not what the API documents; is api.url the right service?"


class DatesUnverified(ApiError):
    """The format of dates in requests is not proven for this bot and field; `advice` depends on the cause."""

    reason = "dates_unverified"
    advice = "try `api: {dates: auto}`, or another of its formats"


REASONS: Final = tuple(kind.reason for kind in ApiError.__subclasses__())
"""Every reason, in the order above."""
