"""Laws of the wire harness: the client is right on any wire, and one that is not is found out."""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
from urllib.parse import quote, urlsplit

import pytest

from exporter.errors import BadAnswer, Unreachable
from exporter.model import Collection
from exporter.nativechat import connections
from tools.wire.report import NOBODY_S, OTHER_S, RIGHT
from tools.wire.trial import Trial


class Naive:
    """A client as one writes it in a dozen lines: a connection for each thread, used until it breaks."""

    def __init__(self, url: str, *_: object) -> None:
        self._url = urlsplit(url)
        self._mine = threading.local()
        self._all: list[http.client.HTTPConnection] = []

    def count(self, collection: Collection, predicate_text: str, budget: float) -> int:
        if not hasattr(self._mine, "connection"):
            self._mine.connection = http.client.HTTPConnection(self._url.netloc, timeout=1.0)
            self._all.append(self._mine.connection)
        try:
            self._mine.connection.request("GET", f"/{collection}/_count?query={quote(predicate_text)}")
            answer = json.loads(self._mine.connection.getresponse().read())
            return int(answer["count"] if isinstance(answer, dict) else answer)
        except (OSError, http.client.HTTPException):
            self._mine.connection.close()
            raise Unreachable("no answer") from None
        except (ValueError, TypeError, KeyError):
            raise BadAnswer("no count") from None

    def close(self) -> None:
        for connection in self._all:
            connection.close()


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Trial:
    """Make a trial by a new seed, without the machine's proxies; a test that fails prints the seed."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    seed = random.randrange(10**6)
    sys.stdout.write(f"seed {seed}\n")
    return Trial(seed)


@pytest.mark.parametrize(("requests", "tls"), [(1000, False), (600, True)])
def test_each_answer_of_the_client_is_as_declared(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, requests: int, tls: bool
) -> None:
    monkeypatch.setattr(connections, "DOUBT", 0.0)  # to share connections also after an unasked answer
    report = trial.run(requests=requests, tls=tls)
    assert not report.wrong, "\n".join([report.table(), *report.details[:50]])
    assert report.total(RIGHT)


def test_no_count_of_the_client_is_that_of_another_predicate_while_it_shares_no_connection(
    trial: Trial,
) -> None:
    report = trial.run(requests=300)
    assert report.total(OTHER_S) == report.total(NOBODY_S) == 0, report.table()
    assert report.total(RIGHT)


def test_a_naive_client_is_found_out(trial: Trial) -> None:
    report = trial.run(requests=400, connect=Naive)
    assert report.total(OTHER_S)
    assert report.total(NOBODY_S)
