"""Downloads many documents while some are deleted and others added, and interrupts each download."""

from __future__ import annotations

import csv
import json
from bisect import insort
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from random import Random
from signal import SIGINT, SIGKILL, SIGTERM
from typing import Any

from tools.past.child import Child
from tools.past.documents import READ, Documents, configure, document, served

ROWS = 100_000
FIRST = 1_500_000_000_000
APART = 10_000
FIELDS = "_id,StartedAt,Text"
FORMS: dict[str, list[str]] = {
    "JSON lines by id": [],
    "CSV by date, newest first": ["--sort=-StartedAt", "--output=csv", f"--fields={FIELDS}"],
}


def check_downloads(home: Path, random: Random) -> Iterator[tuple[str, bool]]:
    """Yield each result in each form, and whether it is right."""
    few, *_ = _downloaded(home, random, "few", [], 1000)
    for form, flags in FORMS.items():
        many, found, holds = _downloaded(home, random, form.split()[0], flags, ROWS)
        yield f"{form}: {found}", holds
        yield f"its peak memory: {many:.1f} MiB, beside {few:.1f} of 1,000 rows", many < few + 8


def _downloaded(
    home: Path, random: Random, name: str, flags: list[str], size: int
) -> tuple[float, str, bool]:
    """Download `size` documents, interrupted three times.

    Return the peak memory, the result, and whether it is right.
    """
    api = Documents([FIRST + APART * number for number in range(size)])
    before = set(api.numbers)
    fresh = count(1)  # so that no number comes again

    def change() -> None:
        for _ in range(3):
            del api.numbers[random.randrange(len(api.numbers))]
            insort(api.numbers, FIRST + APART * random.randrange(size) + next(fresh))
        if random.random() < 0.5:  # if it always grew at its end, the download would never end
            api.numbers.append(FIRST + APART * (size + next(fresh)))

    api.before_page = change
    file = home / f"{name}.rows"
    words = ["messages", "--to", file.name, *flags]
    peak = 0.0
    stops = sorted(random.sample(range(3, size // 100), 3))
    with served(api) as url:
        configure(home, url)
        for signal, stop in zip((SIGINT, SIGKILL, SIGTERM), stops, strict=True):
            child = Child(home, *words, interrupt=signal, when=lambda: api.pages >= stop)  # noqa: B023 - called at once
            assert child.code, "it was not interrupted"
            words = [*words, "--resume"] if "--resume" not in words else words
            peak = max(peak, child.peak)
        child = Child(home, *words)
    assert child.code == 0, child.log
    rows = list(_rows(file, is_csv="--output=csv" in flags))
    numbers = [READ["_id"](row["_id"]) for row in rows]
    stayed = before & set(api.numbers)
    twice = len(numbers) - len(set(numbers))
    missing = len(stayed - set(numbers))
    wrong = sum(row != document(number) for row, number in zip(rows, numbers, strict=True))
    found = (
        f"{len(rows):,} rows, {twice} twice, {wrong} wrong, {missing} missing of {len(stayed):,} that stayed"
    )
    after = f"interrupted at the pages {stops}, {api.requests:,} requests"
    return max(peak, child.peak), f"{found}; {after}", not (twice or missing or wrong)


def _rows(file: Path, *, is_csv: bool) -> Iterator[dict[str, Any]]:
    with file.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text) if is_csv else map(json.loads, text)
