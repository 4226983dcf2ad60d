"""The small texts of a configuration, each parsed once: names, durations, URLs, time zones."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import time
from ipaddress import ip_address
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from exporter.config.kinds import Words
from exporter.language import durations, labels, rates, templates
from exporter.language.suggest import did_you_mean

Option = TypeVar("Option", bound=str)

_URL: Final = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"
_URL_TEXT: Final = re.compile(r"[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9a-f:.]+")
_LINK: Final = r"^https?://[^\s/?#@]+([/?#]\S*)?$"
_SEVERITY: Final = re.compile(r"[a-z][a-z0-9_-]{0,49}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,99}")
_TIME: Final = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?")
_DURATION: Final = (
    "^(0|" + "".join(f"([0-9]+{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms")) + ")$"
)


def duration(least: str, most: str) -> Words[float]:
    """Describe a duration between two others, as seconds."""
    low, high = durations.parse(least), durations.parse(most)

    def parse(text: str) -> float:
        seconds = durations.parse(text)
        if not low <= seconds <= high:
            limit = f"at least {least}" if seconds < low else f"at most {most}"
            raise ValueError(f'"{text}" is too {"short" if seconds < low else "long"} (write {limit})')
        return seconds

    return Words("a duration such as 30s or 1h30m", parse, details={"pattern": _DURATION})


def choice(options: tuple[Option, ...]) -> Words[Option]:
    """Describe one of a few words."""
    known = {str(option): option for option in options}

    def parse(text: str) -> Option:
        if text not in known:
            advice = did_you_mean(text, known) or f"write {' or '.join(known)}"
            raise ValueError(f'"{text}" is none of {", ".join(known)} ({advice})')
        return known[text]

    return Words(f"one of {', '.join(known)}", parse, details={"enum": list(known)})


def _checked(problem: Callable[[str], str | None]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if what := problem(text):
            raise ValueError(what)
        return text

    return parse


def _bot_name_problem(text: str) -> str | None:
    advice = "use a-z, 0-9 and _, with a letter first, at most 100"
    return None if _NAME.fullmatch(text) else f'"{text}" is not a name ({advice})'


def _parse_time(text: str) -> time:
    if not _TIME.fullmatch(text):
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
        raise ValueError("not the path of a file (write one, relative to this file's folder or absolute)")
    return Path(text)


def _parse_text(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty text (write a sentence, or leave the key out)")
    return text


def parse_url(text: str) -> str:
    """Return a base URL without its last slashes; ValueError never repeats it, as it may hold a password."""
    if not _URL_TEXT.fullmatch(text):
        raise ValueError("a URL with a character that does not belong in one (write it percent-encoded)")
    if "?" in text or "#" in text:
        raise ValueError("a URL with a query or a fragment (end it after the path)")
    scheme, _, rest = text.partition("://")
    if "@" in rest.partition("/")[0]:
        raise ValueError("a URL with a user name or password in it (take them out; tokens stand under bots)")
    try:
        parts = urlsplit(text)
        usable = _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        usable = False
    if scheme not in ("http", "https") or not usable:
        raise ValueError("not the URL of an API (write one such as https://api.nativechat.com/v1)")
    return text.rstrip("/")


def _link_problem(text: str) -> str | None:
    advice = "write one that starts with https:// and has no spaces"
    return None if re.fullmatch(_LINK, text) else f"not the address of a page ({advice})"


def _severity_problem(text: str) -> str | None:
    advice = "write one such as info, warning or critical"
    return None if _SEVERITY.fullmatch(text) else f'"{text}" is not a severity ({advice})'


def _doubt_url(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    if parts.scheme == "https" or _is_loopback(parts.hostname or ""):
        return None
    return "the token goes over the network in clear text", "write https://"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


RATE: Final = Words(
    "a rate such as 10/s",
    rates.parse,
    details={"pattern": r"^(none|[0-9]+(\.[0-9]+)?/[smh])$"},
)
BOT_NAME: Final = Words(
    "a name such as support",
    _checked(_bot_name_problem),
    details={"pattern": f"^{_NAME.pattern}$"},
)
QUERY_NAME: Final = Words(
    "a name such as conversations_by_channel",
    _checked(labels.metric_name_problem),
    details={
        "pattern": f"^{_NAME.pattern}$",
        "not": {"pattern": "_(total|count|sum|bucket|info|created)$|^up$|^exporter_"},
    },
)
TIME: Final = Words(
    'a time of day such as "00:05", in quotes', _parse_time, details={"pattern": f"^{_TIME.pattern}$"}
)
ZONE: Final = Words("the name of a time zone, such as Europe/Sofia", _parse_zone)
FILE: Final = Words("the path of a file", _parse_path, details={"minLength": 1})
TEXT: Final = Words("text", _parse_text, details={"pattern": r"\S"})
TEMPLATE: Final = Words(
    "text, with {{ $labels.bot }} and {{ $value }} where they belong",
    lambda text: templates.parse(_parse_text(text)),
    details={"pattern": r"\S"},
)
SEVERITY: Final = Words(
    "a word such as warning",
    _checked(_severity_problem),
    details={"pattern": f"^{_SEVERITY.pattern}$"},
)
LINK: Final = Words(
    "the address of a page", _checked(_link_problem), details={"format": "uri", "pattern": _LINK}
)
URL: Final = Words(
    "a URL such as https://api.nativechat.com/v1",
    parse_url,
    _doubt_url,
    {"format": "uri", "pattern": _URL},
)
