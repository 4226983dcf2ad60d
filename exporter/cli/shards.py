"""The flags that choose a shard."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

import click

from exporter.cli.flags import Command, flag
from exporter.plan import Shard


class Ordinal(click.ParamType[int]):
    """A shard's ordinal, or `hostname` for the number at the end of a StatefulSet's Pod name."""

    name = "ordinal"

    def __init__(self, host: Callable[[], str] = socket.gethostname) -> None:
        self._host = host

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if value == "hostname":
            host = self._host()
            found = re.fullmatch(r".*-([0-9]{1,4})", host)
            if not found:
                what = f"this host is called {host!r}, without a number such as -0 at its end"
                self.fail(f"{what} (write the ordinal itself, or use a StatefulSet)", param, ctx)
            return int(found[1])
        if not re.fullmatch(r"[0-9]{1,4}", str(value)):
            self.fail(f"{value!r} is neither a number from 0 nor 'hostname'", param, ctx)
        return int(value)


def shard_flags(command: Command) -> Command:
    """Add `--shard.ordinal`, None if it is not given, and `--shard.total`."""
    total = flag(
        "shard.total",
        "shard_total",
        type=click.IntRange(1, 1024),
        default=1,
        help="The number of shards.",
    )
    ordinal = flag(
        "shard.ordinal",
        "shard_ordinal",
        type=Ordinal(),
        help="The ordinal of this shard, from 0; hostname uses the number at the end of this host's name.",
    )
    return ordinal(total(command))


def chosen_shard(ordinal: int | None, total: int) -> Shard:
    """Return the shard that the flags choose; raises UsageError if they choose none.

    Without an ordinal only one shard is allowed: a guess would run some queries twice, and others never.
    """
    if ordinal is None and total > 1:
        raise click.UsageError(
            f"--shard.total={total} needs --shard.ordinal, 0 to {total - 1} (in a StatefulSet, hostname)"
        )
    shard = Shard(ordinal or 0, total)
    if shard.ordinal >= total:
        raise click.UsageError(
            f"--shard.ordinal={shard.ordinal} must be below --shard.total={total} (ordinals start at 0, "
            "and --shard.total is raised together with a StatefulSet's replicas)"
        )
    return shard
