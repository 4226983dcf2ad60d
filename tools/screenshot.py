"""Takes the picture of the status page for the documentation: python -m tools.screenshot

Two simulated bots, one of which refuses its token; needs Chromium, Debian's package `chromium`.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tools.processes import exporter, shown, text

PICTURE = Path(__file__).parents[1] / "docs/status-page.png"
SIZE = "1280,1168"
SETTLING = 4.0

CONFIG = """\
api: {{url: {url}}}
bots:
  - {{name: support, id: {support}, token: {{env: SUPPORT_TOKEN}}, labels: {{team: care}}}}
  - {{name: sales, id: {sales}, token: {{env: SALES_TOKEN}}}}
defaults: {{every: 5s, stale_after: 1m}}
queries:
  - name: conversations
    help: Conversations in the bot's history.
    collection: conversations
    bots: [support]
  - name: conversations_by_channel
    help: Conversations by the channel they came through.
    collection: conversations
    labels: {{channel: [facebook, viber, darvin]}}
    query: {{Data.channel.ProviderName: "{{channel}}"}}
    bots: [support]
  - name: conversations_by_outcome
    help: Conversations by outcome.
    collection: conversations
    labels: {{outcome: {{success: {{Status: success}}, error: {{Errors: {{$gt: 0}}}}}}}}
    bots: [support]
  - name: messages
    help: Messages in the bot's history.
    collection: messages
"""


def main() -> None:
    """Start a simulator and an exporter, and photograph the page."""
    with TemporaryDirectory() as folder:
        home = Path(folder)
        with exporter(home, "simulate", "--web.listen-address=127.0.0.1:0", "--history=1200") as simulated:
            url = shown(simulated, r"api\.url +(\S+)")
            bots = dict(re.findall(r"^(\w+) +id (\w+)", text(simulated), re.MULTILINE))
            token = shown(simulated, r"support +id \w+ +token (\w+)")
            (home / "config.yaml").write_text(CONFIG.format(url=url, **bots), "utf-8")
            environ = {"SUPPORT_TOKEN": token, "SALES_TOKEN": "expired"}
            with exporter(home, "run", "--web.listen-address=127.0.0.1:0", **environ) as run:
                address = shown(run, r"msg=listening address=(\S+)")
                shown(run, r"bot is down")
                time.sleep(SETTLING)
                photograph(f"http://{address}/", home)


def photograph(url: str, home: Path) -> None:
    """Have Chromium write the picture."""
    subprocess.run(
        [
            "chromium",
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            f"--window-size={SIZE}",
            f"--user-data-dir={home / 'chromium'}",
            f"--screenshot={PICTURE}",
            url,
        ],
        check=True,
        capture_output=True,
    )


if __name__ == "__main__":
    main()
