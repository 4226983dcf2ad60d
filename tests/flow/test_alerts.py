"""A burst of errors at NativeChat reaches a webhook, through Prometheus and Alertmanager."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.simulator.faults import Fault
from tests.flow.prometheus import SCRAPED_EACH_SECOND, asked
from tools import processes
from tools.notifications import Webhook, alertmanager

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Installed = Callable[[str, str], str]

ROOT = Path(__file__).parents[2]
ERRORS, DOWN = "NativeChatConversationsWithErrors", "NativeChatBotDown"
SETTLED = 90.0
"""Seconds to wait for what takes half a minute on a quiet machine."""


class Monitoring:
    """Prometheus, and the webhook behind its Alertmanager."""

    def __init__(self, address: str, webhook: Webhook) -> None:
        self.webhook = webhook
        self._address = address

    def ask(self, expression: str) -> dict[str, float]:
        """Return the values of an instant query by bot; empty while Prometheus does not answer."""
        return {bot: value for (bot,), value in asked(self._address, expression).items()}

    def notified(self) -> list[tuple[str, str, str]]:
        """Return the name, the bot and the status of every alert in a notification."""
        return [(alert.name, alert.bot, alert.status) for alert in self.webhook.alerts]

    def firing(self, alert: str) -> set[str]:
        """Return the bots for which an alert fires."""
        return set(self.ask(f'ALERTS{{alertname="{alert}", alertstate="firing"}}'))

    def marked(self) -> bool:
        """Return whether the dashboard has a mark of an alert now."""
        made = json.loads((ROOT / "grafana/dashboards/nativechat.json").read_text("utf-8"))
        [marks] = [one["expr"] for one in made["annotations"]["list"] if one["name"] == "Alerts"]
        return bool(self.ask(marks))


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(bots=2)


@pytest.fixture(scope="module")
def running(exporter: StartExporter, chat: Chat) -> Running:
    """An exporter with the shipped query and alert on errors; only its times are shorter."""
    shipped = yaml.safe_load((ROOT / "config.yaml").read_text("utf-8"))["queries"]
    [errors] = [query for query in shipped if "alert" in query]
    errors |= {"every": "1s", "alert": errors["alert"] | {"within": "20s"}}
    [whole] = [query for query in shipped if query["name"] == errors["alert"]["of"]]
    running = exporter(chat.config([whole | {"every": "1s"}, errors], retries=0), env=chat.environ)
    running.until(lambda metrics: metrics.value("nativechat_exporter_series") == 4)
    return running


@pytest.fixture(scope="module")
def monitoring(
    installed: Installed, running: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Monitoring]:
    """Prometheus that scrapes and evaluates each second, with the rules generated from that configuration."""
    home = tmp_path_factory.mktemp("prometheus")
    command = [sys.executable, "-m", "exporter", "rules"]
    command += [f"--config.file={running.home / 'config.yaml'}"]
    rules = yaml.safe_load(subprocess.run(command, capture_output=True, check=True).stdout)
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if rule["alert"] == DOWN:
                rule |= {"for": "1s", "expr": rule["expr"].replace("5m", "10s")}
    (home / "rules.yml").write_text(json.dumps(rules), "utf-8")
    route = {"group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    manager = installed("prometheus-alertmanager", "prometheus-alertmanager")
    with Webhook() as webhook, alertmanager(home, webhook, route, manager) as manager_address:
        settings = {
            "global": {**SCRAPED_EACH_SECOND, "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [manager_address]}]}]},
            "scrape_configs": [
                {"job_name": "nativechat", "static_configs": [{"targets": [running.address]}]}
            ],
        }
        program = installed("prometheus", "prometheus")
        with processes.prometheus(home, settings, program=program) as address:
            yield Monitoring(address, webhook)


def test_a_burst_of_errors_reaches_a_webhook_and_deleted_history_or_a_dead_api_do_not(
    monitoring: Monitoring, chat: Chat, eventually: Callable[..., Any]
) -> None:
    loud, quiet = chat.names
    count = "nativechat_conversations_with_errors"
    before = eventually(lambda: (seen := monitoring.ask(count)).keys() == {loud, quiet} and seen)
    assert before[quiet] > 0

    chat.simulation.forget(quiet, {"Errors": {"$gt": 0}})
    eventually(lambda: monitoring.ask(count).get(quiet) == 0)

    assert not monitoring.marked()
    chat.simulation.burst(loud, 5, {"Errors": 2})
    eventually(lambda: monitoring.ask(f"{count}_new_total").get(loud) == 5)
    chat.simulation.forget(loud, {"Errors": {"$gt": 0}})
    eventually(lambda: (ERRORS, loud, "firing") in monitoring.notified())
    summary = monitoring.webhook.alerts[0].summary  # PromQL extrapolates
    assert re.fullmatch(f"{loud}: [5-7] new in conversations_with_errors within 20s", summary)

    chat.simulation.faults.set(Fault("status", status=503), loud)
    eventually(lambda: monitoring.ask("nativechat_up").get(loud) == 0)
    assert monitoring.firing(ERRORS) == {loud}, "an error that was told is not hidden by an API that is down"
    assert monitoring.marked()

    eventually(lambda: (DOWN, loud, "firing") in monitoring.notified(), SETTLED)
    eventually(lambda: (ERRORS, loud, "resolved") in monitoring.notified(), SETTLED)
    assert monitoring.ask("nativechat_up")[loud] == 0
    assert monitoring.firing(ERRORS) == set()

    chat.simulation.faults.clear()
    eventually(lambda: (DOWN, loud, "resolved") in monitoring.notified(), SETTLED)
    told = monitoring.notified()
    assert [status for name, _, status in told if name == ERRORS] == ["firing", "resolved"]
    assert {bot for _, bot, _ in told} == {loud}, told
