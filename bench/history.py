"""Remembers the ratios of a run, so that the next one can tell whether it agrees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.figure import Figure

FILE: Final = Path(__file__).parents[1] / "build/bench.json"

AGREED: Final = 0.15
"""By how much two runs may differ."""


def compare(figures: Sequence[Figure], file: Path = FILE) -> str:
    """Return how the ratios agree with those of the run before, and keep them for the next one.

    Those that a target judges are told apart from those that are there to compare with.
    """
    now = {_name(figure): figure.ratio.median for figure in figures if figure.ratio}
    before: dict[str, float] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(before | now, indent=1), "utf-8")
    changes = {name: now[name] / before[name] - 1 for name in now if before.get(name)}
    if not changes:
        return "No ratios of an earlier run on this machine to compare with."
    targets = {_name(figure) for figure in figures if figure.target and figure.target.of == "ratio"}
    apart = {name for name, change in changes.items() if abs(change) > AGREED}

    def share(names: set[str]) -> str:
        return f"{len(names - apart)} of {len(names)}"

    agree = (
        f"{share(targets & changes.keys())} ratios with a target, and {share(changes.keys() - targets)} "
        f"others, agree with the run before within {AGREED:.0%}"
    )
    listed = (f"{name}: {change:+.0%}" for name, change in changes.items() if name in apart)
    return "\n  ".join((f"{agree}{', but not' if apart else '.'}", *listed))


def _name(figure: Figure) -> str:
    return f"{figure.what} / {figure.beside}"
