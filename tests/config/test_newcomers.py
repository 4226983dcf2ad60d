"""Each mistake of newcomers, alone in a file, is answered with its place, what is wrong and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.config.conftest import HEAD

MISTAKES = {
    "query: {Errors: {gt: 0}}": (
        '8:22: queries[0].query.Errors.gt: "gt" is the name of a field here, not an operator (write $gt)'
    ),
    'query: {Errors: {">": 0}}': (
        '8:22: queries[0].query.Errors[">"]: ">" is the name of a field here, not an operator (write $gt)'
    ),
    'query: {Errors: {$gt: "0"}}': (
        '8:22: queries[0].query.Errors.$gt: warning: "0" is compared as text, and matches no number '
        "(write a number without quotes)"
    ),
    "query: {StartedAt: {$gte: now-1h}}": (
        '8:25: queries[0].query.StartedAt.$gte: "now-1h" is compared as text, and matches no date '
        "(if the field is a date, write {$gte: {$date: now-1h}})"
    ),
    "query: {StartedAt: {$date: now-1h}}": (
        "8:13: queries[0].query.StartedAt: warning: the date is compared for equality, to the millisecond "
        "(write a range, such as {$gte: {$date: now-1h}})"
    ),
    "query: {StartedAt: {$gte: {$date: now+1h}}}": (
        '8:25: queries[0].query.StartedAt.$gte: "now+1h" is not in the past '
        "(write a date in the past, such as now-1h)"
    ),
    "query: {StartedAt: {$gte: {$date: now}, $lt: {$date: now-1h}}}": (
        "8:45: queries[0].query.StartedAt.$lt: an empty range: $lt is not above $gte "
        "(swap the two, or widen the range)"
    ),
    "query: {Data: {channel: {ProviderName: facebook}}}": (
        "8:13: queries[0].query.Data: warning: the field is compared with the whole mapping "
        "(write Data.channel.ProviderName, or {$eq: {…}})"
    ),
    "query: {SentAt: {$gte: {$date: now-1h}}}": (
        "8:13: queries[0].query.SentAt: warning: SentAt is a field of messages, not of conversations "
        "(write StartedAt)"
    ),
    "every: 60": '8:12: queries[0].every: "60" has no unit (for seconds write 60s)',
    "query: '{\"a\": 1'": (
        "8:12: queries[0].query: a predicate in quotes is text "
        "(remove the quotes around it, and close every brace)"
    ),
    "query: {Status: {$in: success}}": (
        "8:22: queries[0].query.Status.$in: $in takes a list, such as [facebook, viber]"
    ),
    "\tevery: 60s": "8:5: not YAML: a tab (indent with spaces)",
}


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_has_one_message_with_its_place_and_what_to_do(
    query_problems: Callable[..., list[str]], line: str
) -> None:
    assert query_problems(line) == [MISTAKES[line]]


def test_a_token_in_the_file_is_refused_and_not_shown(problems: Callable[..., list[str]]) -> None:
    assert problems(HEAD.replace("{env: NATIVECHAT_TOKEN}", "27b5b2a57b5d0d9b5c500de5a83a")) == [
        "4:12: bots[0].token: a token does not belong in this file (write {env: NAME} or {file: PATH})"
    ]
