"""Declares the sections of the API and of bots, and builds bots from them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from exporter.config import references, words
from exporter.config.kinds import Key, Schema, Values, choice, section, table, text, whole
from exporter.config.references import UNKNOWN_ID, Lookup
from exporter.config.report import Report, check_unique
from exporter.language import durations, rates
from exporter.language.labels import NAME, label_name_doubt, label_name_problem
from exporter.language.tree import Path
from exporter.model import DATE_FORMATS, Api, Bot, TokenSource
from exporter.proxies import proxy_of

LABEL_NAMES: Final[Schema] = {
    "pattern": f"^{NAME.pattern}$",
    "not": {"pattern": "^__|^(bot|le|quantile|job|instance)$"},
}
EMPTY_LABEL: Final = "an empty label value, which Prometheus treats as no label"

_API: Final = Api()


def doubt_label_names(names: Iterable[str], path: Path, report: Report) -> None:
    """Report every label that Prometheus may rename; `path` is that of the labels."""
    for name in names:
        if doubt := label_name_doubt(name):
            report.warning((*path, name), doubt, "choose another name", at_key=True)


def check_label_name(name: str) -> None:
    """Accept a name for a label; raise ValueError, with advice, for any other."""
    if problem := label_name_problem(name):
        raise ValueError(problem)


def _parse_label_value(value: str) -> str:
    if not value:
        raise ValueError(f"{EMPTY_LABEL} (write a text, or leave the label out)")
    return value


API: Final = section(
    "a mapping such as {rate: 2/s}",
    {
        "url": Key(words.URL, "The API's base URL.", _API.url),
        "timeout": Key(
            words.duration("100ms", "1h"),
            "How long one request may take, from connecting to the last byte.",
            durations.write(_API.timeout),
        ),
        "concurrency": Key(whole(1, 256), "Requests in flight at once, per bot.", _API.concurrency),
        "rate": Key(
            words.RATE, "Requests per bot: 10/s, 30/m, 500/h; none lifts the limit.", rates.write(_API.rate)
        ),
        "retries": Key(whole(0, 10), "Further attempts of one request, with growing waits.", _API.retries),
        "dates": Key(choice((*DATE_FORMATS, "auto")), "How a {$date: …} is written on the wire.", _API.dates),
        "ca_file": Key(
            words.FILE, "Certificates of a private authority, in PEM; relative to this file's folder."
        ),
    },
)

LABELS: Final = table(
    "a mapping such as {team: care}",
    check_label_name,
    LABEL_NAMES,
    text("text, in quotes where it looks like something else", _parse_label_value, minLength=1),
)

BOT: Final = section(
    "a bot with name, id and token",
    {
        "name": Key(references.BOT_NAME, "The label bot on every series.", required=True),
        "id": Key(references.BOT_ID, "The bot's id, from its Settings on NativeChat.", required=True),
        "token": Key(references.TOKEN, "Where the bot's token is; never the token itself.", required=True),
        "labels": Key(LABELS, "Labels on every series of this bot."),
        "api": Key(API, "Overrides keys of the section api for this bot."),
    },
)


def make(sections: Sequence[Values | None], shared: Values, lookup: Lookup) -> tuple[Bot, ...]:
    """Return a bot for each section of `bots`, and report what is wrong with them.

    A bot with a missing or wrong name has the name "". `shared` is the section `api`.
    """
    report = lookup.report
    read = [each or {} for each in sections]
    places = [("bots", index, "name") for index in range(len(read))]
    names = [
        lookup.bot_name(each["name"], place) if "name" in each else None
        for each, place in zip(read, places, strict=True)
    ]
    check_unique(zip(places, names, strict=True), report)
    if "ca_file" in shared:
        shared = {**shared, "ca_file": lookup.ca_file(shared["ca_file"], ("api", "ca_file"))}
    _warn_of_proxy(shared, ("api",), lookup)
    bots = tuple(
        _bot(each, name or "", ("bots", index), shared, lookup)
        for index, (each, name) in enumerate(zip(read, names, strict=True))
    )
    _warn_of_twins(bots, report)
    return bots


def _bot(values: Values, name: str, path: Path, shared: Values, lookup: Lookup) -> Bot:
    own = values.get("api", {})
    doubt_label_names(values.get("labels", ()), (*path, "labels"), lookup.report)
    shared_file = ("api", "ca_file")
    if "ca_file" in own:
        own = {**own, "ca_file": lookup.ca_file(own["ca_file"], (*path, "api", "ca_file"))}
    elif fault := lookup.faults.get(shared_file):
        lookup.faults[(*path, *shared_file)] = fault
    _warn_of_proxy(own, (*path, "api"), lookup)
    return Bot(
        name=name,
        id=lookup.bot_id(values["id"], (*path, "id")) if "id" in values else UNKNOWN_ID,
        token=lookup.token(values["token"], (*path, "token")) if "token" in values else TokenSource(),
        labels=tuple(sorted((name, value) for name, value in values.get("labels", {}).items() if value)),
        api=Api(**{**shared, **own}),
        fault=lookup.faults.get((*path, "id")),
    )


def _warn_of_proxy(api: Values, path: Path, lookup: Lookup) -> None:
    """Warn of a URL on this machine that is asked through a proxy, since the token then leaves it."""
    url = api.get("url", "")
    if url.startswith("http:") and words.is_loopback(url) and (proxy := proxy_of(url, lookup.environ)):
        what = f"the token is sent in clear text to the proxy in {proxy.variable}"
        lookup.report.warning((*path, "url"), what, "add the host of this URL to NO_PROXY")


def _warn_of_twins(bots: Sequence[Bot], report: Report) -> None:
    first: dict[tuple[str, str], Bot] = {}
    for index, bot in enumerate(bots):
        twin = first.setdefault((bot.api.url, bot.id), bot)
        if twin is not bot and bot.id != UNKNOWN_ID:
            report.warning(("bots", index, "id"), f'the same bot as "{twin.name}"', "write each bot once")
