"""Laws of the flags that choose a shard."""

from __future__ import annotations

import click
import pytest

from exporter.cli.shards import chosen_shard, ordinal_of
from exporter.plan import Shard


@pytest.mark.parametrize(
    ("host", "ordinal"), [("exporter-0", 0), ("nativechat-exporter-12", 12), ("a-007", 7)]
)
def test_hostname_means_the_number_at_the_end_of_the_host_s_name(host: str, ordinal: int) -> None:
    assert ordinal_of("hostname", lambda: host) == ordinal


@pytest.mark.parametrize(
    "host", ["laptop", "pod-", "node1", "exporter-0.example.com", "exporter-6bd7c4-x2x9z", ""]
)
def test_hostname_is_refused_if_the_name_ends_without_a_number(host: str) -> None:
    with pytest.raises(ValueError, match="host") as refused:
        ordinal_of("hostname", lambda: host)
    assert str(refused.value) == (
        f"this host is called {host!r}, without a number such as -0 at its end "
        "(write the ordinal itself, or use a StatefulSet)"
    )


@pytest.mark.parametrize(("text", "ordinal"), [("0", 0), ("63", 63), ("1023", 1023)])
def test_an_ordinal_may_be_a_number(text: str, ordinal: int) -> None:
    assert ordinal_of(text) == ordinal


@pytest.mark.parametrize("text", ["-1", "one", "1.0", "²", " 1", "host"])
def test_an_ordinal_is_refused_if_it_is_not_a_number(text: str) -> None:
    with pytest.raises(ValueError, match="host") as refused:
        ordinal_of(text)
    assert str(refused.value) == f"{text!r} is neither a number from 0 nor 'hostname'"


def test_without_flags_there_is_one_shard() -> None:
    assert chosen_shard(None, 1) == Shard(0, 1)


def test_the_flags_choose_the_shard() -> None:
    assert chosen_shard(2, 3) == Shard(2, 3)


def test_with_several_shards_the_ordinal_is_required() -> None:
    with pytest.raises(click.UsageError) as refused:
        chosen_shard(None, 3)
    assert (
        refused.value.message == "--shard.total=3 needs --shard.ordinal, 0 to 2 (in a StatefulSet, hostname)"
    )


@pytest.mark.parametrize(("ordinal", "total"), [(1, 1), (3, 3), (7, 3)])
def test_an_ordinal_must_be_below_the_total(ordinal: int, total: int) -> None:
    with pytest.raises(click.UsageError) as refused:
        chosen_shard(ordinal, total)
    assert f"--shard.ordinal={ordinal} must be below --shard.total={total}" in refused.value.message
