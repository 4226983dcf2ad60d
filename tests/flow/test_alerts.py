"""A burst of errors at NativeChat reaches a webhook, through Prometheus and Alertmanager."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from exporter.simulator.faults import Fault
from tests.flow.prometheus import SCRAPED_EACH_SECOND, asked
from tools import processes

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Installed = Callable[[str, str], str]

ROOT = Path(__file__).parents[2]
ERRORS, DOWN = "NativeChatConversationsWithErrors", "NativeChatBotDown"
SETTLED = 90.0
"""Seconds to wait for what takes half a minute on a quiet machine."""


class Webhook:
    """Keeps the alert, bot, status and summary of what Alertmanager sends."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []
        self.summaries: dict[tuple[str, str], str] = {}
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - so do its callers
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def _keep(self, message: dict[str, Any]) -> None:
        for alert in message["alerts"]:
            name, bot = alert["labels"]["alertname"], alert["labels"].get("bot", "")
            self.summaries[name, bot] = alert["annotations"]["summary"]
            self.told.append((name, bot, alert["status"]))


class Monitoring:
    """Prometheus, and the webhook behind its Alertmanager."""

    def __init__(self, address: str, webhook: Webhook) -> None:
        self.webhook = webhook
        self._address = address

    def ask(self, expression: str) -> dict[str, float]:
        """Return the values of an instant query by bot; empty while Prometheus does not answer."""
        return {bot: value for (bot,), value in asked(self._address, expression).items()}

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
    home, manager_home = tmp_path_factory.mktemp("prometheus"), tmp_path_factory.mktemp("alertmanager")
    command = [sys.executable, "-m", "exporter", "rules"]
    command += [f"--config.file={running.home / 'config.yaml'}"]
    rules = yaml.safe_load(subprocess.run(command, capture_output=True, check=True).stdout)
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            if rule["alert"] == DOWN:
                rule |= {"for": "1s", "expr": rule["expr"].replace("5m", "10s")}
    (home / "rules.yml").write_text(json.dumps(rules), "utf-8")
    webhook = Webhook()
    Thread(target=webhook.server.serve_forever, name="webhook", daemon=True).start()
    route = {"receiver": "webhook", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    url = f"http://127.0.0.1:{webhook.server.server_port}/"
    receiver = {"name": "webhook", "webhook_configs": [{"url": url, "send_resolved": True}]}
    (manager_home / "am.yml").write_text(json.dumps({"route": route, "receivers": [receiver]}), "utf-8")
    manager = installed("prometheus-alertmanager", "prometheus-alertmanager")
    flags = ("--config.file=am.yml", "--storage.path=data", "--cluster.listen-address=")
    with processes.serving(manager_home / "log", manager, *flags) as manager_address:
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
    webhook.server.shutdown()
    webhook.server.server_close()


def test_a_burst_of_errors_reaches_a_webhook_and_deleted_history_or_a_dead_api_do_not(
    monitoring: Monitoring, chat: Chat, eventually: Callable[..., Any]
) -> None:
    loud, quiet = chat.names
    count, told = "nativechat_conversations_with_errors", monitoring.webhook.told
    before = eventually(lambda: (seen := monitoring.ask(count)).keys() == {loud, quiet} and seen)
    assert before[quiet] > 0

    chat.simulation.forget(quiet, {"Errors": {"$gt": 0}})
    eventually(lambda: monitoring.ask(count).get(quiet) == 0)

    assert not monitoring.marked()
    chat.simulation.burst(loud, 5, {"Errors": 2})
    eventually(lambda: monitoring.ask(f"{count}_new_total").get(loud) == 5)
    chat.simulation.forget(loud, {"Errors": {"$gt": 0}})
    eventually(lambda: (ERRORS, loud, "firing") in told)
    summary = monitoring.webhook.summaries[ERRORS, loud]  # PromQL extrapolates
    assert re.fullmatch(f"{loud}: [5-7] new in conversations_with_errors within 20s", summary)

    chat.simulation.faults.set(Fault("status", status=503), loud)
    eventually(lambda: monitoring.ask("nativechat_up").get(loud) == 0)
    assert monitoring.firing(ERRORS) == {loud}, "an error that was told is not hidden by an API that is down"
    assert monitoring.marked()

    eventually(lambda: (DOWN, loud, "firing") in told, SETTLED)
    eventually(lambda: (ERRORS, loud, "resolved") in told, SETTLED)
    assert monitoring.ask("nativechat_up")[loud] == 0
    assert monitoring.firing(ERRORS) == set()

    chat.simulation.faults.clear()
    eventually(lambda: (DOWN, loud, "resolved") in told, SETTLED)
    assert [status for name, _, status in told if name == ERRORS] == ["firing", "resolved"]
    assert {bot for _, bot, _ in told} == {loud}, told
