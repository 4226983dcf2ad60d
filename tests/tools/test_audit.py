"""Laws of the audit: what is known to be vulnerable fails, what could not be audited is said."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tools.audit import verdict

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
UNSOUND = {"name": "h11", "version": "0.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.2"]}]}
UNKNOWN = {"name": "bcrypt", "skip_reason": "not found"}


def report(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_sound_packages_pass_quietly() -> None:
    assert verdict(report(SOUND, SOUND), "") == (0, "2 packages, no known vulnerability")


def test_a_vulnerability_fails_and_is_named_whatever_else_was_not_audited() -> None:
    code, told = verdict(report(SOUND, UNKNOWN, UNSOUND), "")
    assert code == 1
    assert "h11 0.1: PYSEC-1" in told
    assert "0.2" in told


def test_a_package_the_service_does_not_know_is_not_called_sound() -> None:
    code, told = verdict(report(SOUND, UNKNOWN), "")
    assert code == 0
    assert "NOT AUDITED" in told
    assert "bcrypt" in told


@pytest.mark.parametrize(
    "said",
    [
        "Traceback …\nrequests.exceptions.ProxyError: refused",
        "ERROR: Could not connect to PyPI's vulnerability feed",
    ],
)
def test_a_service_out_of_reach_is_a_loud_note(said: str) -> None:
    code, told = verdict("", said)
    assert code == 0
    assert "NOT AUDITED" in told


def test_an_audit_that_fails_by_itself_fails() -> None:
    assert verdict("", "ERROR: requirement lacks a hash") == (
        1,
        "pip-audit failed:\nERROR: requirement lacks a hash",
    )
