"""Laws of the model: a secret stays secret, and a plan knows its requests."""

from __future__ import annotations

import copy
import io
import logging
import pickle
import traceback
from collections.abc import Callable
from dataclasses import FrozenInstanceError, dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.model import Bot, Plan, Poll, Predicate, Query, Secret, Series, TokenSource

TEXT = "s3cret-t0ken"
DOTS = "•••"


@dataclass(frozen=True)
class Holder:
    secret: Secret


def logged(secret: Secret) -> str:
    stream = io.StringIO()
    logger = logging.Logger("alone")
    logger.addHandler(logging.StreamHandler(stream))
    logger.warning("with %s and %r", secret, secret)
    return stream.getvalue()


def raised(secret: Secret) -> str:
    failing = RuntimeError(secret).with_traceback(None)
    return "".join(traceback.format_exception(failing)) + repr(failing)


@pytest.mark.parametrize(
    "show",
    [
        str,
        repr,
        format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>20}",
        lambda secret: f"{secret:<20}",
        lambda secret: f"{secret!s}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - the old way shows no more
        lambda secret: repr([{"token": secret}]),
        lambda secret: str(Holder(secret)),
        logged,
        raised,
    ],
)
def test_a_secret_prints_as_dots_wherever_it_is_shown(show: Callable[[Secret], str]) -> None:
    shown = show(Secret(TEXT))
    assert TEXT not in shown
    assert DOTS in shown


@pytest.mark.parametrize(
    "take", [pickle.dumps, copy.copy, copy.deepcopy, lambda secret: copy.deepcopy([Holder(secret)])]
)
def test_a_secret_is_not_pickled_or_copied(take: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError, match="not pickled or copied") as caught:
        take(Secret(TEXT))
    assert TEXT not in str(caught.value)


@given(st.text(), st.text())
def test_secrets_are_equal_when_their_texts_are(one: str, other: str) -> None:
    assert (Secret(one) == Secret(other)) is (one == other)
    assert hash(Secret(one)) == hash(Secret(one))
    assert Secret(one) != one


@given(st.text())
def test_only_reveal_returns_a_secret(text: str) -> None:
    assert Secret(text).reveal() == text
    assert not hasattr(Secret(text), "__dict__")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (TokenSource(env="NATIVECHAT_TOKEN"), "environment variable NATIVECHAT_TOKEN"),
        (TokenSource(file=Path("secrets/token")), "file secrets/token"),
    ],
)
def test_a_token_source_says_where_to_look(source: TokenSource, text: str) -> None:
    assert str(source) == text


def bot(name: str) -> Bot:
    return Bot(name, f"id of {name}", TokenSource(env="TOKEN"))


def query(name: str, every: float) -> Query:
    return Query(name, "Help.", "conversations", every, 5 * every, ("a", "b"))


def poll(of: Bot, asked: Query, series: int) -> Poll:
    each = Series(asked.metric, (), of.id, of.api.url, None, None, asked.collection, Predicate())
    return Poll(of, asked, tuple(replace(each, labels=(("n", str(n)),)) for n in range(series)))


A, B = bot("a"), bot("b")
OFTEN, SELDOM = query("often", 30.0), query("seldom", 3600.0)
PLAN = Plan((poll(B, OFTEN, 3), poll(A, OFTEN, 1), poll(B, SELDOM, 60)), ZoneInfo("UTC"), 1)


def test_a_plan_names_its_bots_and_queries_once_in_order_of_first_use() -> None:
    assert PLAN.bots == (B, A)
    assert PLAN.queries == (OFTEN, SELDOM)


def test_a_plan_knows_its_requests_per_minute() -> None:
    assert PLAN.requests_per_minute == 3 * 2 + 1 * 2 + 1


def test_a_poll_is_known_by_bot_and_query() -> None:
    assert [poll.key for poll in PLAN.polls] == [("b", "often"), ("a", "often"), ("b", "seldom")]


def test_a_querys_metric_bears_its_name() -> None:
    assert OFTEN.metric == "nativechat_often"


@pytest.mark.parametrize("noun", [A, OFTEN, PLAN, PLAN.polls[0], PLAN.polls[0].series[0]])
def test_a_noun_does_not_change(noun: object) -> None:
    with pytest.raises((FrozenInstanceError, AttributeError, TypeError)):
        noun.name = "another"  # type: ignore[attr-defined]
