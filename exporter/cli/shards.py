"""The flags that choose a shard."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable

import click

from exporter.cli.flags import Parsed, flag, together
from exporter.plan import Shard


def ordinal_of(text: str, host: Callable[[], str] = socket.gethostname) -> int:
    """Return a shard's ordinal, for `hostname` the number at the end of a StatefulSet's Pod name.

    Raises ValueError for any other text.
    """
    if text == "hostname":
        name = host()
        found = re.fullmatch(r".*-([0-9]{1,4})", name)
        if not found:
            what = f"this host is called {name!r}, without a number such as -0 at its end"
            raise ValueError(f"{what} (write the ordinal itself, or use a StatefulSet)")
        return int(found[1])
    if not re.fullmatch(r"[0-9]{1,4}", text):
        raise ValueError(f"{text!r} is neither a number from 0 nor 'hostname'")
    return int(text)


shard_flags = together(
    flag(
        "shard.ordinal",
        type=Parsed(ordinal_of, "ordinal"),
        help="The ordinal of this shard, from 0; hostname uses the number at the end of this host's name.",
    ),
    flag("shard.total", type=click.IntRange(1, 1024), default=1, help="The number of shards."),
)
"""The flags `--shard.ordinal`, None if it is not given, and `--shard.total`."""


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
