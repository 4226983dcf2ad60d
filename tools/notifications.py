"""Runs an Alertmanager, and receives its notifications."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from tools.processes import serving, shown


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert in a notification; `bot` is empty if it has no such label."""

    name: str
    bot: str
    status: str
    summary: str


@dataclass(frozen=True, slots=True)
class Notification:
    """A notification, and when it came, in monotonic seconds."""

    came: float
    status: str
    alerts: tuple[Alert, ...]


class Webhook:
    """Receives Alertmanager's notifications while it is entered."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        keep = self._keep

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - so do its callers
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> Webhook:
        Thread(target=self._server.serve_forever, name="webhook", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def alerts(self) -> list[Alert]:
        """The alerts of all notifications."""
        return [alert for notification in self.notifications for alert in notification.alerts]

    def _keep(self, data: dict[str, Any]) -> None:
        alerts = (
            Alert(
                alert["labels"]["alertname"],
                alert["labels"].get("bot", ""),
                alert["status"],
                alert["annotations"]["summary"],
            )
            for alert in data["alerts"]
        )
        self.notifications.append(Notification(time.monotonic(), data["status"], tuple(alerts)))


@contextmanager
def alertmanager(
    home: Path, webhook: Webhook, route: Mapping[str, object], program: str = "prometheus-alertmanager"
) -> Iterator[str]:
    """Run an Alertmanager that sends everything to a webhook, as `route` says; give its address."""
    receiver = {"name": "webhook", "webhook_configs": [{"url": webhook.url, "send_resolved": True}]}
    config = {"route": {"receiver": "webhook", **route}, "receivers": [receiver]}
    (home / "alertmanager.yml").write_text(json.dumps(config), "utf-8")
    flags = ("--config.file=alertmanager.yml", "--storage.path=alertmanager-data")
    log = home / "alertmanager.log"
    with serving(log, program, *flags, "--cluster.listen-address=") as address:
        shown(log, "Listening")
        yield address
