"""Reads CHANGELOG.md: what each version changed, and whether it tells of the one to be released."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_HEADING: Final = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<date>\S+))?$", re.MULTILINE)
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+")
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNRELEASED: Final = "Unreleased"


def sections(text: str) -> dict[str, str]:
    """Return what each version changed, in the file's order."""
    parts = _HEADING.split(text)[1:]
    return {version: body.strip() for version, _, body in zip(*[iter(parts)] * 3, strict=True)}


def problems(text: str, version: str, tag: str | None = None) -> list[str]:
    """Return what is wrong with a changelog for this version; with a tag, for its release now."""
    return [*_of_the_form(text), *(_of_a_release(sections(text), version, tag) if tag else ())]


def _of_the_form(text: str) -> Iterator[str]:
    for heading in re.findall(r"^## .*$", text, re.MULTILINE):
        found = _HEADING.fullmatch(heading)
        named = found and (found["version"], found["date"] or "")
        if named and (named == (_UNRELEASED, "") or all(map(re.fullmatch, (_VERSION, _DATE), named))):
            continue
        yield f"{heading!r} is neither '## [Unreleased]' nor like '## [1.2.3] - 2026-12-31'"
    versions = [tuple(map(int, version.split("."))) for version in sections(text) if version[0].isdigit()]
    if versions != sorted(set(versions), reverse=True):
        yield "the versions are not in order, the newest first"
    if next(iter(sections(text)), None) != _UNRELEASED:
        yield "the first section is not '## [Unreleased]'"


def _of_a_release(told: dict[str, str], version: str, tag: str) -> Iterator[str]:
    if tag != f"v{version}":
        yield f"the tag is {tag!r}, and the version v{version} (exporter/__init__.py)"
    if told.get(_UNRELEASED):
        yield f"changes stand under Unreleased: give them the heading '## [{version}] - ' and the date"
    if not told.get(version):
        yield f"there is nothing about {version}"
