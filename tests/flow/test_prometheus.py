"""What a real Prometheus makes of the metrics."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from tests.flow.conftest import Chat, Running, StartExporter

    Installed = Callable[[str, str], str]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture(scope="module")
def chat(nativechat: Callable[..., Chat]) -> Chat:
    return nativechat(bots=2)


@pytest.fixture(scope="module")
def running(exporter: StartExporter, chat: Chat, query: Callable[..., dict[str, Any]]) -> Running:
    """An exporter that has counted everything; help and labels of one query need care in every format."""
    awkward = query(
        "by_name",
        help='A "quoted" back\\slash,\nand a second line: …',
        labels={"first_name": ["Zoë", 'O"Neill', "back\\slash", "two\nlines"]},
        query={"Data.user.FirstName": "{first_name}"},
    )
    running = exporter(chat.config([query(), awkward]), env=chat.environ)
    running.until(lambda metrics: metrics.value("nativechat_exporter_series") == 10)
    return running


@pytest.fixture(scope="module")
def prometheus(
    installed: Installed, running: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A Prometheus that scrapes the exporter each second; gives its address."""
    home = tmp_path_factory.mktemp("prometheus")
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {"job_name": "nativechat", "static_configs": [{"targets": [running.address]}]},
        ],
    }
    (home / "prometheus.yml").write_text(json.dumps(config), "utf-8")
    # Held, so that nobody else is given the port; whoever also says SO_REUSEADDR may listen on it.
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{held.getsockname()[1]}"
    with held, (home / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                installed("prometheus", "prometheus"),
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'data'}",
                f"--web.listen-address={address}",
            ],
            stdout=log,
            stderr=log,
        )
        yield address
        process.terminate()
        process.wait(30)


def asked(address: str, expression: str) -> dict[str, float]:
    """Return the values of an instant query by bot, nothing while there is no answer."""
    try:
        with urlopen(
            f"http://{address}/api/v1/query?{urlencode({'query': expression})}", timeout=5
        ) as answer:
            result = json.load(answer)["data"]["result"]
    except OSError:
        return {}
    return {one["metric"].get("bot", ""): float(one["value"][1]) for one in result}


def test_promtool_has_nothing_to_say_about_the_metrics(running: Running, installed: Installed) -> None:
    promtool = installed("promtool", "prometheus")
    checked = subprocess.run(
        [promtool, "check", "metrics"],
        input=running.ask("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_both_formats_say_the_same(running: Running) -> None:
    metrics = running.metrics()
    answer = running.ask("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call]
    samples = [sample for family in families for sample in family.samples]

    def counted(samples: list[Any]) -> set[tuple[str, tuple[tuple[str, str], ...], float]]:
        return {
            (sample.name, tuple(sorted(sample.labels.items())), sample.value)
            for sample in samples
            if sample.name in {"nativechat_conversations", "nativechat_by_name"}
        }

    assert len(counted(samples)) == 10
    assert counted(samples) == counted(metrics.samples)


def test_prometheus_scrapes_it_and_a_query_returns_the_values(
    prometheus: str, chat: Chat, eventually: Callable[..., Any]
) -> None:
    counted = {name: float(chat.simulation.counts(name)["conversations"]) for name in chat.names}
    assert eventually(lambda: asked(prometheus, "nativechat_conversations")) == counted
    assert asked(prometheus, 'up{job="nativechat"}') == {"": 1}
    assert asked(prometheus, "min by (bot) (nativechat_exporter_query_up)") == dict.fromkeys(counted, 1)
    assert asked(prometheus, "count by (bot) (nativechat_by_name)") == dict.fromkeys(counted, 4)


def test_prometheus_sees_ages_and_rates(prometheus: str, chat: Chat, eventually: Callable[..., Any]) -> None:
    age = "max by (bot) (time() - nativechat_exporter_query_last_success_timestamp_seconds)"
    assert all(0 <= seconds < 5 for seconds in eventually(lambda: asked(prometheus, age)).values())
    runs = "sum by (bot) (rate(nativechat_exporter_query_runs_total[10s]))"
    assert eventually(lambda: asked(prometheus, runs)).keys() == set(chat.names)
