"""Laws of proving how dates are written: a format is used only after it has matched something."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import ApiError, DatesUnverified, Rejected, ServerError
from exporter.language.predicate import before, exists_probe, since_epoch_probe
from exporter.model import DATE_FORMATS, DateFormat, DateSetting, Predicate
from exporter.polling.dates import Shown, prove, prove_at_once

Kept: TypeAlias = "dict[str, frozenset[DateFormat] | None]"
"""For each field, the formats that match its dates; None where no element has the field."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def before_epoch(field: str, dates: DateFormat) -> str:
    return before(Predicate(), field, EPOCH, dates)


settings = st.sampled_from([*DATE_FORMATS, "auto"])
fields = st.dictionaries(
    st.sampled_from(["StartedAt", "EndedAt", "Data.at"]),
    st.one_of(st.none(), st.frozensets(st.sampled_from(DATE_FORMATS))),
    min_size=1,
)


class Api:
    """Answers probes about fields, and rejects some formats; in each field it shows `misread` dates."""

    def __init__(self, kept: Kept, refused: frozenset[DateFormat] = frozenset(), *, misread: int = 0) -> None:
        self.asked: list[str] = []
        self.misread = misread
        self._answers: dict[str, int | ApiError] = {}
        for name, formats in kept.items():
            self._answers[exists_probe(name)] = 0 if formats is None else 3
            for way in DATE_FORMATS:
                found: int | ApiError = 3 if way in (formats or ()) else 0
                found = Rejected("no", status=400) if way in refused else found
                self._answers[since_epoch_probe(name, way)] = found
                self._answers[before_epoch(name, way)] = 0

    def answer(self, probe: str, found: int | ApiError) -> None:
        self._answers[probe] = found

    def ask(self, asked: str | Shown) -> int:
        if isinstance(asked, Shown):
            self.asked.append(f"look at the {'highest' if asked.descends else 'lowest'} {asked[:2]}")
            return self.misread
        self.asked.append(asked)
        answer = self._answers[asked]
        if isinstance(answer, ApiError):
            raise answer
        return answer

    def prove(self, setting: DateSetting, *names: str) -> tuple[DateFormat | None, ApiError | None]:
        proof = prove(setting, "conversations", names)
        try:
            asked = next(proof)
            while True:
                try:
                    answer = self.ask(asked)
                except ApiError as error:
                    asked = proof.throw(error)
                else:
                    asked = proof.send(answer)
        except StopIteration as end:
            return end.value, None
        except ApiError as error:
            return None, error


@given(fields, settings, st.frozensets(st.sampled_from(DATE_FORMATS)))
def test_a_format_is_proven_if_and_only_if_it_matches_in_every_field(
    kept: Kept, setting: DateSetting, refused: frozenset[DateFormat]
) -> None:
    tried = DATE_FORMATS if setting == "auto" else (setting,)
    good = [way for way in tried if way not in refused and all(way in (f or ()) for f in kept.values())]
    proven, error = Api(kept, refused).prove(setting, *kept)
    assert proven == (good[0] if good else None)
    assert isinstance(error, DatesUnverified) == (not good)


def test_a_proof_asks_for_dates_since_1970_for_the_field_and_for_documents() -> None:
    since = {"StartedAt": {"$gte": "1970-01-01T00:00:00.000Z"}}
    api = Api({"StartedAt": frozenset({"iso"})})
    assert api.prove("iso", "StartedAt") == ("iso", None)
    *counts, lowest, highest = api.asked
    assert [json.loads(text) for text in counts] == [since, {"StartedAt": {"$ne": None}}]
    assert lowest == "look at the lowest ('StartedAt', 'iso')"
    assert highest == "look at the highest ('StartedAt', 'iso')"
    api = Api({"StartedAt": frozenset({"epoch-ms"})})
    assert isinstance(api.prove("iso", "StartedAt")[1], DatesUnverified)
    assert [json.loads(text) for text in api.asked] == [since, {"StartedAt": {"$ne": None}}]


