from __future__ import annotations

from collections.abc import Callable
from datetime import time
from pathlib import Path

import pytest

from exporter.config.load import load
from exporter.errors import ConfigError
from exporter.model import Api, Bot, Config, Predicate, Query, TokenSource, Variant
from tests.config.conftest import Read

Problems = Callable[..., list[str]]

HERE = Path(__file__).parent
TOP = HERE.parent.parent
ENVIRON = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "made-up-token"}


def test_the_shipped_configuration_needs_only_two_variables() -> None:
    loaded = load(TOP / "config.yaml", ENVIRON)
    assert loaded.warnings == ()
    assert [bot.name for bot in loaded.config.bots] == ["main"]
    assert {query.name: len(query.variants) for query in loaded.config.queries} == {
        "conversations": 1,
        "conversations_by_channel": 3,
        "conversations_by_outcome": 2,
        "conversations_with_errors": 1,
        "messages": 1,
        "conversations_engaged": 1,
    }
    assert not any(variant.predicate.dated for query in loaded.config.queries for variant in query.variants)


def test_without_the_two_variables_each_is_an_error_or_a_warning() -> None:
    with pytest.raises(ConfigError) as caught:
        load(TOP / "config.yaml", {})
    assert [problem.path for problem in caught.value.problems] == ["bots[0].id", "bots[0].token"]
    loaded = load(TOP / "config.yaml", {}, secrets="optional")
    assert [problem.path for problem in loaded.warnings] == ["bots[0].id", "bots[0].token"]
    assert loaded.config.bots[0].id == "unknown"


