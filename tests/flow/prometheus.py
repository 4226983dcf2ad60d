"""A real Prometheus that scrapes each second, and queries to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

from tools import processes

SCRAPED_EACH_SECOND = {"scrape_interval": "1s", "scrape_timeout": "1s"}


def prometheus(program: str, targets: Mapping[str, Sequence[str]], home: Path) -> AbstractContextManager[str]:
    """Run a Prometheus over the targets of each job; give its address."""
    jobs = [{"job_name": job, "static_configs": [{"targets": list(of)}]} for job, of in targets.items()]
    settings = {"global": SCRAPED_EACH_SECOND, "scrape_configs": jobs}
    return processes.prometheus(home, settings, program=program)


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
