"""The APIs that misbehave, their certificates, and an exporter that polls all of them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
import trustme

from tests.flow.faults.peer import Peer, Shared
from tests.flow.faults.row import Fault, Row
from tests.flow.faults.scenario import TOKEN, Scenario, config
from tests.flow.faults.table import FAULTS, NO_DESCRIPTORS, ROWS

if TYPE_CHECKING:
    from tests.flow.conftest import StartExporter


MOST_RUNS: Final = 3


class Peers(NamedTuple):
    """APIs by the names of their bots; `well` has no fault, and `elsewhere` must get no request."""

    by_name: dict[str, Peer]
    elsewhere: Peer


MakePeers = Callable[[Iterable[Fault]], Peers]


class Authority(NamedTuple):
    """Certificates by what is wrong with them, and the file with the authority that is trusted."""

    contexts: dict[str, ssl.SSLContext]
    file: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have each report about a fault carry its row, for the table at the end of the run."""
    for item in items:
        if isinstance(item, pytest.Function) and hasattr(item, "callspec"):
            for row in item.callspec.params.values():
                if isinstance(row, Row):
                    item.user_properties.append(("fault", (ROWS.index(row), *row.cells)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes a fault once for each."""
    if "fault" in metafunc.fixturenames:
        rows: list[Row] = [NO_DESCRIPTORS] if "crowded" in metafunc.fixturenames else [*FAULTS.values()]
        metafunc.parametrize("fault", rows, ids=lambda row: row.name)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Two authorities, of which the exporter trusts one."""
    ours, theirs = trustme.CA(), trustme.CA()
    past = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)
    certificates = {
        "good": ours.issue_cert("127.0.0.1"),
        "untrusted": theirs.issue_cert("127.0.0.1"),
        "expired": ours.issue_cert("127.0.0.1", not_before=past[0], not_after=past[1]),
        "other host": ours.issue_cert("elsewhere.invalid"),
    }
    contexts = {}
    for name, certificate in certificates.items():
        contexts[name] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(contexts[name])
    file = tmp_path_factory.mktemp("authority") / "ca.pem"
    ours.cert_pem.write_to_path(str(file))
    return Authority(contexts, file)


@pytest.fixture(scope="module")
def peers(authority: Authority) -> Iterator[MakePeers]:
    """Make an API for each fault, which has not begun, and one that is always well."""
    with ExitStack() as stack:

        def make(faults: Iterable[Fault]) -> Peers:
            elsewhere = Peer(Shared(authority.contexts), None, 0)
            shared = Shared(authority.contexts, f"{elsewhere.url}/bots/well/")
            made = {fault.name: Peer(shared, fault, 4_711 + row) for row, fault in enumerate(faults)}
            made["well"] = Peer(shared, None, 0)
            stack.callback(shared.over.set)
            for peer in (elsewhere, *made.values()):
                stack.callback(peer.close)
            return Peers(made, elsewhere)

        yield make


@pytest.fixture(scope="module")
def asked_elsewhere() -> list[bytes]:
    """The requests to the server to which the redirects point."""
    return []


@pytest.fixture(scope="module")
def scenario(
    peers: MakePeers,
    authority: Authority,
    exporter: StartExporter,
    asked_elsewhere: list[bytes],
) -> Scenario:
    """Run an exporter that polls a bot for each fault, with all log lines.

    Repeat it with another exporter if this machine stood still for too long meanwhile.
    """
    for _ in range(MOST_RUNS):
        made, elsewhere = peers(FAULTS.values())
        for peer in made.values():
            peer.begin_fault()
        settings = config(made, authority.file)
        running = exporter(settings, "--log.level=debug", env={"TOKEN": TOKEN})
        one = Scenario(running, made, authority.file)
        one.run()
        asked_elsewhere += elsewhere.heads
        if not one.void:
            break
        running.end()
    return one
