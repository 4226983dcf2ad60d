"""Laws of `verify`: it finds what differs, says what to change, and finds nothing wrong with a good bot."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from exporter.config.load import load
from exporter.explore.verify import most_requests
from exporter.handler import Handler
from exporter.plan import make_plan
from exporter.simulator.dates import Dates
from tests.explore.conftest import Document, FakeApi, FakeBot
from tests.explore.shapes import documented

Typed = Callable[..., CompletedProcess[str]]
Serve = Callable[[Handler], str]
TOP = Path(__file__).parents[2]
ENVIRON = {"NATIVECHAT_BOT_ID": "5990b7b5d57ae86c1b2dfd6e", "NATIVECHAT_TOKEN": "made-up-token"}
DATED = """\
  - name: last_hour
    collection: conversations
    query: {StartedAt: {$gte: {$date: now-1h}}}
"""


@pytest.fixture(autouse=True)
def credentials(plain_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


def query(predicate: str) -> str:
    return f"  - {{name: more, collection: conversations, query: {predicate}}}\n"


def good(**bot: Any) -> FakeApi:
    conversations, messages = documented(400, Dates(bot.get("dates", "iso")))
    return FakeApi(FakeBot(conversations, messages, **bot))


def without(*values: str, **bot: Any) -> FakeApi:
    """Return a bot that lacks some channels and fields."""
    api = good(**bot)
    api.bot.conversations = [
        {key: value for key, value in each.items() if key not in values}
        for each in api.bot.conversations
        if each["Data"]["channel"]["ProviderName"] not in values
    ]
    return api


@pytest.fixture
def verified(typed: Typed, serve: Serve, tmp_path: Path) -> Callable[..., tuple[int, list[dict[str, str]]]]:
    """Verify the shipped configuration, with changes of its text; return exit code and findings."""

    def run(
        api: FakeApi | str, *changes: tuple[str, str], more: str = ""
    ) -> tuple[int, list[dict[str, str]]]:
        text = (TOP / "config.yaml").read_text("utf-8") + more
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        url = api if isinstance(api, str) else serve(api)
        file = tmp_path / "config.yaml"
        file.write_text(f"api: {{url: '{url}', rate: none, timeout: 5s, retries: 0}}\n{text}", "utf-8")
        done = typed("verify", "--output", "json", "--config.file", file)
        table = typed("verify", "--config.file", file)
        assert table.returncode == done.returncode, table.stderr
        for personal in (*ENVIRON.values(), "Ada", "example.org"):
            assert personal not in done.stdout + done.stderr + table.stdout
        return done.returncode, json.loads(done.stdout)

    return run


Verified = Callable[..., tuple[int, list[dict[str, str]]]]


def differing(findings: list[dict[str, str]]) -> set[str]:
    return {each["finding"] for each in findings if each["result"] == "differs"}


def test_a_good_bot_has_no_finding_but_ok(verified: Verified) -> None:
    code, findings = verified(good(), more=DATED)
    assert code == 0
    assert {each["result"] for each in findings} == {"ok"}


@pytest.mark.parametrize(
    ("api", "names"),
    [
        (lambda: without("viber", "Errors"), {"value", "field", "operator"}),
        (lambda: without("viber"), {"value"}),
        (lambda: FakeApi(FakeBot()), {"documents"}),
    ],
)
def test_a_bot_that_lacks_something_is_not_wrong(
    verified: Verified, api: Callable[[], FakeApi], names: set[str]
) -> None:
    code, findings = verified(api())
    assert code == 0
    assert {each["finding"] for each in findings if each["result"] == "unknown"} <= names


@dataclass
class Planted:
    """One difference between a configuration and a bot: what is changed, and the finding that tells it."""

    finding: str
    said: str
    api: Callable[[], FakeApi] = good
    changes: list[tuple[str, str]] = field(default_factory=list)
    more: str = ""


def strange_counts(number: int) -> Any:
    return {"total": number}


def deaf() -> FakeApi:
    """Return an API that ignores predicates."""
    api = good()

    class Deaf(FakeBot):
        def found(self, collection: str, text: str) -> list[Document]:
            return super().found(collection, "")

    return FakeApi(Deaf(api.bot.conversations, api.bot.messages))


def throttling() -> FakeApi:
    api = good()
    api.throttles = 4
    return api


PLANTED = {
    "wrong format of dates": Planted(
        "dates", "write api: {dates: extended-json}", lambda: good(dates="extended-json"), more=DATED
    ),
    "misspelt field": Planted("field", "did you mean Status?", changes=[("Status:", "Statuss:")]),
    "wrong case of a field": Planted("field", "did you mean Errors?", changes=[("{Errors:", "{errors:")]),
    "field without what is in front": Planted(
        "field", "did you mean Data.channel.ProviderName?", changes=[("Data.channel.", "")]
    ),
    "object instead of its field": Planted(
        "field", "did you mean Data.channel.ProviderName?", changes=[("Data.channel.ProviderName", "Channel")]
    ),
    "wrong case of a value": Planted("value", "did you mean success?", changes=[(": success", ": Success")]),
    "misspelt value": Planted("value", "did you mean facebook?", changes=[("[facebook", "[facebok")]),
    "misspelt value in a negation": Planted(
        "value", "did you mean success?", more=query("{Status: {$ne: sucess}}")
    ),
    "misspelt value in a list of negations": Planted(
        "value", "did you mean success?", more=query("{Status: {$nin: [sucess]}}")
    ),
    "number in quotes in a negation": Planted(
        "type", "without quotes", more=query('{$nor: [{Errors: {$not: {$ne: "0"}}}]}')
    ),
    "number in quotes": Planted("type", "without quotes", changes=[("{$gt: 3}", '{$gt: "3"}')]),
    "text without quotes": Planted("type", "in quotes", changes=[(": success", ": 1")]),
    "whole object": Planted(
        "value",
        "write its fields with dots, such as Data.channel.ProviderName",
        more=query("{Data: {channel: {ProviderName: facebook}}}"),
    ),
    "list for text": Planted(
        "type", "write its values one by one behind $in", more=query("{Status: [success]}")
    ),
    "text for an object": Planted(
        "type", "with dots, such as Data.channel.ProviderName", more=query("{Data.channel: facebook}")
    ),
    "operator refused": Planted("operator", "400", lambda: good(refuses=frozenset({"$gt"}))),
    "undocumented operator refused": Planted(
        "predicate",
        "400",
        lambda: good(refuses=frozenset({"$size"})),
        more="  - {name: sized, collection: conversations, query: {Errors: {$size: 1}}}\n",
    ),
    "predicates ignored": Planted("query", "where nothing matches", deaf),
    "shape of counts unknown": Planted(
        "count_shape", '{"total": N}', lambda: FakeApi(good().bot, count_body=strange_counts)
    ),
    "token refused": Planted("token", "401", lambda: FakeApi(good().bot, token="another")),
    "messages forbidden": Planted("collection", "403", lambda: FakeApi(good().bot, forbidden="messages")),
    "larger pages refused": Planted(
        "page", "10 rows, not 100", lambda: good(limit_refused_above=10, max_limit=10)
    ),
    "pages of ten": Planted("page", "10 rows, not 100", lambda: good(max_limit=10)),
    "limit ignored": Planted("limit", "limit=1 gives", lambda: good(ignores=frozenset({"limit"}))),
    "limit refused": Planted("limit", "400", lambda: good(refuses=frozenset({"limit"}))),
    "skip ignored": Planted("skip", "ignored", lambda: good(ignores=frozenset({"skip"}))),
    "skip refused": Planted("skip", "400", lambda: good(refuses=frozenset({"skip"}))),
    "sort ignored": Planted("sort", "not sorted", lambda: good(ignores=frozenset({"sort"}))),
    "throttled": Planted("rate", "lower api.rate", throttling),
}


@pytest.mark.parametrize("planted", PLANTED.values(), ids=PLANTED.keys())
def test_a_planted_difference_is_found_and_no_other(verified: Verified, planted: Planted) -> None:
    code, findings = verified(planted.api(), *planted.changes, more=planted.more)
    assert code == 1
    assert planted.finding in differing(findings)
    if planted.finding != "rate":  # it makes others
        assert differing(findings) == {planted.finding}
    assert any(
        planted.said in each["detail"]
        for each in findings
        if each["finding"] == planted.finding and each["result"] == "differs"
    )


def test_a_query_with_dates_that_are_not_proven_is_not_asked(verified: Verified) -> None:
    _, findings = verified(good(refuses=frozenset({"$gte"})), more=DATED)
    results = {(each["finding"], each["subject"]): each["result"] for each in findings}
    assert results["dates", "StartedAt"] == "differs"
    assert results["predicate", "last_hour"] == "unknown"


@pytest.mark.parametrize(("share", "result"), [(2, "ok"), (1, "unknown")])
def test_a_date_that_stands_for_none_is_not_wrong(verified: Verified, share: int, result: str) -> None:
    api = good()
    for each in api.bot.conversations[::share]:
        each["StartedAt"] = "0001-01-01T00:00:00.000Z"
    code, findings = verified(api, more=DATED)
    assert code == 0
    [told] = [each for each in findings if each["finding"] == "dates"]
    assert told["result"] == result


def test_the_operators_that_explain_a_refusal_are_in_order(verified: Verified) -> None:
    condition = "{$nin: [7], $ne: 8, $lte: 4, $lt: 5, $in: [1, 2], $gte: 1, $gt: 0}"
    more = f"  - {{name: many, collection: conversations, query: {{Errors: {condition}}}}}\n"
    operators = ["$gt", "$gte", "$in", "$lt", "$lte", "$ne", "$nin"]
    _, findings = verified(good(refuses=frozenset(operators)), more=more)
    [told] = [each["detail"] for each in findings if each["subject"] == "many"]
    assert told == f"refused because of {', '.join(operators)}"


def test_a_value_in_a_negation_is_no_reason_for_a_zero(verified: Verified) -> None:
    _, findings = verified(good(), more=query("{Status: {$ne: sucess}, Errors: {$gt: 900}}"))
    [told] = [each["detail"] for each in findings if each["subject"] == "more"]
    assert told == "nothing just now"


def test_a_value_is_told_where_one_series_has_it_and_another_negates_what_was_meant(
    verified: Verified,
) -> None:
    labels = "{outcome: {good: {Status: success}, bad: {Status: {$ne: sucess}}}}"
    code, _ = verified(good(), more=f"  - {{name: more, collection: conversations, labels: {labels}}}\n")
    assert code == 1


def test_each_bot_has_its_own_findings(typed: Typed, serve: Serve, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    token = "token: {env: NATIVECHAT_TOKEN}"
    file.write_text(
        "bots:\n"
        f"  - {{name: good, id: a, {token}, api: {{url: '{serve(good())}', rate: none}}}}\n"
        f"  - {{name: gone, id: b, {token}, api: {{url: 'http://127.0.0.1:9', retries: 0}}}}\n"
        "  - {name: bare, id: c, token: {env: NO_TOKEN}}\n"
        "queries: [{name: q, collection: messages}]\n"
    )
    done = typed("verify", "--output", "json", "--config.file", file)
    assert done.returncode == 1
    found = {(each["bot"], each["finding"], each["result"]) for each in json.loads(done.stdout)}
    assert {("good", "token", "ok"), ("gone", "reachable", "unknown"), ("bare", "token", "differs")} <= found
    assert not [each for each in found if each[0] != "bare" and each[2] == "differs"]


def test_a_missing_token_differs(verified: Verified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NATIVECHAT_TOKEN")
    code, findings = verified(good())
    assert code == 1
    assert differing(findings) == {"token"}
    assert "NATIVECHAT_TOKEN is not set" in findings[0]["detail"]


def test_a_missing_id_differs(verified: Verified, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NATIVECHAT_BOT_ID")
    code, findings = verified(good())
    assert (code, differing(findings)) == (1, {"bot_id"})


def test_an_api_that_cannot_be_reached_is_not_wrong(verified: Verified) -> None:
    code, findings = verified("http://127.0.0.1:9/v1")
    assert code == 0
    assert [(each["finding"], each["result"]) for each in findings] == [
        ("reachable", "unknown"),
        ("rate", "ok"),
    ]


def test_a_token_with_which_nothing_was_read_is_unknown(verified: Verified) -> None:
    code, findings = verified(FakeApi(good().bot, throttles=1))
    assert code == 1
    assert findings[0]["result"] == "unknown"
    assert (findings[0]["finding"], findings[0]["detail"]) == ("token", "nothing could be read with it")


def test_an_unknown_value_lists_those_that_occur(verified: Verified) -> None:
    _, findings = verified(good(), ("[facebook, viber, darvin]", "[telegraph]"))
    [finding] = [each for each in findings if each["result"] != "ok"]
    assert finding["finding"] == "value"
    assert all(name in finding["detail"] for name in ("facebook", "viber", "darvin"))


def test_an_object_that_is_right_but_does_not_occur_is_not_wrong(verified: Verified) -> None:
    api = good()
    for each in api.bot.conversations:
        each |= {"Place": {"city": "Sofia"}, "Tags": ["new", "vip"]}
    for predicate, result in (
        ("{Place: {city: Sofia}, Tags: [new, vip]}", "ok"),
        ("{Place: {city: Varna}, Tags: [new]}", "unknown"),
        ("{Place: {$ne: {}}, Tags: {$ne: []}}", "unknown"),
    ):
        code, findings = verified(api, more=query(predicate))
        assert code == 0
        assert {each["result"] for each in findings if each["subject"] == "Place: a value"} == {result}
        assert {each["result"] for each in findings if each["subject"] == "Tags: a value"} == {result}


def test_a_zero_says_why(verified: Verified) -> None:
    api = good()
    for each in api.bot.conversations:
        each["Errors"] = 0
    _, findings = verified(api, ("Status:", "Statuss:"))
    details = {each["subject"]: each["detail"] for each in findings if each["finding"] == "predicate"}
    assert details["conversations_by_outcome outcome=success"] == "counts 0 because of Statuss"
    assert details["conversations_with_errors"] == "nothing just now"


@pytest.mark.parametrize(
    ("collection", "field", "other"),
    [("conversations", "Text", "messages"), ("messages", "Errors", "conversations")],
)
def test_a_field_of_the_other_collection_is_told(
    verified: Verified, collection: str, field: str, other: str
) -> None:
    more = f"  - {{name: wrong, collection: {collection}, query: {{{field}: {{$gt: 0}}}}}}\n"
    code, findings = verified(good(), more=more)
    assert code == 0
    [told] = [each["detail"] for each in findings if each["finding"] == "field" and each["result"] != "ok"]
    assert told == f"none of the {collection} has it, but {other} do: is `collection` right?"


@pytest.mark.parametrize("page", [lambda _: [], lambda _: {"none": 1}])
def test_without_rows_values_are_not_compared_which_is_told(
    verified: Verified, page: Callable[[list[Document]], Any]
) -> None:
    code, findings = verified(FakeApi(good().bot, rows_body=page))
    assert code == 0
    [told] = [each for each in findings if each["finding"] == "page"]
    assert told["result"] == "unknown"
    assert told["detail"].startswith("no rows: values cannot be compared; ")


def test_a_value_of_a_person_is_not_repeated(verified: Verified) -> None:
    more = "  - {name: of_one, collection: messages, query: {User: 5990b7b5d57ae86c1b2dfd6e}}\n"
    labelled = "  - {name: by_one, collection: messages, labels: {who: [Ada]}, query: {Text: '{who}'}}\n"
    _, findings = verified(good(), more=more + labelled)
    assert "User: a value" in [each["subject"] for each in findings]


def test_a_personal_value_of_a_label_is_not_shown(verified: Verified) -> None:
    more = (
        "  - {name: by_one, collection: messages, labels: {who: [maria]}, query: {Data.member: '{who}'}}\n"
        "  - {name: by_kind, collection: messages, labels: {kind: [maria]}, query: {Data.member: '{kind}'}}\n"
    )
    _, findings = verified(good(), more=more)
    assert {"by_one who", "by_kind kind"} <= {each["subject"] for each in findings}
    assert "maria" not in json.dumps(findings)


def test_a_step_of_a_field_that_looks_like_data_is_not_repeated(verified: Verified) -> None:
    api = good()
    for each in api.bot.conversations:
        each |= {"Meta": {"5f0c3f3e8d1c4b0012345678": {"x": "y", "at": each["StartedAt"]}}}
    predicates = (
        "{Meta.5f0c3f3e8d1c4b0012345678.x: 1}",
        "{Meta.5f0c3f3e8d1c4b0012345678: {x: 1}}",
        "{Meta.5f0c3f3e8d1c4b0012345678.at: {$gte: {$date: now-1h}}}",
        '{"user 0888123456": 1, Errors: {$gt: 0}}',
        "{byAgent.petrov: {$ne: 1}}",
    )
    for predicate in predicates:
        _, findings = verified(api, more=query(predicate))
        told = json.dumps(findings, ensure_ascii=False)
        assert "…" in told
        assert not re.search("5f0c3f|0888|petrov", told)


def test_a_rare_type_is_right_if_the_query_counts(verified: Verified) -> None:
    api = good()
    for each in api.bot.conversations:
        each["Level"] = 1
    api.bot.conversations[211]["Level"] = "high"
    more = "  - {name: of_level, collection: conversations, query: {Level: high}}\n"
    code, findings = verified(api, more=more)
    assert code == 0
    assert {"finding": "type", "result": "ok"}.items() <= next(
        each for each in findings if each["subject"] == 'Level: "high"'
    ).items()


def test_true_and_one_are_compared_each_on_its_own(verified: Verified) -> None:
    api = good()
    for place, each in enumerate(api.bot.conversations):
        each["Urgent"] = place % 2 == 0
    more = "".join(
        f"  - {{name: urgent_{value}, collection: conversations, query: {{Urgent: {value}}}}}\n"
        for value in ("true", "1")
    )
    _, findings = verified(api, more=more)
    results = {each["subject"]: each["result"] for each in findings if each["finding"] in ("type", "value")}
    assert results["Urgent: 1"] == "differs"


def test_a_value_is_not_taken_for_another_that_the_query_has_too(verified: Verified) -> None:
    api = good()
    for place, each in enumerate(api.bot.conversations):
        each["Step"] = f"step{1 + place % 2}"
    labels = "labels: {step: [step1, step2, step3]}"
    code, findings = verified(
        api, more=f"  - {{name: by_step, collection: conversations, {labels}, query: {{Step: '{{step}}'}}}}\n"
    )
    assert code == 0
    results = {each["subject"]: each["result"] for each in findings if each["finding"] == "value"}
    assert results['Step: "step3"'] == "unknown"


@pytest.mark.parametrize("api", [good, lambda: good(max_limit=10), lambda: without("viber", "Errors")])
def test_the_shipped_configuration_takes_at_most_sixty_requests(
    typed: Typed, serve: Serve, tmp_path: Path, api: Callable[[], FakeApi]
) -> None:
    served = api()
    file = tmp_path / "config.yaml"
    text = (TOP / "config.yaml").read_text("utf-8")
    file.write_text(f"api: {{url: '{serve(served)}', rate: none}}\n{text}", "utf-8")
    typed("verify", "--config.file", file)
    assert 20 < served.received <= 60
    assert most_requests(make_plan(load(file, ENVIRON).config).polls) <= 60


def test_equal_predicates_of_both_collections_are_all_asked(verified: Verified) -> None:
    labels = f"labels: {{a: {list(range(10))}, b: {list(range(7))}}}"
    names = ("conversations", "messages")
    more = (
        f"  - {{name: of_{name}, collection: {name}, {labels}, query: {{A: '{{a}}', B: '{{b}}'}}}}\n"
        for name in names
    )
    _, findings = verified(good(), more="".join(more))
    assert not [each for each in findings if "not asked" in each["detail"]]


@pytest.mark.parametrize("condition", ["{$ne: []}", '{$nin: ["", []]}', "{$ne: {}}", "{$not: {$in: [[x]]}}"])
def test_a_whole_value_that_is_excluded_is_never_wrong(verified: Verified, condition: str) -> None:
    code, findings = verified(good(), more=query(f"{{Status: {condition}}}"))
    assert (code, differing(findings)) == (0, set())


def test_every_finding_is_documented() -> None:
    code = "".join(path.read_text("utf-8") for path in (TOP / "exporter").rglob("*.py"))
    made = set(re.findall(r'\b(?:Finding|_found)\(\s*"(\w+)"', code)) | {"limit", "skip", "sort"}
    table = (TOP / "docs/explore.md").read_text("utf-8").partition("## Findings")[2]
    told = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for cell in told for name in re.findall(r"`(\w+)`", cell)} == made
