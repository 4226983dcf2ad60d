"""A real Prometheus that scrapes each second, and queries to it."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

SCRAPED_EACH_SECOND = {"scrape_interval": "1s", "scrape_timeout": "1s"}


@contextmanager
def prometheus(program: str, targets: Mapping[str, Sequence[str]], home: Path) -> Iterator[str]:
    """Run a Prometheus over the targets of each job; give its address."""
    jobs = [{"job_name": job, "static_configs": [{"targets": list(of)}]} for job, of in targets.items()]
    config = {"global": SCRAPED_EACH_SECOND, "scrape_configs": jobs}
    (home / "prometheus.yml").write_text(json.dumps(config), "utf-8")
    # Hold the port, so that no other process gets it; with SO_REUSEADDR Prometheus can still listen on it.
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{held.getsockname()[1]}"
    with held, (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            yield address
        finally:
            process.terminate()
            process.wait(30)


def asked(address: str, expression: str, by: Sequence[str] = ("bot",)) -> dict[tuple[str, ...], float]:
    """Return the values of an instant query by labels; empty while Prometheus does not answer."""
    try:
        with urlopen(
            f"http://{address}/api/v1/query?{urlencode({'query': expression})}", timeout=5
        ) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {tuple(one["metric"].get(name, "") for name in by): float(one["value"][1]) for one in result}
