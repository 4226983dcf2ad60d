"""The bots of a simulation, with their ids and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Final

from exporter.model import Secret

_NAMES: Final = ("support", "sales", "bookings", "banking", "clinic")


@dataclass(frozen=True, slots=True)
class SimulatedBot:
    """One bot: its name, the id in its URLs (24 hexadecimal digits), and its token."""

    name: str
    id: str
    token: Secret


def simulated_bots(number: int, seed: int = 1) -> tuple[SimulatedBot, ...]:
    """Return the first `number` bots of a seed; they are the same each time."""
    names = (*_NAMES, *(f"bot{ordinal}" for ordinal in range(len(_NAMES) + 1, number + 1)))
    return tuple(
        SimulatedBot(
            name, _hexadecimal(f"{seed}:{name}:id", 24), Secret(_hexadecimal(f"{seed}:{name}:token", 40))
        )
        for name in names[:number]
    )


def _hexadecimal(seed: str, digits: int) -> str:
    return f"{Random(seed).getrandbits(4 * digits):0{digits}x}"
