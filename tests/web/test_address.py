"""Laws of addresses to listen on: what is no address is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.web.address import AddressError, parse_address


@pytest.mark.parametrize(
    ("address", "host"),
    [(":80", ""), ("localhost:80", "localhost"), ("127.0.0.1:80", "127.0.0.1"), ("[::1]:80", "::1")],
)
def test_an_address_is_a_host_and_a_port(address: str, host: str) -> None:
    assert parse_address(address) == (host, 80)


@pytest.mark.parametrize(
    "address",
    [
        *("", "10054", "localhost", ":", ":http", ":-1", ":65536", ":٣"),
        *("::1:80", "[::1]", "[::1", "::1]:80", "[localhost]:1"),
    ],
)
def test_a_malformed_address_is_refused_with_advice(address: str) -> None:
    with pytest.raises(AddressError, match=r"is not an address to listen on \(write :10054"):
        parse_address(address)


@given(st.text())
def test_no_text_without_a_port_is_an_address(text: str) -> None:
    with pytest.raises(AddressError, match="for one"):
        parse_address(text + ":x")
