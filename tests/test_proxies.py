"""Laws of proxies: which variable counts for a URL, and what NO_PROXY excepts."""

from __future__ import annotations

import pytest

from exporter.proxies import Proxy, proxy_of

P = "http://user:hunter2@proxy.example:3128"
Q = "http://other.example"


@pytest.mark.parametrize(
    ("url", "environ", "variable"),
    [
        ("http://api.example", {}, None),
        ("http://api.example", {"HTTP_PROXY": P}, "HTTP_PROXY"),
        ("http://api.example", {"HTTPS_PROXY": P}, None),
        ("https://api.example", {"HTTPS_PROXY": P, "ALL_PROXY": Q}, "HTTPS_PROXY"),
        ("https://api.example", {"HTTP_PROXY": Q, "ALL_PROXY": P}, "ALL_PROXY"),
        ("http://api.example", {"HTTP_PROXY": Q, "http_proxy": P}, "http_proxy"),
        ("http://api.example", {"HTTP_PROXY": Q, "http_proxy": ""}, None),
        ("http://api.example", {"HTTP_PROXY": "", "all_proxy": P}, "all_proxy"),
    ],
)
def test_the_proxy_is_that_of_the_scheme_then_that_of_everything_and_lower_case_counts_first(
    url: str, environ: dict[str, str], variable: str | None
) -> None:
    assert proxy_of(url, environ) == (variable and Proxy(variable, P))


@pytest.mark.parametrize(
    ("url", "exceptions", "is_direct"),
    [
        ("http://api.example", "*", True),
        ("http://api.example", "elsewhere.example, api.example", True),
        ("http://API.example", "Api.Example", True),
        ("http://api.example", "example", True),
        ("http://api.example", ".example", True),
        ("http://badapi.example", "api.example", False),
        ("http://api.example", "www.api.example", False),
        ("http://api.example", "api.example:80", True),
        ("https://api.example", "api.example:80", False),
        ("http://api.example", ", .", False),
        ("http://127.0.0.1:8000", "127.0.0.0/8", True),
        ("http://127.0.0.1:8000", "127.0.0.1", True),
        ("http://128.0.0.1", "127.0.0.0/8", False),
        ("http://[::1]:8000", "::1", True),
        ("http://localhost", "127.0.0.1", False),
    ],
)
def test_no_proxy_names_hosts_their_ends_ports_and_networks(
    url: str, exceptions: str, is_direct: bool
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        assert (proxy_of(url, {"ALL_PROXY": P, name: exceptions}) is None) is is_direct
    assert proxy_of(url, {"ALL_PROXY": P, "NO_PROXY": exceptions, "no_proxy": ""}) is not None


def test_a_proxy_prints_without_its_password() -> None:
    assert "hunter2" not in f"{Proxy('HTTP_PROXY', P)!r}{Proxy('HTTP_PROXY', P)}"
