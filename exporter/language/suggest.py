"""Guesses which known word a mistyped one was meant to be."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "every"?` for the nearest known word, or nothing where none is near.

    Capitals do not count against a word: `$elemmatch` is near to `$elemMatch`.
    """
    # Loaded with the first mistake: most processes never see one.
    from difflib import get_close_matches

    spelling = {name.lower(): name for name in known}
    nearest = get_close_matches(word.lower(), spelling, n=1)
    return f'did you mean "{spelling[nearest[0]]}"?' if nearest else ""
