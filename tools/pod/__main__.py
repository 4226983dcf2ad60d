"""Runs the sidecar's Pod and checks it, line by line: `python -m tools.pod --image IMAGE`."""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

from tools.pod.manifests import APPLICATION, CONFIGURATION, POD, SECRET, manifests
from tools.pod.podman import Pod, playing, swap

CONFIG: Final = """\
api: {url: "http://127.0.0.1:8080/v1", retries: 0, timeout: 2s}
bots:
  - name: main
    id: {file: /run/secrets/nativechat/NATIVECHAT_BOT_ID}
    token: {file: /run/secrets/nativechat/NATIVECHAT_TOKEN}
defaults: {every: 1s, stale_after: 1m}
queries:
  - {name: conversations, collection: conversations}
"""
MORE: Final = CONFIG + "  - {name: messages, collection: messages}\n"
BAD: Final = CONFIG.replace("every: 1s", "every: soon")
OLD: Final = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "old-token"}
NEW: Final = {**OLD, "NATIVECHAT_TOKEN": "new-token"}

COUNT: Final = 'nativechat_conversations{bot="main"}'
MESSAGES: Final = 'nativechat_messages{bot="main"}'
QUERY_UP: Final = 'nativechat_exporter_query_up{bot="main",query="conversations"}'
LOADED: Final = "nativechat_exporter_config_last_reload_successful"

PATIENCE: Final = 30.0
"""Seconds that anything may take."""


