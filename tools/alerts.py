"""Checks the alert on errors with a real Prometheus and Alertmanager: python -m tools.alerts

Three bursts of five errors come, one after another. Each comes right after a scrape, is seen by one answer,
and is deleted before the next scrape. This must lead to one notification, which ends within the alert's
`within` and two intervals after the last burst. It takes five minutes.

The rules are the generated ones of `config.yaml`, evaluated every 30 s, and Alertmanager has its default
`group_wait`, 30 s. Only `every` and `within` are shorter. `--expression` replaces the generated expression,
to see what another one misses. Needs Debian's `prometheus` and `prometheus-alertmanager`.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tools.notifications import Notification, Webhook, alertmanager
from tools.stage import Size, Stage, staged

ALERT: Final = "NativeChatConversationsWithErrors"
COUNT: Final = "nativechat_conversations_with_errors"
BURSTS: Final = 3
ERRORS: Final = 5
WITHIN: Final = 120.0
SCRAPE: Final = 15
INTERVAL: Final = 30
"""Seconds between two evaluations of the generated rules, and Alertmanager's `group_interval`."""

GROUP_WAIT: Final = 30
"""Seconds, Alertmanager's default: its configuration here does not name it."""

NOTICE: Final = SCRAPE + INTERVAL + GROUP_WAIT + 5.0
"""Seconds from a burst to its notification, at most."""

APART: Final = 30.0
"""Seconds between a burst and the next."""

PATIENCE: Final = 60.0
"""Seconds for what takes a few."""


class Trial:
    """Bursts of errors and what must follow, printed line by line with the seconds since the start."""

    def __init__(self, stage: Stage, webhook: Webhook) -> None:
        self._stage = stage
        self._webhook = webhook
        self._began = time.monotonic()
        self._bot = stage.bots[0]

    def run(self) -> None:
        """Make the bursts; end the process at the first result that is wrong."""
        self._until("the bots have been counted and scraped for some time", self._settled)
        at_rest = self._page(COUNT)
        for number in range(1, BURSTS + 1):
            last = self._burst(number, at_rest)
            if number == 1:
                # The alert must last until Alertmanager has waited, though the errors are gone.
                what = f"a notification, at most {NOTICE:g} s later"
                self._until(what, lambda: self._notified("firing"), NOTICE)
                self._print(f"      {self._webhook.alerts[0].summary}")
            if number < BURSTS:
                time.sleep(APART)
        limit = last + WITHIN + 2 * INTERVAL - time.monotonic()
        what = f"its end, at most {WITHIN + 2 * INTERVAL:g} s after the last burst"
        ended = self._until(what, lambda: self._notified("resolved"), limit).came - last
        self._print(f"      {ended:.0f} s after the last burst")
        self._hold(
            f"not before {WITHIN - SCRAPE:g} s: each burst counted for `within`", ended >= WITHIN - SCRAPE
        )
        alerts = [(alert.name, alert.bot, alert.status) for alert in self._webhook.alerts]
        self._hold(
            "one notification and its end, of this alert and bot",
            alerts == [(ALERT, self._bot, "firing"), (ALERT, self._bot, "resolved")],
        )

    def _burst(self, number: int, at_rest: float) -> float:
        """Add errors after a scrape, and delete them before the next; return when an answer showed them."""
        scraped = self._scraped()
        self._until("a scrape", lambda: self._scraped() > scraped)
        scraped = self._scraped()
        self._stage.control("POST", "burst", bot=self._bot, number=4 * ERRORS, fields={"Errors": 0})
        self._stage.control(
            "POST", "burst", bot=self._bot, number=ERRORS, fields={"Errors": 2, "Data.burst": True}
        )
        self._until(
            f"burst {number}: an answer with {ERRORS} errors more",
            lambda: self._page(COUNT) == at_rest + ERRORS,
        )
        seen = time.monotonic()
        self._stage.control("POST", "forget", bot=self._bot, query={"Data.burst": True})
        self._until(f"burst {number}: an answer without them", lambda: self._page(COUNT) == at_rest)
        self._hold("no scrape in between", self._scraped() == scraped)
        self._hold(
            f"the counter has all {number * ERRORS}", self._page(f"{COUNT}_new_total") == number * ERRORS
        )
        return seen

    def _notified(self, status: str) -> Notification | None:
        """Return the first notification with a status."""
        return next((each for each in self._webhook.notifications if each.status == status), None)

    def _settled(self) -> bool:
        return len(self._asked(f"nativechat_conversations_new_total offset {SCRAPE}s")) == len(
            self._stage.bots
        )

    def _scraped(self) -> float:
        return max(self._asked("timestamp(up)"), default=0.0)

    def _asked(self, expression: str) -> list[float]:
        """Return the values of an instant query."""
        url = f"{self._stage.prometheus}/api/v1/query?{urlencode({'query': expression})}"
        with urlopen(url, timeout=10) as answer:
            return [float(one["value"][1]) for one in json.load(answer)["data"]["result"]]

    def _page(self, metric: str) -> float:
        """Return the value of the bot's one series of a metric, as the exporter shows it now."""
        with urlopen(f"{self._stage.exporter}/metrics", timeout=10) as answer:
            found = re.search(rf'^{metric}{{bot="{self._bot}"}} (\S+)$', answer.read().decode(), re.MULTILINE)
        return float(found[1]) if found else -1.0

    def _until(self, what: str, look: Callable[[], Any], patience: float = PATIENCE) -> Any:
        """Wait until `look` returns something truthy, print that, and return it; else end the process."""
        give_up = time.monotonic() + patience
        while not (found := look()):
            if time.monotonic() > give_up:
                self._hold(what, False)
            time.sleep(0.1)
        self._hold(what, True)
        return found

    def _hold(self, what: str, holds: bool) -> None:
        """Print whether something holds, and end the process if it does not."""
        self._print(f"{'ok' if holds else 'NOT':5} {what}")
        if not holds:
            sys.exit("\n".join(map(str, ["notifications:", *self._webhook.notifications])))

    def _print(self, what: str) -> None:
        """Print a line with the seconds since the start."""
        print(f"{time.monotonic() - self._began:5.0f} s  {what}", flush=True)


def configured(file: Path) -> dict[str, Any]:
    """Return a configuration whose alerts look back on less time."""
    config: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    for query in config["queries"]:
        if "alert" in query:
            query["alert"] |= {"within": f"{WITHIN:.0f}s"}
    return config


def main() -> None:
    """Run everything, and print the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--expression", help=f"PromQL of {ALERT}, instead of the generated one")
    options = parser.parse_args()
    config = configured(Path(__file__).parents[1] / "config.yaml")
    expressions = {ALERT: options.expression} if options.expression else {}
    size = Size(bots=2, growth=0.0, scrape_seconds=SCRAPE)
    with TemporaryDirectory() as name, Webhook() as webhook:
        home = Path(name)
        with (
            alertmanager(home, webhook, {"group_interval": f"{INTERVAL}s"}) as manager,
            staged(home, config, size, managers=(manager,), expressions=expressions) as stage,
        ):
            Trial(stage, webhook).run()


if __name__ == "__main__":
    main()
