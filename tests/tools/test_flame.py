"""Laws of the flame graphs: they tell of the program, and not of the machine they were drawn on."""

from __future__ import annotations

import re
import sysconfig
from pathlib import Path

import pytest

from tools.flame import DOCS, scrubbed

PICTURE = '<text id="title" x="5">py-spy record --pid 7</text><title>{place}:12) (5 samples, 1%)</title>'


@pytest.mark.parametrize(
    "folder",
    [
        f"{sysconfig.get_path('purelib')}/",
        f"{sysconfig.get_path('stdlib')}/",
        f"{DOCS.parent}/",
        "/opt/python/lib/python3.11/",
        "/opt/environment/lib/python3.13/site-packages/",
    ],
)
def test_a_picture_names_no_folder_of_the_machine(folder: str) -> None:
    drawn = scrubbed(PICTURE.format(place=f"read (some/module.py:12) of ({folder}some/module.py"), "Load")
    assert "read (some/module.py:12) of (some/module.py:12)" in drawn
    assert ">Load</text>" in drawn


@pytest.mark.parametrize("picture", sorted(DOCS.glob("flame-*.svg")), ids=lambda path: path.name)
def test_a_picture_in_the_manual_is_scrubbed(picture: Path) -> None:
    places = re.findall(r"<title>[^<]*\((\S+):\d+\) \(", picture.read_text("utf-8"))
    assert places
    assert not [place for place in places if place.startswith("/")]