class Exporter:
    """The exporter in the Pod, as Prometheus and Kubernetes see it."""

    def __init__(self, pod: Pod) -> None:
        self.pod = pod
        self.url = f"http://{pod.address}:10054"
        self.application = f"http://{pod.address}:8080/ready"

    def status(self, path: str) -> int:
        """Return the HTTP status of a path, 0 where nobody answers."""
        return self._status(self.url + path)

    def spares(self) -> bool:
        """Return whether the exporter lives, and the application beside it runs and is ready."""
        return self.status("/-/healthy") == 200 and self._status(self.application) == 200

    def _status(self, url: str) -> int:
        try:
            with urlopen(url, timeout=5) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code
        except OSError:
            return 0

    def value(self, series: str) -> float | None:
        """Return the value of the one series with this name and these labels."""
        with urlopen(f"{self.url}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found = re.search(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else None

    @property
    def process(self) -> dict[str, str]:
        """What Linux knows of the process, from this machine's side."""
        pid = self.pod.inspect("nativechat-exporter")["State"]["Pid"]
        lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
        return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def until(what: str, holds: Callable[[], Any], pod: Pod) -> None:
    """Wait for something to be true, and say so; end with the exporter's log if it does not come."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > PATIENCE:
            raise SystemExit(f"NOT   {what}\n{pod.log('nativechat-exporter')}")
        time.sleep(0.1)
    print(f"ok    {what} ({time.monotonic() - began:.1f} s)", flush=True)


def check(pod: Pod) -> None:
    """Do to the Pod what Kubernetes would, and see what it makes of it."""
    exporter = Exporter(pod)
    check_start(exporter)
    before = exporter.process["Pid"]
    check_rights(exporter)
    check_config_map(exporter)
    check_token(exporter)
    check_hanging(exporter)
    until("all of this in one process", lambda: exporter.process["Pid"] == before, pod)
    print(f"      memory: {int(exporter.process['VmRSS'].split()[0]) / 1024:.0f} MiB", flush=True)
    began = time.monotonic()
    pod.stop("nativechat-exporter", seconds=10)
    took = time.monotonic() - began
    code = pod.inspect("nativechat-exporter")["State"]["ExitCode"]
    until(f"SIGTERM ended it with {code} after {took:.1f} s", lambda: took < 5 and code == 0, pod)


def check_start(exporter: Exporter) -> None:
    """Start without configuration and Secret, and give it a bad one, a good one, and the Secret."""
    pod = exporter.pod
    until("without a ConfigMap it runs, and the application is ready", exporter.spares, pod)
    until("it says that it is not ready", lambda: exporter.status("/-/ready") == 503, pod)
    until("/metrics says that nothing is loaded", lambda: exporter.value(LOADED) == 0, pod)
    before = exporter.process["Pid"]
    swap(CONFIGURATION, {"config.yaml": BAD})
    time.sleep(7)  # it looks every five seconds
    until("with a broken ConfigMap it runs, and the application is ready", exporter.spares, pod)
    until("/metrics says that it is refused", lambda: exporter.value(LOADED) == 0, pod)
    swap(CONFIGURATION, {"config.yaml": CONFIG})
    until("with a good one, the missing Secret is told", lambda: exporter.value(QUERY_UP) == 0, pod)
    until("and the application is ready", exporter.spares, pod)
    swap(SECRET, OLD)
    until("with the Secret, the count is there", lambda: exporter.value(COUNT) == 42, pod)
    until("/-/ready answers the readiness probe", lambda: exporter.status("/-/ready") == 200, pod)
    until("it needed no restart", lambda: exporter.process["Pid"] == before, pod)


def check_rights(exporter: Exporter) -> None:
    """See that the manifest's limits are those of the process."""
    pod, process = exporter.pod, exporter.process
    limits = pod.inspect("nativechat-exporter")["HostConfig"]
    until("the root file system is read-only", lambda: limits["ReadonlyRootfs"], pod)
    until("it has 96 MiB", lambda: limits["Memory"] == 96 << 20, pod)
    until("it is user 65532", lambda: process["Uid"].split() == ["65532"] * 4, pod)
    until("it has no capability", lambda: int(process["CapEff"], 16) == int(process["CapBnd"], 16) == 0, pod)
    until("it can gain none", lambda: process["NoNewPrivs"] == "1", pod)


def check_config_map(exporter: Exporter) -> None:
    """Replace the configuration with a better, a bad and a good one."""
    pod = exporter.pod
    swap(CONFIGURATION, {"config.yaml": MORE})
    until("a ConfigMap that is replaced is taken up", lambda: exporter.value(MESSAGES) == 42, pod)
    swap(CONFIGURATION, {"config.yaml": BAD})
    until("a bad one is refused", lambda: exporter.value(LOADED) == 0, pod)
    until("and the old one stays in use", lambda: exporter.value(MESSAGES) == 42, pod)
    swap(CONFIGURATION, {"config.yaml": CONFIG})
    until("a good one ends that", lambda: exporter.value(LOADED) == 1, pod)


def check_token(exporter: Exporter) -> None:
    """Rotate the token: first where it is accepted, then where it is read."""
    pod = exporter.pod
    swap(APPLICATION, {"token": NEW["NATIVECHAT_TOKEN"], "mood": "well"})
    until("a token that is no longer good is told", lambda: exporter.value(QUERY_UP) == 0, pod)
    until("and is no reason for a restart", lambda: exporter.status("/-/healthy") == 200, pod)
    swap(SECRET, NEW)
    until("a new token is taken up", lambda: exporter.value(QUERY_UP) == 1, pod)


def check_hanging(exporter: Exporter) -> None:
    """Let the API accept requests, and answer none."""
    pod = exporter.pod
    swap(APPLICATION, {"token": NEW["NATIVECHAT_TOKEN"], "mood": "hangs"})
    until("an API that hangs is told", lambda: exporter.value(QUERY_UP) == 0, pod)
    until("and the application is ready", exporter.spares, pod)
    swap(APPLICATION, {"token": NEW["NATIVECHAT_TOKEN"], "mood": "well"})
    until("when it answers, so do we", lambda: exporter.value(QUERY_UP) == 1, pod)


def main() -> None:
    """Run the Pod and check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image", default="nativechat-exporter", help="the image of the exporter")
    arguments = parser.parse_args()
    with playing(POD, manifests(arguments.image, OLD["NATIVECHAT_TOKEN"])) as pod:
        check(pod)


if __name__ == "__main__":
    main()
