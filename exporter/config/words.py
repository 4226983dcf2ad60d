"""The kinds of text in a configuration: names, durations, URLs, paths, time zones."""

from __future__ import annotations

import re
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from exporter.config import kinds
from exporter.config.kinds import Kind
from exporter.config.report import Report
from exporter.language import durations, labels, rates, templates, tree
from exporter.language.suggest import did_you_mean
from exporter.model import Json

_NAME: Final = "[a-z][a-z0-9_]{0,99}"
_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?"
_DURATION: Final = "".join(f"([0-9]+{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms"))
_NO_QUERY_NAME: Final[dict[str, Json]] = {
    "not": {"pattern": "_(total|count|sum|bucket|info|created|new)$|^up$|^exporter_"}
}
_URL_TEXT: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
# Prometheus would read {{ as the beginning of a template, and refuse all rules if it is none.
_LINK: Final = r"(?!\S*\{\{)https?://[^\s/?#@]+([/?#]\S*)?"
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9a-f:.]+")


def duration(least: str, most: str) -> Kind:
    """Describe a duration within bounds; it is read as seconds. A number lacks a unit."""
    low, high = durations.parse(least), durations.parse(most)

    def parse(text: str) -> float:
        seconds = durations.parse(text)
        if not low <= seconds <= high:
            limit = f"at least {least}" if seconds < low else f"at most {most}"
            raise ValueError(f'"{text}" is too {"short" if seconds < low else "long"} (write {limit})')
        return seconds

    kind = kinds.text("a duration such as 30s or 1h30m", parse, pattern=f"^(0|{_DURATION})$")

    def read(data: Json, path: tree.Path, report: Report) -> Any:
        return kind.read(str(data) if type(data) is int else data, path, report)

    return kind._replace(read=read)


def _matching(expected: str, pattern: str, wrong: str, **schema: Json) -> Kind:
    """Describe a text that matches a pattern; `wrong` is the error of any other, `{}` in it is the text."""

    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(wrong.format(text))
        return text

    return kinds.text(expected, parse, **schema, pattern=f"^{pattern}$")


def _parse_query_name(text: str) -> str:
    if problem := labels.metric_name_problem(text):
        raise ValueError(problem)
    return text


def _parse_time(text: str) -> time:
    if not re.fullmatch(_TIME, text):
        raise ValueError(f'"{text}" is not a time of day (write one such as "00:05")')
    return time.fromisoformat(text)


def _parse_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, KeyError) as exc:
        advice = did_you_mean(text, available_timezones()) or "write an IANA name such as Europe/Sofia or UTC"
        raise ValueError(f'"{text}" is not a time zone ({advice})') from exc


def _parse_path(text: str) -> Path:
    if not text or "\0" in text:
        raise ValueError("not the path of a file (write a path, relative to this file's folder or absolute)")
    return Path(text)


def _parse_sentence(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty text (write a sentence, or leave the key out)")
    return text


def parse_url(text: str) -> str:
    """Return a base URL without its last slashes; a ValueError never repeats it: it may hold a password."""
    if text.startswith(("${", "$(", "{{")):
        raise ValueError("a variable that nothing has replaced (write the URL itself)")
    if not _URL_TEXT.fullmatch(text):
        raise ValueError(
            "a URL with a character that URLs do not have (remove it, or write it percent-encoded)"
        )
    if "?" in text or "#" in text:
        raise ValueError("a URL with a query or a fragment (end it after the path)")
    scheme, _, rest = text.partition("://")
    if "@" in rest.partition("/")[0]:
        raise ValueError("a URL with a user name or password (take them out; a token belongs to its bot)")
    try:
        parts = urlsplit(text)
        usable = _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if scheme not in ("http", "https") or not usable:
        raise ValueError("not the URL of an API (write one such as https://api.nativechat.com/v1)")
    return text.rstrip("/")


def parse_link(text: str) -> str:
    """Return the URL of a page, which people follow; raises ValueError."""
    if not re.fullmatch(_LINK, text):
        raise ValueError(
            "not the URL of a page (write one that starts with https:// and has no spaces and no {{)"
        )
    return text


IN_CLEAR: Final = "the token is sent over the network in clear text"


def _read_url(data: Json, path: tree.Path, report: Report) -> str | None:
    url: str | None = _URL.read(data, path, report)
    if url and is_in_clear(url):
        report.warning(path, IN_CLEAR, "write https://")
    return url


def is_in_clear(url: str) -> bool:
    """Return whether what is sent to a URL leaves this machine without encryption."""
    return not url.startswith("https") and not is_loopback(url)


def is_bot_name(text: str) -> bool:
    """Return whether a text can be a bot's name."""
    return re.fullmatch(_NAME, text) is not None


def is_loopback(url: str) -> bool:
    """Return whether a URL's host is this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


USE_NAME: Final = "use a-z, 0-9 and _, with a letter first, at most 100"
BOT_NAME: Final = _matching(
    "a name such as support",
    _NAME,
    f'"{{}}" is not a name ({USE_NAME})',
)
QUERY_NAME: Final = kinds.text(
    "a name such as conversations_by_channel",
    _parse_query_name,
    pattern=f"^{_NAME}$",
    **_NO_QUERY_NAME,
)
RATE: Final = kinds.text("a rate such as 10/s", rates.parse, pattern=r"^(none|[0-9]+(\.[0-9]+)?/[smh])$")
TIME: Final = kinds.text('a time of day such as "00:05", in quotes', _parse_time, pattern=f"^{_TIME}$")
ZONE: Final = kinds.text("the name of a time zone, such as Europe/Sofia", _parse_zone)
FILE: Final = kinds.text("the path of a file", _parse_path, minLength=1)
SENTENCE: Final = kinds.text("text", _parse_sentence, pattern=r"\S")
TEMPLATE: Final = kinds.text(
    "text, such as {{ $labels.bot }} has {{ $value }} errors",
    lambda text: templates.parse(_parse_sentence(text)),
    pattern=r"\S",
)
SEVERITY: Final = _matching(
    "a word such as warning",
    "[a-z][a-z0-9_-]{0,49}",
    '"{}" is not a severity (write one such as info, warning or critical)',
)
LINK: Final = kinds.text("the URL of a page", parse_link, format="uri", pattern=f"^{_LINK}$")
_URL: Final = kinds.text(
    "a URL such as https://api.nativechat.com/v1",
    parse_url,
    format="uri",
    pattern=r"^https?://[^/?#@\s]+(/[^?#\s]*)?$",
)
URL: Final = _URL._replace(read=_read_url)
