"""Laws of a release: the changelog tells of it, and the archives hold what is promised."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter import __version__
from tools.release.changelog import problems, sections
from tools.release.contents import differences, promised_in_sdist

ROOT = Path(__file__).parents[2]
READY = """\
# Changelog

## [Unreleased]

## [1.10.0] - 2026-12-31

### Added

- This.

## [1.9.0] - 2026-11-30

- That.
"""


def test_our_changelog_is_one() -> None:
    assert problems((ROOT / "CHANGELOG.md").read_text("utf-8"), __version__) == []


def test_each_version_has_its_changes() -> None:
    assert sections(READY) == {"Unreleased": "", "1.10.0": "### Added\n\n- This.", "1.9.0": "- That."}


def test_a_version_that_is_told_of_may_be_released() -> None:
    assert problems(READY, "1.10.0", "v1.10.0") == []


@pytest.mark.parametrize(
    ("version", "tag", "before", "after", "complaint"),
    [
        ("1.10.0", "v1.10.1", "", "", "the tag is 'v1.10.1', and the version v1.10.0"),
        ("1.11.0", "v1.11.0", "", "", "there is nothing about 1.11.0"),
        ("1.10.0", "v1.10.0", "## [1.10.0]", "- More.\n\n## [1.10.0]", "changes stand under Unreleased"),
        ("1.10.0", None, "## [Unreleased]\n\n", "", "the first section is not"),
        ("1.10.0", None, " - 2026-11-30", " - soon", "'## [1.9.0] - soon' is neither"),
        ("1.10.0", None, "## [1.9.0]", "## 1.9.0", "'## 1.9.0 - 2026-11-30' is neither"),
        ("1.10.0", None, "[1.9.0]", "[1.11.0]", "not in order"),
    ],
)
def test_what_stands_in_a_release_s_way_is_told(
    version: str, tag: str | None, before: str, after: str, complaint: str
) -> None:
    [problem] = problems(READY.replace(before, after, 1) if before else READY, version, tag)
    assert complaint in problem


def test_without_a_tag_changes_may_wait() -> None:
    assert problems(READY.replace("## [1.10.0]", "- More.\n\n## [1.10.0]"), "1.10.0") == []


def test_a_file_too_many_and_a_file_too_few_are_named() -> None:
    found, promised = {"PKG-INFO", "a.py", "secret.env"}, promised_in_sdist(["a.py", "b.py"])
    assert differences("the sdist", found, promised) == [
        "the sdist lacks b.py",
        "the sdist has secret.env, which is not promised",
    ]
