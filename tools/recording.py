"""Records the first steps in a terminal for the README: python -m tools.recording

Runs each command in an empty folder, against a simulated bot, and draws what it prints as an SVG. Some parts
of a long output are replaced by ⋮. Needs curl, and the ports of the simulator and the exporter.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tools.processes import exporter, running, shown, text

ROOT: Final = Path(__file__).parents[1]
PICTURE: Final = ROOT / "docs/first-steps.svg"
DROPPED: Final = "⋮"
PROMPT: Final = "$ "

SIMULATE: Final = ("simulate", "--history=3000", "--history-days=30", "--growth=0")
EXPLORE: Final = "nativechat-exporter explore --api-url http://127.0.0.1:10055/v1 --write bot.yaml"
CHECK: Final = "nativechat-exporter check --config.file bot.yaml"
RUN: Final = "nativechat-exporter run --config.file bot.yaml"
READ: Final = "curl -s http://localhost:10054/metrics | grep '_by_[a-z]*{'"
READY: Final = f"curl -sf --retry 30 --retry-delay 1 --output {os.devnull} http://localhost:10054/-/ready"
COMMANDS: Final = (EXPLORE, CHECK, f"{RUN} &", READ)

LEFT_OUT: Final = {
    EXPLORE: r"^What the API does\n.*?(?=^Fields of)|^Fields of [\d,]+ messages.*?(?=^Queries)",
    CHECK: r"^METRIC .*?(?=^bot\.yaml)",
}
"""What is replaced in the output of a command."""

SIZE: Final = 13
WIDTH: Final = 0.6 * SIZE
HEIGHT: Final = 1.4 * SIZE
EDGE: Final = 16


def main() -> None:
    """Record the commands, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=PICTURE)
    options = parser.parse_args()
    with TemporaryDirectory() as folder:
        options.output.write_text(drawn(list(recorded(Path(folder)))), "utf-8")


def recorded(home: Path) -> Iterator[str]:
    """Run the commands, and yield the lines of the terminal."""
    with exporter(home, *SIMULATE) as simulated:
        bot_id = shown(simulated, r"support +id (\w+)")
        token = shown(simulated, r"support +id \w+ +token (\w+)")
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environ = {"PATH": programs, "NATIVECHAT_BOT_ID": bot_id, "NATIVECHAT_TOKEN": token}
        for command in (EXPLORE, CHECK):
            yield from terminal(command, printed(command, home, environ))
        with running(home / "run", RUN.split(), environ) as run:
            shown(run, r"msg=listening")
            yield from terminal(f"{RUN} &", text(run))
            subprocess.run(READY.split(), check=True)
            yield from terminal(READ, printed(READ, home, environ))


def printed(command: str, home: Path, environ: dict[str, str]) -> str:
    """Run a command to its end, and return all that it prints."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=home,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout


def terminal(command: str, output: str) -> Iterator[str]:
    """Yield the lines of a command and its output, without what is left out of it."""
    yield f"{PROMPT}{command}"
    if command in LEFT_OUT:
        output = re.sub(LEFT_OUT[command], f"{DROPPED}\n", output, flags=re.MULTILINE | re.DOTALL)
    yield from output.splitlines()
    yield ""


def drawn(lines: list[str]) -> str:
    """Return an SVG of a terminal with these lines."""
    wide = max(map(len, lines)) * WIDTH + 2 * EDGE
    high = len(lines) * HEIGHT + 2 * EDGE
    rows = "\n".join(row(line, EDGE + number * HEIGHT) for number, line in enumerate(lines, 1) if line)
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{wide:.0f}" height="{high:.0f}" role="img">
<title>A terminal: explore, check and run, with what they print</title>
<rect width="100%" height="100%" rx="8" fill="#1b1f24"/>
<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="{SIZE}" fill="#d0d7de">
{rows}
</g>
</svg>
"""


def row(line: str, y: float) -> str:
    """Return a line of text; a command is bright. Its length is given, because fonts differ in width."""
    colour = ' fill="#7ee787" font-weight="bold"' if line.startswith(PROMPT) else ""
    place = f'x="{EDGE}" y="{y:.1f}" textLength="{len(line) * WIDTH:.1f}" xml:space="preserve"'
    return f"<text {place}{colour}>{escape(line, quote=False)}</text>"


if __name__ == "__main__":
    main()
