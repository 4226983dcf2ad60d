"""An API that goes wrong on the wire: a share of its answers are served by any behaviour there is."""

from __future__ import annotations

from random import Random

from tools.soak.oracle import Oracle
from tools.wire.behaviours import CALM, ODD, SLOW, VALUE
from tools.wire.server import Part, Request, Server


class Api:
    """A server on a free port; `trouble` is the share of requests that go wrong.

    `kept` counts requests on connections that should have been closed.
    """

    def __init__(self, oracle: Oracle, seed: int) -> None:
        self.trouble = 0.3
        self.answers = 0
        self.kept = 0
        self._oracle = oracle
        self._seed = seed
        self.url = Server(self._cast).url

    def _cast(self, request: Request) -> Part:
        self.answers += 1
        self.kept += request.kept
        bot = request.path.split("/")[3]
        if request.crossed is not None:
            self._oracle.hand(request.crossed, bot, request.query)
        random = Random(f"{self._seed} {self.answers}")
        behaviour = random.choice((*ODD, *SLOW) if random.random() < self.trouble else CALM)
        number = self._oracle.give(bot, request.query, good=VALUE in behaviour.outcomes)
        return Part(behaviour, number, self._oracle.give("", "", good=False), random)
