"""Writes every file that the program makes and that we ship, or with `--check` tells which is another."""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from exporter.cli import main as nativechat_exporter
from exporter.config import schema

ROOT: Final = Path(__file__).parents[1]
SCHEMA: Final = "config.schema.json"
COMMANDS: Final = {
    "grafana/dashboards/nativechat.json": ("dashboard",),
    "prometheus/rules.yml": ("rules", "--format=prometheus"),
    "grafana/provisioning/alerting/nativechat.yaml": ("rules", "--format=grafana"),
    "deploy/components/prometheus-operator/prometheusrule.yaml": ("rules", "--format=operator"),
    "deploy/grafana/dashboard/nativechat.json": ("dashboard",),
    "deploy/grafana/alerts/nativechat.yaml": ("rules", "--format=grafana"),
}
"""The files that a command prints for the configuration we ship."""
DEPLOYED: Final = ("deploy/configuration/config.yaml",)
"""Copies of the configuration we ship that read the bot's id and token from files."""
SECRET_FILES: Final = "/run/secrets/nativechat"
"""Where deploy/ mounts the Secret."""


def contents() -> dict[Path, str]:
    """Return what each file should hold."""
    made = {ROOT / SCHEMA: schema.text()}
    for name, words in COMMANDS.items():
        with redirect_stdout(io.StringIO()) as printed:
            code = nativechat_exporter([*words, f"--config.file={ROOT / 'config.yaml'}"])
        if code:
            raise SystemExit(code)
        made[ROOT / name] = printed.getvalue()
    made |= {ROOT / name: reading_files((ROOT / "config.yaml").read_text("utf-8")) for name in DEPLOYED}
    return made


def reading_files(text: str) -> str:
    """Return a configuration with the files of the mounted Secret for the variables of id and token."""
    variable = re.compile(r"\b(id|token): \{env: (\w+)\}.*")
    changed, number = variable.subn(rf"\1: {{file: {SECRET_FILES}/\2}}", text)
    if number != 2:
        raise SystemExit(f"config.yaml has {number} variables for id and token: deploy/ expects 2")
    return changed


def differing(made: dict[Path, str]) -> list[str]:
    """Return the names of the files that hold something else, or are not there."""
    return [
        str(path.relative_to(ROOT))
        for path, text in made.items()
        if not path.is_file() or path.read_text("utf-8") != text
    ]


def main(words: list[str]) -> int:
    """Write the files; with `--check`, only compare them, and return 1 if one differs."""
    made = contents()
    if words == ["--check"]:
        others = differing(made)
        for name in others:
            print(f"{name} is not what the program makes: run make generate", file=sys.stderr)
        return 1 if others else 0
    for path, text in made.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
