"""Laws of the recording: its commands are the tool's and the README's, and the program takes them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from exporter.cli import cli
from tools.recording import COMMANDS, EXPLORE, PICTURE, drawn, terminal

README: Final = Path(__file__).parents[2] / "README.md"


def commands(lines: list[str]) -> list[str]:
    """Return what is typed in a terminal."""
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]


def shown(picture: str) -> list[str]:
    """Return the lines of text in a picture that are not empty."""
    texts = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    return [text.text or "" for text in texts]


def test_the_recording_shows_the_commands_of_the_tool() -> None:
    assert commands(shown(PICTURE.read_text("utf-8"))) == list(COMMANDS)


def test_the_program_takes_each_command_of_the_recording() -> None:
    ours = [command for command in COMMANDS if command.startswith("nativechat-exporter ")]
    assert len(ours) == 3
    for line in ours:
        name, *arguments = shlex.split(line.removesuffix(" &"))[1:]
        with cli.make_context("nativechat-exporter", [name, *arguments]) as context:
            command = cli.get_command(context, name)
            assert command
            command.make_context(name, arguments, parent=context).close()


def test_the_readme_has_the_commands_of_the_recording() -> None:
    section = re.search(r"^## First steps\n.*?(?=^## )", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert section
    recorded = [re.sub(r" --api-url \S+| &$", "", command) for command in COMMANDS]
    assert commands(section[0].splitlines()) == recorded[:3]
    api = re.search(r"--api-url \S+", EXPLORE)
    assert api
    assert f"`{api[0]}`" in section[0]


def test_parts_of_an_output_are_left_out_and_marked() -> None:
    output = "exploring\nWhat the API does\n\ntoken  ok\n\nFields of 3 conversations\n"
    assert list(terminal(EXPLORE, output)) == [
        f"$ {EXPLORE}",
        "exploring",
        "⋮",
        "Fields of 3 conversations",
        "",
    ]


def test_a_picture_shows_every_line_as_it_is() -> None:
    lines = ["$ a | b &", '  x{y="<&>"} 1.0']
    assert shown(drawn([lines[0], "", lines[1]])) == lines
