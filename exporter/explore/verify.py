"""Verifies what a configuration relies on: each assumption is one finding with a stable name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from exporter.errors import ApiError, Unauthorized
from exporter.explore import dates
from exporter.explore.assumptions import Assumptions
from exporter.explore.conditions import conditions
from exporter.explore.findings import Finding
from exporter.explore.requests import Requests
from exporter.model import COLLECTIONS, Bot, Poll

_FIXED_REQUESTS: Final = 36
"""Requests for both collections, whatever the predicates are, of an API that works as documented.

One that refuses much takes more: what is not asked then is `unknown`.
"""


def most_requests(polls: Sequence[Poll]) -> int:
    """Return the most requests that verifying one bot's polls takes, without retries."""
    most = _FIXED_REQUESTS
    for collection in COLLECTIONS:
        of_collection = [poll for poll in polls if poll.query.collection == collection]
        predicates = [series.predicate for poll in of_collection for series in poll.series]
        found = conditions(predicates)
        distinct = len({predicate.text for predicate in predicates})
        once = distinct + len({repr(each) for each in (*found.comparisons, *found.negated)})
        twice = len(found.fields) + len(found.operators)
        most += once + 2 * twice + len(found.dated) * dates.MOST_REQUESTS
    return most


def verify(requests: Requests, bot: Bot, polls: Sequence[Poll], now: datetime) -> list[Finding]:
    """Return every finding about one bot, whose polls these are.

    An API that cannot be reached, or that fails, is `unknown`: nothing is known to be wrong.
    """
    found: list[Finding] = []
    try:
        for collection in COLLECTIONS:
            of_collection = [poll for poll in polls if poll.query.collection == collection]
            if of_collection:
                found += Assumptions(requests, bot, of_collection, now).findings()
    except Unauthorized as error:
        found = [*found, Finding("token", "differs", "token", f"{error} ({error.advice})")]
    except ApiError as error:
        found = [*found, Finding("reachable", "unknown", "api.url", error.described)]
    else:
        was_read = any(each.result == "ok" for each in found)
        unread = Finding("token", "unknown", "token", "nothing could be read with it")
        found = [Finding("token", "ok", "token") if was_read else unread, *found]
    tried = {each.subject for each in found if each.name == "operator" and each.result != "unknown"}
    return [
        each
        for each in dict.fromkeys(found)
        # Operators are the same for both collections, as documented.
        if each.result != "unknown" or each.name != "operator" or each.subject not in tried
    ]


def rate(throttled: int, requests: int) -> Finding:
    """Return the finding on a bot's rate, from how many attempts were answered with 429."""
    if not throttled:
        return Finding("rate", "ok", "api.rate")
    detail = f"{throttled} of {requests} requests got 429: lower api.rate, or find who else asks"
    return Finding("rate", "differs" if throttled > requests // 10 else "unknown", "api.rate", detail)
