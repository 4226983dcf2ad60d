from __future__ import annotations

import http.client
import socket
from http.client import IncompleteRead
from typing import Any

import pytest

from exporter.simulator.faults import BAD_COUNTS, KINDS, Fault, Faults

Served = Any


def count(served: Served) -> Any:
    return served.get("conversations/_count")


@pytest.mark.parametrize("kind", BAD_COUNTS)
def test_a_bad_count_is_sent_with_status_200(served: Served, kind: str) -> None:
    served.simulation.faults.set(Fault(kind))
    answer = count(served)

    assert (answer.status, answer.body) == (200, BAD_COUNTS[kind])


@pytest.mark.parametrize("status", [200, 204, 301, 304, 400, 401, 403, 404, 429, 500, 502, 503, 599])
def test_any_status_can_be_sent(served: Served, status: int) -> None:
    served.simulation.faults.set(Fault("status", status=status, retry_after="7"))
    answer = count(served)

    assert (answer.status, answer.headers["Retry-After"]) == (status, "7")
    assert answer.body == b"" if status in (204, 304) else "error" in answer.json


def test_a_hang_never_responds(served: Served) -> None:
    served.simulation.faults.set(Fault("hang"))
    with send(served) as connection:
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)


def test_a_drip_sends_one_byte_at_a_time(served: Served) -> None:
    served.simulation.faults.set(Fault("drip", seconds=60.0))
    with send(served) as connection:
        connection.settimeout(0.3)
        stream = connection.makefile("rb")
        head = list(iter(stream.readline, b"\r\n"))

        assert head[0] == b"HTTP/1.1 200 OK\r\n"
        assert stream.read(1) == b" "
        with pytest.raises(TimeoutError):
            stream.read(1)


def test_a_drip_ends_with_a_count(served: Served) -> None:
    served.simulation.faults.set(Fault("drip", seconds=0.0))

    assert count(served).json == {"count": 12}


def test_a_reset_resets_the_connection(served: Served) -> None:
    served.simulation.faults.set(Fault("reset"))

    with pytest.raises(ConnectionResetError):
        count(served)


def test_a_truncated_body_is_shorter_than_its_length(served: Served) -> None:
    served.simulation.faults.set(Fault("truncated"))

    with pytest.raises(IncompleteRead) as error:
        count(served)
    assert (error.value.partial, error.value.expected) == (b'{"count', 6)


def test_a_wrong_length_is_shorter_than_the_body(served: Served) -> None:
    served.simulation.faults.set(Fault("wrong-length"))
    with send(served) as connection:
        received = connection.makefile("rb").read()

    assert received.endswith(b'content-length: 12\r\n\r\n{"count": 12}')


def test_a_redirect_has_another_location(served: Served) -> None:
    served.simulation.faults.set(Fault("redirect"))
    answer = count(served)

    assert (answer.status, answer.headers["Location"]) == (302, "http://127.0.0.1:9/elsewhere")


def test_an_endless_body_does_not_end(served: Served) -> None:
    served.simulation.faults.set(Fault("endless"))
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
    connection.request("GET", served.path("conversations/_count"))
    response = connection.getresponse()

    assert len(response.read(3_000_000)) == 3_000_000
    connection.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_request_after_a_fault_is_answered(served: Served, kind: str) -> None:
    served.simulation.faults.set(Fault(kind, seconds=60.0, times=1))
    with send(served) as connection:
        if kind != "hang":
            try:
                connection.recv(64)
            except ConnectionResetError:
                assert kind == "reset"

    assert count(served).status == 200
    assert served.simulation.faults.now() == {}


def test_a_fault_affects_only_its_bot_until_it_is_cleared(serve: Any) -> None:
    served = serve(bots=2)
    first, second = served.simulation.bots
    faults = served.simulation.faults
    faults.set(Fault("status", status=500), first.name)
    faults.set(Fault("status", status=502))

    assert count(served).status == 500
    assert served.send("GET", f"/v1/bots/{second.id}/messages", {}).status == 502
    faults.clear(first.name)
    assert count(served).status == 502
    faults.clear()
    assert count(served).status == 200


def test_a_fault_ends_after_its_times() -> None:
    faults = Faults()
    faults.set(Fault("hang", times=2), "a")

    assert [fault and fault.times for fault in (faults.take("a"), faults.take("b"), faults.take("a"))] == [
        2,
        None,
        1,
    ]
    assert faults.take("a") is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"kind": "hung"}, "kind must be one of status, hang"),
        ({"kind": "status", "status": 199}, "status must be a whole number from 200 to 599"),
        ({"kind": "status", "retry_after": "1\r\nX: 1"}, "retry_after must be seconds or an HTTP date"),
        ({"kind": "drip", "seconds": -1.0}, "seconds must be a number from 0"),
        ({"kind": "drip", "seconds": float("nan")}, "seconds must be a number from 0"),
        ({"kind": "hang", "times": 0}, "times must be a whole number from 1"),
    ],
)
def test_a_wrong_fault_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault(**wrong)


def send(served: Served) -> socket.socket:
    """Send a request without reading its response."""
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=20)
    path = served.path("conversations/_count")
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: simulator\r\n\r\n".encode())
    return connection
