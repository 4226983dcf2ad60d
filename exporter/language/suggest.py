"""Suggests a known word for a mistyped one."""

from __future__ import annotations

from collections.abc import Collection, Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return `did you mean "every"?` for the nearest known word, or an empty text if none is near."""
    found = nearest(word, known)
    return f'did you mean "{found}"?' if found else ""


def one_of(word: str, known: Collection[str]) -> str:
    """Return `did you mean "every"?` or, if no known word is near, all of them."""
    return did_you_mean(word, known) or f"known are {', '.join(known)}"


def nearest(word: str, known: Iterable[str], similarity: float = 0.6) -> str:
    """Return the nearest known word, or an empty text if none is near.

    Near is a `similarity` of this ratio or more, as difflib defines it; 1 is equality. Case is ignored:
    `$elemmatch` is near to `$elemMatch`.
    """
    # Imported at the first mistake, because most processes never need it.
    from difflib import get_close_matches

    spelling = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), spelling, n=1, cutoff=similarity)
    return spelling[found[0]] if found else ""
