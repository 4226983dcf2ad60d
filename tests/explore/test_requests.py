"""Laws of an exploration's requests: a refused one ends nothing, a bot that is down ends all."""

from __future__ import annotations

import pytest

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
from exporter.explore.requests import NoAnswer, Requests
from tests.explore.conftest import FakeBot


def requests(*errors: ApiError | None, most: int = 100) -> Requests:
    bot = FakeBot([{}], fails=lambda number: errors[(number - 1) % len(errors)])
    return Requests(bot, most)


@pytest.mark.parametrize(
    "error",
    [
        Rejected("x", status=400),
        ServerError("x", status=500),
        BadAnswer("x"),
        Throttled("x", status=429),
        Unauthorized("x", status=403),
        TimedOut("x"),
    ],
)
def test_an_error_of_one_request_lets_others_be_sent(error: ApiError) -> None:
    asked = requests(error, None)
    with pytest.raises(NoAnswer, match=error.reason):
        asked.count("conversations")
    assert asked.count("conversations") == 1


@pytest.mark.parametrize("error", [Unauthorized("x", status=401), Unauthorized("no token"), Unreachable("x")])
def test_a_refused_token_and_an_unreachable_bot_end_everything(error: ApiError) -> None:
    with pytest.raises(type(error)):
        requests(error).rows("messages")


def test_three_timeouts_in_a_row_end_everything() -> None:
    late = TimedOut("x")
    asked = requests(late, late, None, late, late, late)
    for _ in range(2):
        with pytest.raises(NoAnswer):
            asked.count("conversations")
    asked.count("conversations")
    for _ in range(2):
        with pytest.raises(NoAnswer):
            asked.count("conversations")
    with pytest.raises(TimedOut):
        asked.count("conversations")


def test_no_request_is_sent_beyond_those_announced() -> None:
    asked = requests(None, most=1)
    asked.count("conversations")
    with pytest.raises(NoAnswer, match="announced"):
        asked.count("conversations")
    assert asked.sent == 1
