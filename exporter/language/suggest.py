"""Suggests a known word for a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "every"?` for the nearest known word, or an empty text if none is near.

    Case is ignored: `$elemmatch` is near to `$elemMatch`.
    """
    # Imported at the first mistake, because most processes never need it.
    from difflib import get_close_matches

    spelling = {name.lower(): name for name in known}
    nearest = get_close_matches(word.lower(), spelling, n=1)
    return f'did you mean "{spelling[nearest[0]]}"?' if nearest else ""
