"""Laws of problems and of the error tree."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import errors
from exporter.errors import REASONS, ApiError, ConfigError, ExporterError, Place, Problem

PLACE = Place("config.yaml", 14, 15)

places = st.builds(Place, st.sampled_from(["a.yaml", "b.yaml"]), st.integers(1, 99), st.integers(1, 99))
problems = st.builds(Problem, places, st.sampled_from(["", "bots", "queries[2].every"]), st.text())


def drawn() -> list[tuple[str, str | None, str]]:
    """Return name, parent and reason of every error in the docstring's tree, from top to bottom."""
    found: list[tuple[str, str | None, str]] = []
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if branch := re.match(r"    [ │├└─]*(?P<name>[A-Z]\w+)(?: +(?P<reason>[a-z_]+)  )?", line):
            column = branch.start("name")
            above = [node for node in above if node[0] < column]
            found.append((branch["name"], above[-1][1] if above else None, branch["reason"] or ""))
            above.append((column, branch["name"]))
    return found


def grown(kind: type[Exception], parent: str | None = None) -> list[tuple[str, str | None, str]]:
    below = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    own = (kind.__name__, parent, getattr(kind, "reason", ""))
    return [own, *(error for child in below for error in grown(child, kind.__name__))]


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    assert drawn() == grown(ExporterError)


def test_the_reasons_are_those_of_the_drawn_leaves_in_their_order() -> None:
    assert tuple(reason for _, _, reason in drawn() if reason) == REASONS


def test_there_are_eight_reasons_and_each_is_fit_for_a_label() -> None:
    assert len(set(REASONS)) == 8
    assert all(re.fullmatch("[a-z_]+", reason) for reason in REASONS)


@pytest.mark.parametrize("kind", ApiError.__subclasses__())
def test_each_api_error_says_what_to_do(kind: type[ApiError]) -> None:
    assert kind.advice
    assert not kind.advice.endswith(".")


def test_an_api_error_says_its_message_and_carries_status_and_wait() -> None:
    error = errors.Throttled("too many requests", status=429, retry_after=2.5)
    assert (str(error), error.status, error.retry_after) == ("too many requests", 429, 2.5)


def test_an_api_error_without_an_answer_has_neither_status_nor_wait() -> None:
    error = errors.Unreachable("connection refused")
    assert (error.status, error.retry_after) == (None, None)


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(PLACE, "", "not YAML"), "config.yaml:14:15: not YAML"),
        (Problem(PLACE, "bots", "missing"), "config.yaml:14:15: bots: missing"),
        (Problem(PLACE, "", "empty", "write one"), "config.yaml:14:15: empty (write one)"),
        (
            Problem(PLACE, "queries[2].every", '"x" is not a duration', "write one such as 30s"),
            'config.yaml:14:15: queries[2].every: "x" is not a duration (write one such as 30s)',
        ),
        (
            Problem(PLACE, "bots[0]", "no query asks this bot", severity="warning"),
            "config.yaml:14:15: bots[0]: warning: no query asks this bot",
        ),
        (Problem(PLACE, "", "doubtful", "so", "warning"), "config.yaml:14:15: warning: doubtful (so)"),
    ],
)
def test_a_problem_reads_place_path_what_and_advice(problem: Problem, text: str) -> None:
    assert str(problem) == text


def test_a_place_counts_from_the_first_line_and_column() -> None:
    assert str(Place("config.yaml")) == "config.yaml:1:1"


@given(st.lists(problems))
def test_a_config_error_carries_every_problem_in_the_files_order(given_problems: list[Problem]) -> None:
    error = ConfigError(given_problems)
    assert sorted(map(str, error.problems)) == sorted(map(str, given_problems))
    places = [problem.place for problem in error.problems]
    assert places == sorted(places)
    assert str(error) == "\n".join(map(str, error.problems))
