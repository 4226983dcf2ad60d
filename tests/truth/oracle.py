"""An API that gives each number once, and a judge who knows what each number was given for."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from exporter.errors import (
    ApiError,
    BadAnswer,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from exporter.model import Config, DateSetting
from tests.polling.conftest import Call, Outcome

Key = tuple[str, frozenset[tuple[str, str]]]
"""A series as a page names it: its metric, and its labels."""

DATES = {"1" * 24: "iso", "2" * 24: "extended-json"}
"""How the API writes the dates of each bot; a count with dates written otherwise is 0."""

_SAMPLE = re.compile(r"(nativechat_[a-z]+)\{(.*)\} (\S+)")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def _replaced() -> Unauthorized:
    error = Unauthorized("refused, and replaced meanwhile", status=401)
    error.token_is_new = True
    return error


FAILURES: dict[str, Callable[[], ApiError]] = {
    "refused": lambda: Unreachable("refused"),
    "throttled": lambda: Throttled("patience", status=429, retry_after=7.0),
    "server error": lambda: ServerError("down", status=500),
    "unauthorized": lambda: Unauthorized("no", status=401),
    "token replaced": _replaced,
    "rejected": lambda: Rejected("no such thing", status=404),
    "bad answer": lambda: BadAnswer("no count", status=200),
}
CALM = ("at once",)
WEATHERS = ("at once", "slow", "hang", "no such field", *FAILURES)


@dataclass(frozen=True)
class Given:
    """What the API was asked when it gave a number, and when that arrived."""

    bot_id: str
    asked: str
    ends: float


@dataclass
class Api:
    """Answers by the weather of each bot; what it does hangs on nothing but the question and the time."""

    weather: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int = 0
    given: dict[int, Given] = field(default_factory=dict)
    latest: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def behave(self, call: Call) -> Outcome:
        chance = random.Random(f"{self.seed} {call.bot.name} {call.asked} {call.began}")
        kind = chance.choice(self.weather.get(call.bot.id, CALM))
        seconds = chance.choice([1.5, 4.0, 6.5]) if kind == "slow" else 0.05
        if kind == "hang" or seconds >= call.budget:
            return call.budget, TimedOut("too slow")
        if kind in FAILURES:
            return seconds, FAILURES[kind]()
        if _is_blind(call) or (kind == "no such field" and "$exists" in call.asked):
            return seconds, 0
        self.latest = number = next(self.numbers)
        self.given[number] = Given(call.bot.id, call.asked, call.began + seconds)
        return seconds, number


def _is_blind(call: Call) -> bool:
    """Tell whether a question has dates that are not written as this bot's are."""
    match json.loads(call.asked.partition(" ")[2] or "{}"):
        case {"StartedAt": {"$gte": bound}}:
            kinds: dict[type, str] = {str: "iso", dict: "extended-json", int: "epoch-ms"}
            return kinds[type(bound)] != DATES[call.bot.id]
    return False


@dataclass(frozen=True)
class Promise:
    """What a series may show: numbers given to this question, after the one that was latest once."""

    bot_id: str
    question: str
    dates: DateSetting | None
    stale_after: float
    later_than: int

    def allows(self, number: int, given: Given, now: float) -> bool:
        return (
            number > self.later_than
            and given.bot_id == self.bot_id
            and self._is_asked_by(given.asked)
            and given.ends <= now <= given.ends + self.stale_after
        )

    def is_kept_in_calm(self) -> bool:
        """Tell whether calm weather brings the series: its dates, if any, are found or set right."""
        return self.dates in {None, "auto", DATES[self.bot_id]}

    def _is_asked_by(self, asked: str) -> bool:
        if self.dates is None:
            return asked == self.question
        return (
            "$exists" not in asked and "1970" not in asked and asked.startswith('conversations {"StartedAt')
        )


class Judge:
    """Knows what the configuration in force promises, and holds each page against it."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._absent_at: dict[Key, float] = {}
        self.promises: dict[Key, Promise] = {}

    def reloaded(self, config: Config) -> None:
        """Take a configuration: a series whose question changed shows nothing that was given before."""
        before, self.promises = self.promises, {}
        for query in config.queries:
            for bot in (bot for bot in config.bots if bot.name in query.bots):
                for variant in query.variants:
                    key = (query.metric, frozenset([("bot", bot.name), *bot.labels, *variant.labels]))
                    text = f"{query.collection} {variant.predicate.text}"
                    dates = bot.api.dates if variant.predicate.dated else None
                    new = Promise(bot.id, text, dates, query.stale_after, self._api.latest)
                    old = before.get(key)
                    same = old and (old.bot_id, old.question, old.dates) == (bot.id, text, dates)
                    self.promises[key] = replace(new, later_than=old.later_than) if old and same else new

    def judge(self, page: str, now: float) -> set[Key]:
        """Hold every sample of a query on the page to its promise; return the series that are there."""
        shown: set[Key] = set()
        for line in page.splitlines():
            if (sample := _SAMPLE.fullmatch(line)) and sample[1] != "nativechat_up":
                key = sample[1], frozenset(_LABEL.findall(sample[2]))
                assert key not in shown, f"twice: {line}"
                assert key in self.promises, f"not in the configuration: {line}"
                number = int(float(sample[3]))
                assert number in self._api.given, f"never given: {line}"
                given, promise = self._api.given[number], self.promises[key]
                assert promise.allows(number, given, now), f"{line} at {now}: {given}, {promise}"
                assert given.ends >= self._absent_at.get(key, 0.0), f"revived: {line}"
                shown.add(key)
        self._absent_at |= dict.fromkeys(self.promises.keys() - shown, now)
        return shown
