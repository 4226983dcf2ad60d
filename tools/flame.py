"""Draws where the time goes, for bench/README.md: python -m tools.flame

Has py-spy look at the exporter while it makes 500 counts a second, and while it is scraped all the time
and a hundredth of its series changes. py-spy comes with what `make bench` installs.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench import configs, peers, subjects
from bench.configs import Group
from bench.pages import Reader
from bench.processes import Subject
from bench.scrape import groups

DOCS: Final = Path(__file__).parents[1] / "docs"
SECONDS: Final = 20
A_SECOND: Final = 250
SCRAPED: Final = 10_000


def main() -> int:
    """Draw both pictures."""
    others = peers.install()
    if others.missing:
        sys.stderr.write(f"no py-spy: {others.missing}\n")
        return 1
    with subjects.responder() as api:
        counting = configs.exporter(api.api, Group("flame", 100, 10, "2s"))
        with subjects.ours(counting) as exporter:
            exporter.until_counted(1_000)
            draw(exporter, "flame-polling.svg", "Polling: 500 counts a second")
        with subjects.ours(configs.exporter(api.api, *groups(SCRAPED, "1s"))) as exporter:
            exporter.until_counted(SCRAPED)
            scraped(exporter, lambda: draw(exporter, "flame-scraping.svg", f"Scraping: {SCRAPED:,} series"))
    return 0


def scraped(exporter: Subject, meanwhile: Callable[[], None]) -> None:
    """Scrape without a pause until `meanwhile` returns."""
    over = threading.Event()

    def scrape() -> None:
        with Reader(exporter.port) as reader:
            while not over.is_set():
                reader.read()

    thread = threading.Thread(target=scrape, name="scraping")
    thread.start()
    try:
        meanwhile()
    finally:
        over.set()
        thread.join()


def draw(exporter: Subject, name: str, title: str) -> None:
    """Look at a process for a while, at the thread that holds the interpreter; write the picture."""
    with TemporaryDirectory() as folder:
        raw = Path(folder) / name
        spy = [str(peers.program("py-spy")), "record", "--format=flamegraph", f"--output={raw}"]
        how = ["--gil", f"--rate={A_SECOND}", f"--duration={SECONDS}", f"--pid={exporter.pid}"]
        subprocess.run([*spy, *how], check=True, capture_output=True)
        (DOCS / name).write_text(scrubbed(raw.read_text("utf-8"), title), "utf-8")


def scrubbed(picture: str, title: str) -> str:
    """Return the picture with another title, and without the paths of the machine it was drawn on."""
    for folder in (
        *(sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")),
        str(DOCS.parent),
    ):
        picture = picture.replace(f"{folder}/", "")
    picture = re.sub(r"/[^\s()<>&\"]*/(?:site-packages|lib/python[0-9.]+)/", "", picture)
    return re.sub(r'(<text id="title"[^>]*>)[^<]*', rf"\g<1>{title}", picture)


if __name__ == "__main__":
    sys.exit(main())
