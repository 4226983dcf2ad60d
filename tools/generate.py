"""Writes every file that the program makes and that we ship, or with `--check` tells which is another."""

from __future__ import annotations

import io
import json
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

from exporter import __version__
from exporter.cli import main as nativechat_exporter
from exporter.config import schema
from tools import chart_values

ROOT: Final = Path(__file__).parents[1]
SCHEMA: Final = "config.schema.json"
CHART: Final = "deploy/helm/nativechat-exporter"
COMMANDS: Final = {
    "grafana/dashboards/nativechat.json": ("dashboard",),
    "prometheus/rules.yml": ("rules", "--format=prometheus"),
    "grafana/provisioning/alerting/nativechat.yaml": ("rules", "--format=grafana"),
    "deploy/components/prometheus-operator/prometheusrule.yaml": ("rules", "--format=operator"),
}
"""The files that a command prints for the configuration we ship."""
COPIES: Final = {
    "deploy/grafana/dashboard/nativechat.json": "grafana/dashboards/nativechat.json",
    "deploy/grafana/alerts/nativechat.yaml": "grafana/provisioning/alerting/nativechat.yaml",
    f"{CHART}/nativechat.json": "grafana/dashboards/nativechat.json",
    f"{CHART}/nativechat.yaml": "grafana/provisioning/alerting/nativechat.yaml",
    f"{CHART}/prometheusrule.yaml": "deploy/components/prometheus-operator/prometheusrule.yaml",
    f"{CHART}/podmonitor.yaml": "deploy/components/pod-monitor/podmonitor.yaml",
    f"{CHART}/config.yaml": "deploy/configuration/config.yaml",
}
"""Kustomize and Helm read no file above their folder."""
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
    made[ROOT / "deploy/configuration/config.yaml"] = reading_files((ROOT / "config.yaml").read_text("utf-8"))
    for name, source in COPIES.items():
        made[ROOT / name] = made.get(ROOT / source) or (ROOT / source).read_text("utf-8")
    values = json.loads((ROOT / CHART / "values.schema.json").read_text("utf-8"))
    made[ROOT / CHART / "values.yaml"] = chart_values.values_yaml(values)
    made[ROOT / CHART / "README.md"] = chart_values.readme(values)
    for name in (f"{CHART}/Chart.yaml", "deploy/components/image/kustomization.yaml"):
        made[ROOT / name] = with_version((ROOT / name).read_text("utf-8"))
    return made


def with_version(text: str) -> str:
    """Return a manifest with the program's version."""
    return re.sub(r"\b(version|appVersion|newTag): [\w.+-]+", rf"\1: {__version__}", text)


def reading_files(text: str) -> str:
    """Return a configuration with the files of the mounted Secret for the variables of id and token.

    It names no schema, because none is beside it.
    """
    text = re.sub(r"\A# yaml-language-server: .*\n#\n", "", text)
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