@pytest.mark.parametrize("path", sorted((HERE / "good").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_good_file_loads(path: Path) -> None:
    assert load(path, ENVIRON).config.queries


def test_the_example_of_the_documentation_is_read_as_it_is_described() -> None:
    config = load(HERE / "good" / "design.yaml", ENVIRON).config
    assert config == Config(
        bots=(
            Bot(
                "support",
                "5990b7b5d57ae86c1b2dfd6e",
                TokenSource(env="NATIVECHAT_TOKEN"),
                (("team", "care"),),
                Api(rate=2.0),
            ),
        ),
        queries=(
            Query(
                name="conversations_with_errors",
                help="Conversations in which the bot reported at least one error.",
                collection="conversations",
                every=30.0,
                stale_after=600.0,
                bots=("support",),
                variants=(Variant((), Predicate('{"Errors":{"$gt":0}}')),),
                predicate='{"Errors":{"$gt":0}}',
            ),
            Query(
                name="conversations_by_channel",
                help="Conversations by the channel they came through.",
                collection="conversations",
                every=60.0,
                stale_after=300.0,
                bots=("support",),
                label_names=("channel",),
                variants=tuple(
                    Variant((("channel", name),), Predicate(f'{{"Data.channel.ProviderName":"{name}"}}'))
                    for name in ("facebook", "viber", "darvin")
                ),
                predicate='{"Data.channel.ProviderName":"{channel}"}',
            ),
            Query(
                name="conversations_by_outcome",
                help="Conversations by outcome.",
                collection="conversations",
                every=60.0,
                stale_after=300.0,
                bots=("support",),
                label_names=("outcome",),
                variants=(
                    Variant((("outcome", "success"),), Predicate('{"Status":"success"}')),
                    Variant((("outcome", "error"),), Predicate('{"Errors":{"$gt":0}}')),
                ),
            ),
            Query(
                name="conversations_last_hour",
                help="Conversations started in the last hour.",
                collection="conversations",
                every=60.0,
                stale_after=300.0,
                bots=("support",),
                variants=(
                    Variant((), Predicate('{"StartedAt":{"$gte":{"$date":"now-1h"}}}', ("StartedAt",))),
                ),
                predicate='{"StartedAt":{"$gte":{"$date":"now-1h"}}}',
            ),
            Query(
                name="conversations_yesterday",
                help="Conversations started yesterday.",
                collection="conversations",
                every=86400.0,
                stale_after=432_000.0,
                bots=("support",),
                at=time(0, 5),
                variants=(
                    Variant(
                        (),
                        Predicate(
                            '{"StartedAt":{"$gte":{"$date":"now-1d/d"},"$lt":{"$date":"now/d"}}}',
                            ("StartedAt",),
                        ),
                    ),
                ),
                predicate='{"StartedAt":{"$gte":{"$date":"now-1d/d"},"$lt":{"$date":"now/d"}}}',
            ),
        ),
    )


def test_errors_are_in_the_file_s_order(problems: Problems) -> None:
    text = "queries: [{name: A, collection: x}]\nbots: [{name: B, id: x, token: x}]\nzone: x\n"
    assert [problem.split(": ")[:2] for problem in problems(text)] == [
        ["1:18", "queries[0].name"],
        ["1:33", "queries[0].collection"],
        ["2:15", "bots[0].name"],
        ["2:32", "bots[0].token"],
        ["3:1", "zone"],
    ]


BOTS = """\
bots:
  - {name: care, id: {env: CARE_ID}, token: {env: CARE_TOKEN}}
  - {name: sales, id: {env: SALES_ID}, token: {env: SALES_TOKEN}}
queries:
  - {name: conversations, collection: conversations}
"""
SECRETS = dict.fromkeys(("CARE_ID", "CARE_TOKEN", "SALES_TOKEN"), "5990b7b5d57ae86c1b2dfd6e")
SECRETS_OF_BOTH = SECRETS | {"SALES_ID": "6990b7b5d57ae86c1b2dfd6e"}


def test_a_bot_without_its_id_is_loaded_with_its_fault_beside_a_bot_that_has_all(read: Read) -> None:
    loaded = read(BOTS, SECRETS | {"SALES_ID": ""}, "of one bot")
    what = "environment variable SALES_ID is empty"
    assert [bot.fault and bot.fault[0] for bot in loaded.config.bots] == [None, what]
    assert what in [warning.what for warning in loaded.warnings]


def test_without_any_bot_that_has_its_id_and_token_every_missing_one_is_an_error(read: Read) -> None:
    without_token = {name: text for name, text in SECRETS.items() if name != "CARE_TOKEN"}
    with pytest.raises(ConfigError) as one_each:
        read(BOTS, without_token, "of one bot")
    assert [problem.severity for problem in one_each.value.problems] == ["error"] * 2
    with pytest.raises(ConfigError) as required:
        read(BOTS, without_token, "required")
    assert one_each.value.problems == required.value.problems


@pytest.mark.parametrize(
    ("shared", "own", "fatal"),
    [
        ("", "none.pem", []),
        ("none.pem", "ca.pem", []),
        ("none.pem", "", ["api.ca_file"]),
        ("none.pem", "also-none.pem", ["api.ca_file", "bots[1].api.ca_file"]),
    ],
)
def test_certificates_that_are_missing_end_the_start_only_if_no_bot_has_any(
    read: Read, tmp_path: Path, authority: Path, shared: str, own: str, fatal: list[str]
) -> None:
    (tmp_path / "ca.pem").write_text(authority.read_text())
    api = {"": "api: {}"} | {name: f"api: {{ca_file: {name}}}" for name in (shared, own) if name}
    text = f"{api[shared]}\n{BOTS}".replace("SALES_TOKEN}", f"SALES_TOKEN}}, {api[own]}")
    if not fatal:
        loaded = read(text, SECRETS_OF_BOTH, "of one bot")
        assert [warning.what for warning in loaded.warnings] == [
            f"{tmp_path / 'none.pem'} cannot be read: no such file or directory"
        ]
        return
    with pytest.raises(ConfigError) as caught:
        read(text, SECRETS_OF_BOTH, "of one bot")
    assert [(problem.path, problem.severity) for problem in caught.value.problems] == [
        (path, "error") for path in fatal
    ]
