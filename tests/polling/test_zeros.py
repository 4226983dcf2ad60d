"""Laws of counts of 0: who asks whether a field or a value exists harms nobody, and says what it found."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from exporter.errors import (
    ApiError,
    BadAnswer,
    Rejected,
    ServerError,
    Throttled,
    TimedOut,
    Unauthorized,
    Unreachable,
)
from exporter.model import Json

if TYPE_CHECKING:
    from tests.polling.conftest import Behave, Call, Kit, Outcome, World

    MakeWorld = Callable[[Behave], World]

KEY = ("support", "all")
HOUR = 3600.0
STATUSS = "no conversation has `Statuss`: nothing happened yet, or it is misspelt (did you mean `Status`?)"

BOTH = [
    {"Status": status, "Errors": {"$in": [1, errors]}} for status, errors in (("success", 2), ("sucess", 3))
]
VALUES = (
    *(f'{{"Errors":{n}}}' for n in (1, 2, 3)),
    *(f'{{"Status":"{it}"}}' for it in ("success", "sucess")),
)


class Api:
    """An API whose documents have some fields, and match predicates of some texts, in 0.01 seconds each.

    It needs `seconds` to count the documents with a field.
    """

    def __init__(self, *has: str, documents: int = 9, matches: str = "^$") -> None:
        self.has = set(has)
        self.documents = documents
        self.matches = matches
        self.failure: Exception | None = None
        self.seconds = 0.01

    def __call__(self, call: Call) -> Outcome:
        _, _, text = call.asked.partition(" ")
        if is_check(call):
            if self.failure is not None:
                return self.seconds, self.failure
            field = re.findall(r'^\{"(.*)":\{"\$ne":null\}\}$', text)
            return self.seconds, self.documents if not field or field[0] in self.has else 0
        return 0.01, 5 if re.search(self.matches, text) else 0


def is_check(call: Call) -> bool:
    return call.asked.endswith((" ", '{"$ne":null}}'))


def checks(world: World) -> list[str]:
    """Return the predicates of all checks, in order; one of all documents is empty."""
    return [call.asked.partition(" ")[2] for call in world.calls if is_check(call)]


def asked(world: World) -> list[str]:
    """Return the predicates of all checks, in order, those of values too."""
    return [
        text for call in world.calls if (text := call.asked.partition(" ")[2]) in VALUES or is_check(call)
    ]


def check_of(field: str) -> str:
    return f'{{"{field}":{{"$ne":null}}}}'


@pytest.fixture
def run(kit: Kit, make_world: MakeWorld) -> Callable[..., World]:
    """Make a world with a query each minute, and let some time pass."""

    def made(api: Behave, *predicates: Json, seconds: float = 30.0, **bot: Any) -> World:
        world = make_world(api)
        world.apply(kit.plan([kit.bot(**bot)], [kit.query("all", *predicates)]))
        world.run(seconds)
        return world

    return made


def test_a_field_that_no_document_has_is_told_from_a_value_that_none_has(run: Callable[..., World]) -> None:
    world = run(Api("Status"), {"Statuss": "success"}, {"Status": "succes"})
    assert checks(world) == ["", check_of("Status"), check_of("Statuss")]
    assert world.recorder.unknown_fields[KEY] == [{}, {"Statuss": STATUSS}], "told once all is known"
    assert world.recorder.unknown_values[KEY] == [set(), {("Status", '"succes"')}], "none of an unknown field"
    assert {count for _, count in world.recorder.counts[KEY]} == {0}


def test_a_value_that_never_occurs_is_told_from_values_that_never_meet(run: Callable[..., World]) -> None:
    world = run(Api("Status", "Errors", matches='^{"(Status":"success"|Errors":[12])}$'), *BOTH)
    assert asked(world) == ["", *map(check_of, ("Errors", "Status")), *(value for value in VALUES)]
    assert world.recorder.unknown_values[KEY] == [set(), {("Errors", "3"), ("Status", '"sucess"')}]
    assert world.recorder.unknown_fields[KEY] == [{}, {}]
    world.run(3.0 * HOUR)
    again = ["", *(value for value in VALUES if "3" in value or "sucess" in value)]
    assert asked(world)[8:] == again * 2, "what was found is spelt right"


def test_a_value_that_is_the_whole_predicate_needs_no_request(run: Callable[..., World]) -> None:
    api = Api("Status")
    world = run(api, {"Status": "sucess"}, {"Status": "failure"}, {"Status": {"$ne": "success"}})
    assert checks(world) == ["", check_of("Status")]
    assert len(world.calls) == 2 + 3 * world.recorder.runs[KEY]
    assert world.recorder.unknown_values[KEY][-1] == {("Status", '"sucess"'), ("Status", '"failure"')}
    api.matches = "failure"
    world.run(60.0)
    assert world.recorder.unknown_values[KEY][-1] == {("Status", '"sucess"')}


def test_a_value_that_appears_alone_is_known_though_another_series_with_it_counts_0(
    run: Callable[..., World],
) -> None:
    api = Api("Status", "Errors")
    world = run(api, {"Status": "failure"}, {"Status": "failure", "Errors": {"$gt": 0}})
    assert world.recorder.unknown_values[KEY][-1] == {("Status", '"failure"')}
    api.matches = '^{"Status":"failure"}$'
    world.run(90.0)
    assert world.recorder.unknown_values[KEY][-1] == set()


def test_no_value_is_looked_for_of_a_field_that_no_document_has(run: Callable[..., World]) -> None:
    world = run(Api("Status"), {"Statuss": "success", "Status": {"$gt": "a"}}, seconds=2.0 * HOUR)
    assert set(asked(world)) == {"", check_of("Status"), check_of("Statuss")}
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss"}
    assert world.recorder.unknown_values[KEY][-1] == set()


def test_a_true_zero_has_nothing_unknown(run: Callable[..., World]) -> None:
    world = run(
        Api("Errors", "Status", matches='^{"Status":"success"}$'), {"Status": "success", "Errors": {"$gt": 9}}
    )
    assert asked(world) == ["", *map(check_of, ("Errors", "Status")), '{"Status":"success"}']
    assert not any(world.recorder.unknown_fields[KEY])
    assert not any(world.recorder.unknown_values[KEY])


def test_a_bot_without_documents_has_no_unknown_fields_and_is_not_asked_for_any(
    kit: Kit, make_world: MakeWorld
) -> None:
    api = Api(documents=0, matches="Erors")
    world = make_world(api)
    queries = [kit.query("all", {"Statuss": "x"}), kit.query("other", {"Erors": 1})]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(30.0)
    api.matches = "^$"
    world.run(300.0)
    assert checks(world) == [""]
    assert not any(world.recorder.unknown_fields[KEY])


def test_no_field_is_looked_for_while_no_count_is_0(run: Callable[..., World]) -> None:
    world = run(Api(matches="Errors"), {"Errors": 1}, {"Errors": 2})
    assert checks(world) == []
    assert not world.recorder.unknown_fields


def test_a_query_without_a_predicate_counts_0_without_a_check(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda _: (0.01, 0))
    world.apply(kit.plan([kit.bot()], [kit.query()]))
    world.run(600.0)
    assert len(world.calls) == world.recorder.runs[KEY]


@pytest.mark.parametrize("number", [1, 5])
def test_a_field_is_looked_for_once_for_all_queries_and_hourly_while_no_document_has_it(
    kit: Kit, make_world: MakeWorld, number: int
) -> None:
    world = make_world(Api("Errors"))
    queries = [kit.query(f"query_{n}", {"Statuss": str(n), "Errors": n}) for n in range(number)]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(3.0 * HOUR)
    asked = [call for call in world.calls if is_check(call)]
    assert [call.asked for call in asked[:3]] == [
        "conversations ",
        f"conversations {check_of('Errors')}",
        f"conversations {check_of('Statuss')}",
    ]
    assert [call.asked for call in asked[3:]] == [
        "conversations ",
        f"conversations {check_of('Statuss')}",
    ] * 2, "a field that was found is spelt right"
    for predicate in ("", check_of("Statuss")):
        began = [call.began for call in asked if call.asked == f"conversations {predicate}"]
        assert all(b - a >= HOUR for a, b in itertools.pairwise(began))
    assert all(
        set(world.recorder.unknown_fields["support", f"query_{n}"][-1]) == {"Statuss"} for n in range(number)
    )


def test_each_collection_and_each_bot_has_fields_of_its_own(kit: Kit, make_world: MakeWorld) -> None:
    def behave(call: Call) -> Outcome:
        has = Api("User") if call.asked.startswith("messages") or call.bot.name == "sales" else Api()
        return has(call)

    world = make_world(behave)
    both = ("support", "sales")
    queries = [
        kit.query("talks", {"User": "x"}, bots=both),
        kit.query("texts", {"User": "x"}, bots=both, collection="messages"),
    ]
    world.apply(kit.plan([kit.bot("support"), kit.bot("sales")], queries))
    world.run(60.0)
    unknown = {key: set(found[-1]) for key, found in world.recorder.unknown_fields.items()}
    assert unknown.pop(("support", "talks")) == {"User"}
    assert not any(unknown.values())


def test_a_field_of_another_collection_is_not_suggested(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(Api("Data.intent"))
    queries = [
        kit.query("texts", {"Data.intent": {"$gt": 1}}, collection="messages"),
        kit.query("talks", {"Data.intnet": 1}),
        kit.query("words", {"Data.intnet": 1}, collection="messages"),
    ]
    world.apply(kit.plan([kit.bot()], queries))
    world.run(60.0)
    told = {
        name: world.recorder.unknown_fields["support", name][-1]["Data.intnet"] for name in ("talks", "words")
    }
    assert ["`Data.intent`" in told[name] for name in ("talks", "words")] == [False, True]


def test_a_field_that_appears_or_a_count_above_0_ends_it(run: Callable[..., World]) -> None:
    api = Api()
    world = run(api, {"Statuss": "success"}, {"Erors": 1})
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss", "Erors"}
    api.matches = "Erors"
    world.run(60.0)
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss"}
    api.has.add("Statuss")
    world.run(HOUR)
    assert world.recorder.unknown_fields[KEY][-1] == {}


def test_a_count_that_falls_to_0_later_is_looked_into_soon(run: Callable[..., World]) -> None:
    api = Api(matches="Erors")
    world = run(api, {"Statuss": "success"}, {"Erors": 1})
    api.matches = "^$"
    world.run(90.0)
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Erors", "Statuss"}


def test_a_failed_request_does_not_end_it(run: Callable[..., World], make_world: MakeWorld) -> None:
    api = Api()
    world = run(api, {"Statuss": "success"}, retries=0)
    told = len(world.recorder.unknown_fields[KEY])
    world.behave = lambda _: (0.01, ServerError("ill", status=500))
    world.run(300.0)
    assert len(world.recorder.unknown_fields[KEY]) == told
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss"}


def test_a_reload_looks_for_the_fields_of_changed_queries(kit: Kit, run: Callable[..., World]) -> None:
    world = run(Api("Status"), {"Statuss": "success"})
    world.apply(kit.plan([kit.bot()], [kit.query("all", {"Statas": "success"})]))
    world.run(30.0)
    assert checks(world) == ["", check_of("Statuss"), check_of("Statas")]
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statas"}


def test_a_query_that_a_reload_removed_is_looked_for_no_more(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(Api("Status", "Errors"))
    gone = kit.query("gone", {"Statuss": "x"}, {"Status": "y", "Errors": 1})
    stays = kit.query("stays", {"Erors": 1})
    world.apply(kit.plan([kit.bot()], [gone, stays]))
    world.run(30.0)
    world.apply(kit.plan([kit.bot()], [stays]))
    before = len(world.calls)
    world.run(3.0 * HOUR)
    later = {call.asked.partition(" ")[2] for call in world.calls[before:]}
    assert later == {'{"Erors":1}', "", check_of("Erors")}


def test_a_reload_keeps_what_is_known_of_queries_that_it_does_not_change(
    kit: Kit, make_world: MakeWorld
) -> None:
    api = Api()
    world = make_world(api)
    plan = kit.plan([kit.bot()], [kit.query("all", {"Statuss": "success"})])
    world.apply(plan)
    world.run(30.0)
    told, asked = world.recorder.unknown_fields[KEY][:], checks(world)
    world.apply(plan)
    world.run(120.0)
    assert (world.recorder.unknown_fields[KEY], checks(world)) == (told, asked)
    world.apply(plan)
    api.matches = "Statuss"
    world.run(120.0)
    assert world.recorder.unknown_fields[KEY] == [*told, {}]


@pytest.mark.parametrize(
    "failure",
    [
        Unreachable("gone"),
        TimedOut("slow"),
        ServerError("ill", status=500),
        Unauthorized("no", status=401),
        Unauthorized("no", status=403),
        BadAnswer("what"),
        ValueError("a defect"),
    ],
    ids=repr,
)
def test_a_failed_check_affects_nothing_and_is_repeated_after_an_hour(
    run: Callable[..., World], failure: Exception
) -> None:
    api = Api()
    api.failure = failure
    world = run(api, {"Statuss": "success"}, seconds=HOUR - 60.0)
    assert checks(world) == [""], "a failed check is not retried"
    runs = world.recorder.runs[KEY]
    assert world.recorder.counts[KEY] == [(0, 0)] * runs
    assert world.recorder.requests["support"] == runs, "a check is no request of a query"
    assert not world.recorder.failures
    assert not world.recorder.skips
    assert not any(world.recorder.unknown_fields[KEY])
    api.failure = None
    world.run(180.0)
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss"}


def test_a_bot_that_rejects_the_operator_is_not_asked_again_until_a_reload(
    kit: Kit, make_world: MakeWorld
) -> None:
    def behave(call: Call) -> Outcome:
        rejects = call.asked.endswith('{"$ne":null}}')
        return (0.01, Rejected("no $ne", status=400)) if rejects else Api()(call)

    world = make_world(behave)
    plan = kit.plan([kit.bot()], [kit.query("all", {"Statuss": "success", "Erors": 1})])
    world.apply(plan)
    world.run(5.0 * HOUR)
    assert checks(world) == ["", check_of("Erors")]
    world.apply(plan)
    world.run(120.0)
    assert checks(world)[2:] == ["", check_of("Erors")]


def test_a_pause_that_a_check_is_told_of_holds_for_the_bot(run: Callable[..., World]) -> None:
    api = Api()
    api.failure = Throttled("slow down", status=429, retry_after=100.0)
    world = run(api, {"Statuss": "success"}, seconds=300.0)
    [asked] = [call for call in world.calls if is_check(call)]
    assert not [call for call in world.calls if asked.began < call.began < asked.began + 100.0]
    assert not world.recorder.failures


@pytest.mark.parametrize(
    "error", [Throttled("slow down", status=429), Throttled("slow down", status=429, retry_after=50.0)]
)
def test_no_field_is_looked_for_while_a_bot_is_throttled(
    kit: Kit, make_world: MakeWorld, error: ApiError
) -> None:
    world = make_world(lambda call: (0.01, error) if "refused" in call.asked else Api()(call))
    # The refused series comes last, so that the run ends with the refusal.
    queries = [kit.query("all", {"Statuss": "x"}, {"refused": 1}, every=10.0)]
    world.apply(kit.plan([kit.bot(concurrency=1, retries=0)], queries))
    world.run(600.0)
    assert world.recorder.counts[KEY]
    assert checks(world) == []


def test_no_field_is_looked_for_while_the_token_is_refused(kit: Kit, make_world: MakeWorld) -> None:
    refusals = iter([None])

    def behave(call: Call) -> Outcome:
        return 0.01, next(refusals, Unauthorized("no", status=401)) or 0

    world = make_world(behave)
    queries = [kit.query("all", {"Statuss": "x"}, {"Erors": 1}, every=10.0)]
    world.apply(kit.plan([kit.bot(concurrency=1)], queries))
    world.run(600.0)
    assert world.recorder.counts[KEY] == [(0, 0)]
    assert checks(world) == []


def test_a_query_that_is_refused_for_itself_does_not_keep_fields_from_being_looked_for(
    run: Callable[..., World],
) -> None:
    error = Unauthorized("no", status=403)
    world = run(
        lambda call: (0.01, error) if "refused" in call.asked else Api()(call), {"Statuss": 1}, {"refused": 1}
    )
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss"}


def test_what_a_pause_prevented_is_looked_for_after_it(kit: Kit, make_world: MakeWorld) -> None:
    api = Api(matches="refused")
    throttled = Throttled("slow down", status=429, retry_after=50.0)
    world = make_world(lambda call: (0.01, throttled) if "refused" in call.asked else api(call))
    queries = [kit.query("all", {"Statuss": "x"}, {"refused": 1}, every=10.0)]
    world.apply(kit.plan([kit.bot(concurrency=1, retries=0)], queries))
    world.run(300.0)
    world.behave = api
    world.run(90.0)
    assert set(world.recorder.unknown_fields[KEY][-1]) == {"Statuss"}


def test_a_bot_with_a_backlog_is_asked_for_no_field(kit: Kit, make_world: MakeWorld) -> None:
    world = make_world(lambda call: (1.0, Api()(call)[1]))
    queries = [kit.query(f"query_{n}", {"Statuss": n}, every=10.0) for n in range(12)]
    world.apply(kit.plan([kit.bot(concurrency=1)], queries))
    world.run(200.0)
    assert world.recorder.counts
    assert checks(world) == []


def test_a_check_starts_once_no_request_is_in_flight_or_waits_for_its_retry(
    kit: Kit, make_world: MakeWorld
) -> None:
    failures = iter([ServerError("ill", status=500)])

    def behave(call: Call) -> Outcome:
        if "Slow" in call.asked:
            return 20.0, next(failures, 5)
        return Api()(call)

    world = make_world(behave)
    queries = [kit.query("all", {"Statuss": "x"}, {"Slow": 1}), kit.query("zero", {"Statuss": "y"})]
    world.apply(kit.plan([kit.bot(concurrency=8, timeout=60.0)], queries))
    world.run(55.0)
    [first, *_] = [call.began for call in world.calls if is_check(call)]
    slow = [call.began for call in world.calls if "Slow" in call.asked]
    assert len(slow) == 2
    assert first >= slow[-1] + 20.0


def test_a_check_takes_no_worker_while_half_of_them_are_busy(kit: Kit, make_world: MakeWorld) -> None:
    api = Api(matches=".")
    world = make_world(api)
    queries = [kit.query("all", {"Slow": 1}, bots=("slow",)), kit.query("quick", {"Statuss": 1}, every=10.0)]
    bots = [kit.bot("slow", timeout=60.0), kit.bot("support")]
    world.apply(kit.plan(bots, queries, workers=2))
    world.run(10.0)
    world.behave = lambda call: (30.0, 5) if call.bot.name == "slow" else api(call)
    while len(world.starts("slow")) < 2:
        world.run(1.0)
    api.matches = "Slow"
    world.run(120.0)
    slow = world.starts("slow")[1]
    counts = [call.began for call in world.calls if "Statuss" in call.asked and not is_check(call)]
    assert any(slow < began < slow + 30.0 for began in counts), "the other bot is counted meanwhile"
    asked = [call.began for call in world.calls if is_check(call)]
    assert asked
    assert not any(slow < began < slow + 30.0 for slow in world.starts("slow")[1:] for began in asked)


def test_checks_take_turns_with_one_in_flight_over_all_bots(kit: Kit, make_world: MakeWorld) -> None:
    api = Api()
    api.seconds = 3.0
    names = tuple(f"bot_{n}" for n in range(6))
    world = make_world(api)
    world.apply(kit.plan([kit.bot(name) for name in names], [kit.query("all", {"Statuss": "x"}, bots=names)]))
    world.run(120.0)
    began = [call.began for call in world.calls if is_check(call)]
    assert len(began) == 12
    assert all(b - a >= 3.0 for a, b in itertools.pairwise(began))


@pytest.mark.parametrize("workers", [2, 64])
def test_a_check_that_hangs_delays_no_request(kit: Kit, make_world: MakeWorld, workers: int) -> None:
    api = Api()
    api.seconds, api.failure = 30.0, TimedOut("no answer")
    world = make_world(api)
    queries = [kit.query(f"query_{n}", {"Statuss": n}, every=5.0) for n in range(5)]
    world.apply(kit.plan([kit.bot(timeout=30.0, concurrency=2)], queries, workers=workers))
    world.run(40.0)
    assert checks(world) == [""]
    assert max(took for ends in world.recorder.ends.values() for took, _ in ends) < 1.0
    assert world.most["support"] == 2


def test_checks_keep_to_the_rate_of_the_bot(run: Callable[..., World]) -> None:
    world = run(Api(), *({f"field_{n}": 1} for n in range(10)), rate=2.0, seconds=15.0)
    began = world.starts("support")
    assert len(began) == 10 + 11
    assert all(b - a >= 0.5 - 0.05 - 1e-6 for a, b in itertools.pairwise(began))


def test_at_most_twenty_fields_of_one_query_are_looked_for(run: Callable[..., World]) -> None:
    world = run(Api(), *({f"field_{n}": 1} for n in range(30)), seconds=50.0)
    assert len(checks(world)) == 1 + 20
    assert len(world.recorder.unknown_fields[KEY][-1]) == 20
