"""The law of a wheel: it holds the package, what lies beside it, and nothing more."""

from __future__ import annotations

from pathlib import Path

from exporter import __version__
from tools.release.contents import differences, in_wheel, promised_in_wheel

ROOT = Path(__file__).parents[2]


def test_a_wheel_holds_what_is_promised_and_nothing_more(wheel: Path) -> None:
    assert differences("the wheel", in_wheel(wheel), promised_in_wheel(ROOT, __version__)) == []
