from __future__ import annotations

from collections.abc import Callable

import pytest

from exporter.model import Config, Predicate, Variant

Load = Callable[..., Config]
Problems = Callable[..., list[str]]


def variants(config: Config) -> list[tuple[dict[str, str], str]]:
    return [(dict(variant.labels), variant.predicate.text) for variant in config.queries[0].variants]


def test_a_query_without_a_predicate_counts_all(query: Load) -> None:
    assert query().queries[0].variants == (Variant((), Predicate("", ())),)
    assert query("query: {}").queries[0].variants == (Variant((), Predicate("", ())),)


def test_a_listed_value_fills_its_placeholder_with_its_type(query: Load) -> None:
    config = query("labels: {errors: [0, 1.5, true, x]}", 'query: {Errors: "{errors}"}')
    assert variants(config) == [
        ({"errors": "0"}, '{"Errors":0}'),
        ({"errors": "1.5"}, '{"Errors":1.5}'),
        ({"errors": "true"}, '{"Errors":true}'),
        ({"errors": "x"}, '{"Errors":"x"}'),
    ]


def test_the_predicate_of_a_mapped_value_is_joined_to_the_query_with_and(query: Load) -> None:
    config = query("labels: {outcome: {good: {Status: success}, any: {}}}", "query: {Errors: 0}")
    assert variants(config) == [
        ({"outcome": "good"}, '{"$and":[{"Errors":0},{"Status":"success"}]}'),
        ({"outcome": "any"}, '{"Errors":0}'),
    ]


def test_several_labels_multiply_in_the_file_s_order(query: Load) -> None:
    config = query("labels: {b: [1, 2], a: {x: {X: '{b}'}, y: {Y: '{b}'}}}")
    assert config.queries[0].label_names == ("b", "a")
    assert [variant.labels for variant in config.queries[0].variants] == [
        (("a", "x"), ("b", "1")),
        (("a", "y"), ("b", "1")),
        (("a", "x"), ("b", "2")),
        (("a", "y"), ("b", "2")),
    ]
    assert variants(config)[3][1] == '{"Y":2}'


def test_a_placeholder_in_a_mapped_predicate_may_name_its_own_label(query: Load) -> None:
    config = query("labels: {status: {success: {Status: '{status}'}}}")
    assert variants(config) == [({"status": "success"}, '{"Status":"success"}')]


def test_a_listed_label_must_be_used_in_every_variant(query_problems: Problems) -> None:
    labels = "labels: {a: [1, 2], b: {x: {X: '{a}'}, y: {Y: 1}}}"
    (problem,) = query_problems(labels)
    assert problem.startswith("8:14: queries[0].labels.a: a label that is never used")
    assert query_problems(labels.replace("Y: 1", "Y: '{a}'")) == []
    assert query_problems(labels, "query: {Z: '{a}'}") == []


def test_a_placeholder_without_a_label_is_an_error_at_each_place(query_problems: Problems) -> None:
    lines = ["labels: {channel: [1], b: {x: {X: '{chanel}'}}}", 'query: {A: "{channel}", $or: [{X: "{zz}"}]}']
    assert query_problems(*lines) == [
        '8:39: queries[0].labels.b.x.X: the placeholder "{chanel}" has no label (did you mean "channel"?)',
        (
            '9:39: queries[0].query.$or[0].X: the placeholder "{zz}" has no label'
            " (add the label to the query's `labels`)"
        ),
    ]


def test_a_placeholder_without_quotes_is_an_error(query_problems: Problems) -> None:
    (problem,) = query_problems("labels: {a: [1]}", "query: {A: {$in: ['{a}', {a}]}, B: {b}}")
    assert problem == (
        '9:30: queries[0].query.A.$in[1]: {a} without quotes is a mapping, not a placeholder (write "{a}")'
    )
    (problem,) = query_problems("labels: {a: [1]}", "query: {A: {a}}")
    assert "without quotes" in problem


def test_a_predicate_is_inspected_with_each_label_value(query_problems: Problems) -> None:
    lines = ["labels: {n: [1, two, -3], m: [1, 2]}", 'query: {A: {$size: "{n}"}, B: "{m}"}']
    problems = query_problems(*lines)
    assert problems
    assert all(problem.startswith("9:17: queries[0].query.A.$size: ") for problem in problems)


@pytest.mark.parametrize(
    "lines",
    [
        ["labels: nonsense", 'query: {A: "{a}"}'],
        ["labels: {a: nonsense}", 'query: {A: "{a}"}'],
        ["labels: {a: [[]]}", 'query: {A: "{a}"}'],
        ["labels: {a: [1]}", "query: nonsense"],
        ["labels: {a: [1]}", "query: {A: no}"],
    ],
)
def test_one_error_does_not_cause_others(query_problems: Problems, lines: list[str]) -> None:
    assert len(query_problems(*lines)) == 1


def test_other_counts_the_documents_with_none_of_the_listed_values(query: Load) -> None:
    config = query("labels: {errors: [0, x, {other: rest}]}", 'query: {Errors: "{errors}", Status: success}')
    assert variants(config) == [
        ({"errors": "0"}, '{"Errors":0,"Status":"success"}'),
        ({"errors": "x"}, '{"Errors":"x","Status":"success"}'),
        ({"errors": "rest"}, '{"Errors":{"$nin":[0,"x",null]},"Status":"success"}'),
    ]


@pytest.mark.parametrize("predicate", ['{A: "{a}"}', '{$and: [{A: "{a}"}, {B: 1}]}'])
def test_other_is_allowed_where_its_placeholder_is_the_value_of_a_field(
    query_problems: Problems, predicate: str
) -> None:
    assert query_problems("labels: {a: [1, {other: rest}]}", f"query: {predicate}") == []


@pytest.mark.parametrize(
    "predicate",
    [
        '{A: {$ne: "{a}"}}',
        '{A: {$in: ["{a}"]}}',
        '{$nor: [{A: "{a}"}]}',
        '{A: "{a}", B: "{a}"}',
        '{$or: [{A: "{a}"}, {B: "{a}"}]}',
    ],
)
def test_other_is_refused_where_its_placeholder_is_not_the_value_of_one_field(
    query_problems: Problems, predicate: str
) -> None:
    problems = query_problems("labels: {a: [1, {other: rest}]}", f"query: {predicate}")
    assert problems
    assert any('"{a}" must be the whole value of one field' in problem for problem in problems)


def test_other_beside_a_mapped_label_that_uses_the_same_placeholder_is_refused(
    query_problems: Problems,
) -> None:
    lines = ("labels: {a: [1, {other: rest}], b: {x: {X: '{a}'}}}", 'query: {A: "{a}"}')
    assert len(query_problems(*lines)) == 2


def test_other_inside_a_value_that_is_compared_as_a_whole_is_refused(query_problems: Problems) -> None:
    problems = query_problems("labels: {a: [1, {other: rest}]}", 'query: {A: {b: "{a}"}}')
    assert any("$nin is inside a value" in problem for problem in problems)


def test_other_that_is_refused_hides_no_other_fault(query_problems: Problems) -> None:
    lines = ["labels: {a: [{other: rest}], b: [x]}", 'query: {A: "{a}", B: {$size: "{b}"}}']
    assert [problem.split(": ")[1] for problem in query_problems(*lines)] == [
        "queries[0].labels.a[0]",
        "queries[0].query.B.$size",
    ]
