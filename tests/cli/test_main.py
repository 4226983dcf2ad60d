"""Laws of the command line as a whole: its help, its flags, its exit codes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, CompletedProcess, Popen

import click
import pytest

from exporter import __version__
from exporter.cli import COMMANDS, cli
from exporter.cli.run import demo

CONFIG = Path(__file__).parents[2] / "config.yaml"

Typed = Callable[..., CompletedProcess[str]]


def options(command: str) -> dict[str, click.Option]:
    found = cli.get_command(click.Context(cli), command)
    assert found
    return {option.opts[0]: option for option in found.params if isinstance(option, click.Option)}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_flag_has_its_environment_variable(command: str) -> None:
    for name, option in options(command).items():
        words = name.removeprefix("--").replace(".", "_").replace("-", "_").upper()
        # What has a dot is the same in all commands; but the simulator's address is not the exporter's.
        is_shared = "." in name or name == "--runbook-url"
        is_own = not is_shared or (command == "simulate" and not name.startswith("--log."))
        expected = f"NATIVECHAT_EXPORTER_{f'{command}_'.upper() if is_own else ''}{words}"
        assert option.envvar == ("NATIVECHAT_BOT_ID" if name == "--bot-id" else expected)
        assert option.show_envvar


def test_a_variable_is_used_where_its_flag_is_not_there(
    typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATIVECHAT_EXPORTER_CHECK_STRICT", "perhaps")
    assert "NATIVECHAT_EXPORTER_CHECK_STRICT" in typed("check").stderr
    assert "NATIVECHAT_EXPORTER_CHECK_STRICT" not in typed("check", "--strict").stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_describes_every_flag(command: str, typed: Typed) -> None:
    done = typed(command, "--help")
    assert done.returncode == 0
    for name, option in options(command).items():
        assert name in done.stdout
        assert option.help
        assert option.help.endswith(".")


def test_the_list_of_commands_truncates_no_sentence(typed: Typed) -> None:
    done = typed("--help")
    assert all(f"  {command} " in done.stdout for command in COMMANDS)
    assert "..." not in done.stdout.partition("Commands:")[2]


def test_version_is_the_package_s(typed: Typed) -> None:
    assert typed("--version").stdout == f"nativechat-exporter, version {__version__}\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["chek"], "no command is called 'chek' (did you mean \"check\"?)"),
        (["frobnicate"], "known are run, check, count"),
        (["check", "--confg.file=x"], "--confg.file"),
        (["check", "surplus"], "surplus"),
        (["--config.file", "x", "run"], "No such option '--config.file'. Write the flags of a command after"),
        (["run", "--shard.ordinal=3"], "--shard.ordinal=3 must be below --shard.total=1"),
        (["run", "--shard.total=0"], "--shard.total"),
        (["run", "--shard.total=3"], "--shard.total=3 needs --shard.ordinal, 0 to 2"),
        (["run", "--shard.ordinal=x"], "'x' is neither a number from 0 nor 'hostname'"),
        (["check", "--shard.ordinal=1"], "--shard.ordinal=1 must be below --shard.total=1"),
        (["run", "--config.watch-interval=5"], '"5" has no unit (for seconds write 5s)'),
        (["run", "--config.watch-interval=10ms"], "shorter than a second (write at least 1s)"),
        (["run", "--log.level=loud"], "'loud' is not one of 'debug', 'info', 'warn', 'error'"),
        (["run", "--log.format=xml"], "'xml' is not one of 'logfmt', 'json'"),
        (["run", "--web.telemetry-path=metrics"], "must start with /"),
        (["run", "--web.telemetry-path=/-/healthy"], "not with /-/"),
        (["count", "--output=csv"], "'csv' is not one of 'table', 'json', 'prometheus'"),
        (["messages", "--limit=-1"], "--limit"),
    ],
)
def test_wrong_usage_is_reported_and_exits_with_2(words: list[str], complaint: str, typed: Typed) -> None:
    done = typed(*words)
    assert done.returncode == 2
    assert complaint in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["run", "count", "messages", "demo", "dashboard", "rules"])
def test_every_problem_of_a_configuration_is_reported_and_exits_with_2(
    command: str, typed: Typed, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("bots: []\nqueris: []\n", "utf-8")
    done = typed(command, "--config.file", wrong)
    assert done.returncode == 2
    assert f"{wrong}:1:7: bots:" in done.stderr
    assert 'did you mean "queries"?' in done.stderr


def test_a_missing_configuration_is_reported_by_its_path(typed: Typed, tmp_path: Path) -> None:
    done = typed("run", "--config.file", tmp_path / "nothing.yaml")
    assert done.returncode == 2
    assert "nothing.yaml:1:1: cannot be read: no such file or directory" in done.stderr


def test_without_a_configuration_the_error_names_the_shipped_one(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = typed("count")
    assert done.returncode == 2
    assert f"config.yaml:1:1: there is no such file in {tmp_path} (" in done.stderr
    assert f"a copy of the shipped one: {CONFIG})" in done.stderr


def test_demo_uses_the_shipped_configuration_if_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo.make_context("demo", []).params["config_file"] == CONFIG
    (tmp_path / "config.yaml").touch()
    assert demo.make_context("demo", []).params["config_file"] == Path("config.yaml")
    assert demo.make_context("demo", ["--config.file=x"]).params["config_file"] == Path("x")


def test_a_flag_is_also_read_from_its_environment_variable(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NATIVECHAT_EXPORTER_CONFIG_FILE", str(tmp_path / "elsewhere.yaml"))
    assert "elsewhere.yaml" in typed("check").stdout
    assert "config.yaml: bots: 1" in typed("check", "--config.file", CONFIG).stdout


def test_an_invalid_address_is_wrong_usage_of_run(
    typed: Typed, nativechat: Callable[..., tuple[object, Path]]
) -> None:
    _, config = nativechat()
    done = typed("run", "--config.file", config, "--web.listen-address=localhost")
    assert done.returncode == 2
    assert "nativechat-exporter: 'localhost' is not an address to listen on" in done.stderr


def test_a_certificate_that_cannot_be_used_is_a_wrong_configuration_of_run(
    typed: Typed, nativechat: Callable[..., tuple[object, Path]], tmp_path: Path
) -> None:
    _, config = nativechat()
    web = tmp_path / "web.yaml"
    web.write_text("tls_server_config: {cert_file: tls.crt, key_file: tls.key}\n", "utf-8")
    done = typed("run", "--config.file", config, "--web.config.file", web)
    assert done.returncode == 2
    assert f"cannot use {tmp_path}/tls.crt, {tmp_path}/tls.key: no such file or directory" in done.stderr


def test_a_full_disk_is_reported_without_a_traceback(started: Callable[..., Popen[str]]) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        process = started("check", "--config.file", CONFIG, stdout=full)
        _, told = process.communicate()
    finally:
        os.close(full)
    assert process.returncode == 1
    assert told.splitlines()[-1] == "nativechat-exporter: cannot print: no space left on device"


@pytest.mark.parametrize("words", [["check"], ["run"], ["run", "--nothing"], ["count"]])
def test_a_message_that_cannot_be_printed_changes_no_exit_code(
    started: Callable[..., Popen[str]], tmp_path: Path, words: list[str]
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        process = started(*words, "--config.file", tmp_path / "nothing.yaml", stderr=full)
        process.communicate()
    finally:
        os.close(full)
    assert process.returncode == 2


def test_a_closed_pipe_prints_no_traceback(started: Callable[..., Popen[str]]) -> None:
    read, write = os.pipe()
    os.close(read)
    process = started("--help", stdout=write, stderr=PIPE)
    os.close(write)
    assert process.communicate()[1] == ""
    assert process.returncode == 1
