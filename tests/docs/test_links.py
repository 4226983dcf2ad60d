"""What a page points to is there: files, headings, verbs of the Makefile."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "bench/README.md"])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """Return the anchors that headings get: lower case, without punctuation, dashes for spaces."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_page
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            target = (page.parent / file).resolve() if file else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_no_address_is_named_that_we_do_not_have() -> None:
    pages = [*PAGES, ROOT / "pyproject.toml", ROOT / "Dockerfile", ROOT / "prometheus/rules.yml"]
    pages += [
        *ROOT.glob("grafana/**/*.yaml"),
        *ROOT.glob("grafana/**/*.json"),
        *ROOT.glob("deploy/**/*.yaml"),
    ]
    named = {
        url
        for page in pages
        for url in re.findall(r"https?://([\w.-]+\.[a-z]+/?[\w-]*)", page.read_text("utf-8"))
    }
    assert {url for url in named if ".example.com" not in url} == {
        "api.nativechat.com/v1",
        "api.nativechat.com",
        "docs.nativechat.com/docs",
        "github.com/prometheus",
        "github.com/prometheus-community",
        "keepachangelog.com/en",
        "semver.org/spec",
    }


@each_page
def test_every_verb_of_make_that_is_named_exists(page: Path) -> None:
    verbs = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = re.findall(r"(?:`|^)make (?:\w+=\S+ )*([a-z][a-z-]*)", page.read_text("utf-8"), re.MULTILINE)
    assert set(named) <= verbs
