"""An API that answers with each number once, and an oracle that knows which request each number answered."""

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
from exporter.model import Config, DateSetting, Labels
from tests.polling.conftest import Call, Outcome

Key = tuple[str, frozenset[tuple[str, str]]]
"""A series on the metrics page: its metric and its labels."""

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
NORMAL = ("at once",)
BEHAVIOURS = ("at once", "slow", "hang", "no such field", *FAILURES)


@dataclass(frozen=True)
class Answer:
    """The request that the API answered with a number, and the time when the answer arrived."""

    bot_id: str
    asked: str
    ends: float


@dataclass
class Api:
    """Answers by the behaviour of each bot; the answer depends only on the request, the time and the seed."""

    behaviour: dict[str, tuple[str, ...]] = field(default_factory=dict)
    seed: int = 0
    answers: dict[int, Answer] = field(default_factory=dict)
    latest: int = 0
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def behave(self, call: Call) -> Outcome:
        chance = random.Random(f"{self.seed} {call.bot.name} {call.asked} {call.began}")
        kind = chance.choice(self.behaviour.get(call.bot.id, NORMAL))
        seconds = chance.choice([1.5, 4.0, 6.5]) if kind == "slow" else 0.05
        if kind == "hang" or seconds >= call.budget:
            return call.budget, TimedOut("too slow")
        if kind in FAILURES:
            return seconds, FAILURES[kind]()
        if _is_blind(call) or (kind == "no such field" and "$ne" in call.asked):
            return seconds, 0
        self.latest = number = next(self.numbers)
        self.answers[number] = Answer(call.bot.id, call.asked, call.began + seconds)
        return seconds, number


def _is_blind(call: Call) -> bool:
    """Return whether a request has dates in a format that does not match this bot's."""
    if " shown " in call.asked:
        return False
    match json.loads(call.asked.partition(" ")[2] or "{}"):
        case {"StartedAt": {"$gte": bound}}:
            kinds: dict[type, str] = {str: "iso", dict: "extended-json", int: "epoch-ms"}
            return kinds[type(bound)] != DATES[call.bot.id]
    return False


@dataclass(frozen=True)
class Promise:
    """What a series may show: numbers that answered this request and are later than `later_than`.

    `of` is the series without the labels of its bot, which ask for nothing else.
    """

    of: tuple[str, str, Labels]
    bot_id: str
    request: str
    dates: DateSetting | None
    stale_after: float
    later_than: int

    def allows(self, number: int, answer: Answer, now: float) -> bool:
        return (
            number > self.later_than
            and answer.bot_id == self.bot_id
            and self._is_asked_by(answer.asked)
            and answer.ends <= now <= answer.ends + self.stale_after
        )

    def is_kept_when_normal(self) -> bool:
        """Return whether the series appears without faults: its date format, if any, is found or right."""
        return self.dates in {None, "auto", DATES[self.bot_id]}

    def _is_asked_by(self, asked: str) -> bool:
        if self.dates is None:
            return asked == self.request
        return "$ne" not in asked and "1970" not in asked and asked.startswith('conversations {"StartedAt')


class Judge:
    """Compare each page with what the configuration in use promises."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._absent_at: dict[Key, float] = {}
        self.promises: dict[Key, Promise] = {}

    def reloaded(self, config: Config) -> None:
        """Take a configuration: a series whose request changed must not show earlier answers."""
        before = {promise.of: promise for promise in self.promises.values()}
        self.promises = {}
        for query in config.queries:
            for bot in (bot for bot in config.bots if bot.name in query.bots):
                for variant in query.variants:
                    key = (query.metric, frozenset([("bot", bot.name), *bot.labels, *variant.labels]))
                    text = f"{query.collection} {variant.predicate.text}"
                    dates = bot.api.dates if variant.predicate.dated else None
                    of = query.metric, bot.name, variant.labels
                    new = Promise(of, bot.id, text, dates, query.stale_after, self._api.latest)
                    old = before.get(of)
                    same = old and (old.bot_id, old.request, old.dates) == (bot.id, text, dates)
                    self.promises[key] = replace(new, later_than=old.later_than) if old and same else new

    def judge(self, page: str, now: float) -> set[Key]:
        """Check every sample of a query on the page; return the series that are there."""
        shown: set[Key] = set()
        for line in page.splitlines():
            if (sample := _SAMPLE.fullmatch(line)) and sample[1] != "nativechat_up":
                key = sample[1], frozenset(_LABEL.findall(sample[2]))
                assert key not in shown, f"twice: {line}"
                assert key in self.promises, f"not in the configuration: {line}"
                number = int(float(sample[3]))
                assert number in self._api.answers, f"never given: {line}"
                answer, promise = self._api.answers[number], self.promises[key]
                assert promise.allows(number, answer, now), f"{line} at {now}: {answer}, {promise}"
                assert answer.ends >= self._absent_at.get(key, 0.0), f"revived: {line}"
                shown.add(key)
        self._absent_at |= dict.fromkeys(self.promises.keys() - shown, now)
        return shown
