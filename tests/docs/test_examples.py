"""What the manual shows works: it loads, is refused in the words shown, parses, and is answered."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
import yaml

from exporter.cli import COMMANDS, cli
from exporter.cli.simulate import simulated
from exporter.clock import SystemClock
from exporter.config import web_config
from exporter.config.load import Loaded, parse
from exporter.errors import ConfigError

if TYPE_CHECKING:
    from tests.docs.conftest import Example, Flag, Manual

REST: Final = {
    "bots": "bots:\n  - {name: support, id: {env: NATIVECHAT_BOT_ID}, token: {env: NATIVECHAT_TOKEN}}\n",
    "queries": "queries:\n  - {name: conversations, collection: conversations}\n",
}
"""What a part of a configuration may leave to the rest of its file."""


def load(example: Example, folder: Path) -> Loaded:
    """Load a configuration, or a part of one together with what it leaves out."""
    text = example.text
    for key, rest in REST.items():
        if example.mark and not re.search(f"^{key}:", text, re.MULTILINE):
            text += rest
    names = re.findall(r"\{env: (\w+)\}", text)
    environ = {name: f"{number:024x}" for number, name in enumerate(names)}
    return parse(text.encode(), folder / "config.yaml", environ)


def test_every_example_is_of_a_kind_that_is_tested(manual: Manual) -> None:
    assert [f"{example} {example.language}" for example in manual.examples if example.kind is None] == []


def test_a_configuration_loads_without_problems(configuration: Example, tmp_path: Path) -> None:
    for name in re.findall(r"\{file: ([^}]+)\}", configuration.text):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a-token")
    assert load(configuration, tmp_path).warnings == ()


def test_a_bad_configuration_is_refused_in_the_words_below_it(
    bad_configuration: Example, manual: Manual
) -> None:
    below = manual.examples[manual.examples.index(bad_configuration) + 1]
    assert below.kind == "problems"
    with pytest.raises(ConfigError) as refused:
        load(bad_configuration, Path())
    assert f"{refused.value}\n" == below.text


def test_problems_stand_below_what_has_them(problems: Example, manual: Manual) -> None:
    above = manual.examples[manual.examples.index(problems) - 1]
    assert above.kind == "bad_configuration"


def test_a_web_configuration_loads_with_all_its_sections(web_configuration: Example, tmp_path: Path) -> None:
    file = tmp_path / "web.yaml"
    file.write_text(web_configuration.text)
    loaded = web_config.load(file)
    assert loaded.tls
    assert loaded.users
    assert loaded.headers


def test_a_container_runs_a_command_with_variables_that_exist(container: Example, flags: list[Flag]) -> None:
    [described] = yaml.safe_load(container.text)
    assert set(described["args"]) <= set(COMMANDS)
    assert {variable["name"] for variable in described.get("env", ())} <= {flag.variable for flag in flags}


def test_prometheus_accepts_a_configuration(prometheus_configuration: Example, tmp_path: Path) -> None:
    file = tmp_path / "prometheus.yml"
    file.write_text(prometheus_configuration.text)
    promtool("config", file)


def test_prometheus_accepts_every_expression(manual: Manual, tmp_path: Path) -> None:
    rules = [
        {"record": f"recipe:{number}", "expr": example.text}
        for number, example in enumerate(manual.of("expression"))
    ]
    file = tmp_path / "rules.yml"
    file.write_text(json.dumps({"groups": [{"name": "recipes", "rules": rules}]}))
    promtool("rules", file)


def test_alertmanager_accepts_a_configuration(alertmanager_configuration: Example, tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(alertmanager_configuration.text)
    judge("amtool", "prometheus-alertmanager", "check-config", file)


def promtool(what: str, file: Path) -> None:
    """Have promtool check a file."""
    judge("promtool", "prometheus", "check", what, file)


def judge(name: str, package: str, *words: str | Path) -> None:
    """Have a program of a Debian package say that all is well."""
    program = shutil.which(name)
    assert program, f"{name} is missing: install Debian's package {package}"
    told = subprocess.run([program, *words], capture_output=True, text=True, check=False, timeout=60)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_command_line_is_one_that_the_program_takes(manual: Manual) -> None:
    for where, line in manual.calls("nativechat-exporter"):
        name, *arguments = shlex.split(line)
        with cli.make_context("nativechat-exporter", [name, *arguments]) as context:
            command = cli.get_command(context, name)
            assert command, where
            command.make_context(name, arguments, parent=context).close()


def test_the_past_of_a_simulated_bot_can_follow_the_first_steps(manual: Manual) -> None:
    past = manual.section("backfill.md", "Try it with a simulated bot")
    first = manual.section("README.md", "First steps")
    assert past.strip().startswith("End `simulate` and `run` of the [first steps]")
    written, before = (set(re.findall(r"--write (\S+)", text)) for text in (past, first))
    assert written
    assert not written & before


def test_the_simulator_answers_every_request_that_its_page_shows(manual: Manual) -> None:
    calls = [line for where, line in manual.calls("curl") if where.startswith("simulator.md:")]
    assert calls
    with simulated("127.0.0.1:0", SystemClock(), bots=2) as (url, _):
        for line in calls:
            words = iter(shlex.split(line.replace("localhost:10055", url.removesuffix("/v1"))))
            request = urllib.request.Request("about:blank")
            for word in words:
                if word == "-X":
                    request.method = next(words)
                elif word == "-d":
                    request.data = next(words).encode()
                else:
                    request.full_url = word
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert answer.status == 200


def test_the_count_by_curl_works_and_shows_no_token_to_ps(manual: Manual, tmp_path: Path) -> None:
    [script] = [it.text for it in manual.of("script") if it.page == "fields.md" and "curl" in it.text]
    curl = tmp_path / "curl"
    curl.write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\nexec {shutil.which("curl")} "$@"\n', "utf-8"
    )
    curl.chmod(0o755)
    with simulated("127.0.0.1:0", SystemClock()) as (url, [(_, bot_id, token)]):
        environ = {
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "NATIVECHAT_BOT_ID": bot_id,
            "NATIVECHAT_TOKEN": token.reveal(),
        }
        words = ["bash", "-c", script.replace("https://api.nativechat.com/v1", url)]
        done = subprocess.run(words, env=environ, capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout)["count"] > 0
    arguments = (tmp_path / "arguments").read_text("utf-8")
    assert bot_id in arguments
    assert token.reveal() not in arguments


def test_every_event_in_a_log_is_one_that_the_program_logs(log: Example, root: Path) -> None:
    program = "".join(path.read_text("utf-8") for path in (root / "exporter").rglob("*.py"))
    for event in re.findall(r'msg="([^"]+)"', log.text):
        assert f'"{event}"' in program


def test_metrics_that_are_shown_are_those_of_a_demonstration(metrics: Example, live_metrics: str) -> None:
    def without_values(text: str) -> set[str]:
        return {
            line if line.startswith("#") else line.rpartition(" ")[0] for line in text.splitlines() if line
        }

    assert without_values(metrics.text) <= without_values(live_metrics)


def test_a_soak_s_result_has_the_lines_that_the_tool_prints(soak: Example, root: Path) -> None:
    tool = (root / "tools/soak/__main__.py").read_text("utf-8")
    shown = re.findall(r"^(\S.*?)  ", soak.text, re.MULTILINE)
    assert shown == re.findall(r'print\(f"(\w.*?)  ', tool)