@pytest.mark.parametrize(
    ("early", "older", "proven"),
    [(99, 0, True), (98, 0, False), (1, 98, True), (1, 97, False), (101, 0, True)],
)
def test_a_format_is_right_only_if_it_matches_nearly_all_that_have_the_field(
    early: int, older: int, proven: bool
) -> None:
    api = Api({"StartedAt": frozenset({"iso"})})
    for probe, found in (
        (since_epoch_probe("StartedAt", "iso"), early),
        (before_epoch("StartedAt", "iso"), older),
        (exists_probe("StartedAt"), 100),
    ):
        api.answer(probe, found)
    dates, error = api.prove("auto", "StartedAt")
    assert dates == ("iso" if proven else None)
    told = f"100 conversations have the field StartedAt, but only {early + older} of them as iso"
    assert str(error or told) == told


def test_a_format_that_documents_refute_is_wrong_and_another_is_tried() -> None:
    api = Api({"StartedAt": frozenset({"iso"})}, misread=1)
    dates, error = api.prove("auto", "StartedAt")
    assert dates is None
    assert str(error) == "some conversations show a StartedAt that iso would compare wrongly"
    assert error is not None
    assert "`verify` shows how each is written" in error.advice
    assert since_epoch_probe("StartedAt", "epoch-ms") in api.asked


def test_a_field_that_no_element_has_proves_nothing() -> None:
    _, error = Api({"StartedAt": None}).prove("auto", "StartedAt")
    assert str(error) == (
        "none of the conversations has the field StartedAt yet: how its dates are written cannot be proven"
    )


def test_a_format_is_proven_although_the_field_cannot_be_counted() -> None:
    api = Api({"StartedAt": frozenset({"epoch-ms"})})
    api.answer(exists_probe("StartedAt"), Rejected("no", status=400))
    assert api.prove("auto", "StartedAt") == ("epoch-ms", None)


@pytest.mark.parametrize("probe", [since_epoch_probe("StartedAt", "iso"), exists_probe("StartedAt")])
def test_a_request_that_is_rejected_for_another_reason_than_its_predicate_ends_the_proof(probe: str) -> None:
    api, failure = Api({"StartedAt": None}), Rejected("no", status=404)
    api.answer(probe, failure)
    assert api.prove("iso", "StartedAt") == (None, failure)
    assert api.asked[-1] == probe


def test_a_refuted_setting_names_the_field() -> None:
    _, error = Api({"StartedAt": frozenset({"epoch-ms"})}).prove("iso", "StartedAt")
    assert str(error) == "conversations have the field StartedAt, but none of the tried date formats matches"


@pytest.mark.parametrize(
    ("stored", "setting", "advice"),
    [(None, "auto", "wait for"), (frozenset(), "auto", "is a date"), (frozenset(), "iso", "dates: auto")],
)
def test_auto_is_not_advised_where_it_is_set(
    stored: frozenset[DateFormat] | None, setting: DateSetting, advice: str
) -> None:
    _, error = Api({"StartedAt": stored}).prove(setting, "StartedAt")
    assert error is not None
    assert advice in error.advice


@pytest.mark.parametrize("probe", [exists_probe("StartedAt"), since_epoch_probe("StartedAt", "iso")])
def test_a_failure_of_the_api_during_the_proof_is_reported_as_it_is(probe: str) -> None:
    api, failure = Api({"StartedAt": None}), ServerError("ill", status=500)
    api.answer(probe, failure)
    assert api.prove("auto", "StartedAt") == (None, failure)


def test_a_rejected_probe_for_the_field_proves_nothing_and_says_that_it_was_the_proof() -> None:
    api, failure = Api({"StartedAt": None}), Rejected("no", status=400)
    api.answer(exists_probe("StartedAt"), failure)
    proven, error = api.prove("iso", "StartedAt")
    assert proven is None
    assert isinstance(error, DatesUnverified)
    assert str(error) == "the proof of how StartedAt is written was rejected: no"


@given(settings, fields)
def test_proving_at_once_asks_the_same_but_looks_at_no_document(setting: DateSetting, kept: Kept) -> None:
    api, other = Api(kept), Api(kept)
    found, error = api.prove(setting, *kept)
    if error is None:
        assert prove_at_once(setting, "conversations", tuple(kept), other.ask) == found
    else:
        with pytest.raises(DatesUnverified, match=re.escape(str(error))):
            prove_at_once(setting, "conversations", tuple(kept), other.ask)
    assert other.asked == [each for each in api.asked if not each.startswith("look")]
