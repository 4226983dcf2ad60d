"""Decides which paths and values of a bot's documents may be shown; pure.

A path is shown if MIN_DOCUMENTS have it and no key of it looks like data. Values are shown of fields with few
distinct values, each only if MIN_DOCUMENTS have it, and of no field that may hold a person, a text, an id, a
long number or an address. In doubt nothing is shown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from exporter.explore.profile import Field, Path, Scalar

MIN_DOCUMENTS: Final = 5

_MAP_KEYS: Final = 10
_MAP_SHARE: Final = 0.2
"""An object with at least so many keys, of which each is in so few of its documents, has data as keys."""

_LARGEST: Final = 9_999
_LONGEST: Final = 40
_MOST_WORDS: Final = 3


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERSONAL: Final = _words_in("""
    user users name names mail email phone mobile telephone tel fax address text texts first last
    middle full nick surname given maiden person persons people customer contact guest visitor
    patient member employee agent assignee owner author sender recipient friend child parent family
    birth birthday born age gender sex street city town zip postal postcode location lat lng lon
    latitude longitude geo ip iban bic card account login handle password passport ssn token secret
    session device url uri link href photo picture image avatar file comment comments note notes
    body content description question answer reply query utterance input transcript caption quote
    signature skype telegram whatsapp message id ids oid uuid guid key hash ref reference serial
    number conversation vorname nachname kunde telefon adresse nom prenom prénom nombre apellido
    nome cognome имя фамилия телефон адрес имейл почта име
""")
"""Words in paths of fields that may hold a person, a text, an id, a number or an address."""

_THINGS: Final = _words_in("""
    provider channel platform source intent flow language bot event status queue plan browser
""")
"""The name of one of these is no name of a person."""

_KINDS: Final = _words_in("""
    status state outcome result channel provider platform source type kind category language locale
    lang intent flow version level step stage plan tier mode event priority severity direction
    currency country browser os format environment env variant group queue department role
""")
"""Words in paths of fields whose values are kinds of things, so a capital letter does not make a name."""

_SENDERS: Final = frozenset({"sender", "author", "from", "role", "direction"})
_ROLES: Final = _words_in("""
    user bot agent system human operator assistant customer client visitor admin service in out
    inbound outbound incoming outgoing
""")

_LOOKS_PERSONAL: Final = re.compile(
    r"[0-9]{5}"  # a long number
    r"|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+"  # an IP address
    r"|^(?=.*[0-9])[0-9a-fA-F-]{8,}$"  # hexadecimal
    r"|^(?=(.*[0-9]){3})(?=.*[^\W\d_])\S{12,}$"  # letters and digits, long
    r"|\d.*\s|\s.*\d"  # a street and its number, a phone number
    r"|^www\.|[^\w \-./+]"  # an address, a sentence
)
_NUMBERED: Final = re.compile(r"[^\W\d_]+[-_.]?[0-9]+")


def shown_paths(fields: Iterable[Field]) -> frozenset[Path]:
    """Return the paths that may be shown, out of all fields of one collection."""
    known = {field.path: field for field in fields}
    children: dict[Path, list[Field]] = defaultdict(list)
    for field in known.values():
        children[field.path[:-1]].append(field)
    maps = {path for path, inner in children.items() if _is_map(known.get(path), inner)}
    return frozenset(
        path
        for path, field in known.items()
        if field.documents >= MIN_DOCUMENTS
        and all(map(_is_plain, path))
        and not any(path[:length] in maps for length in range(1, len(path)))
    )


def shown_fields(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Return the fields that may be shown, without the values that may not be, and without dates."""
    paths = shown_paths(fields)
    return tuple(
        replace(field, values=shown_values(field), instants=()) for field in fields if field.path in paths
    )


def shown_values(field: Field) -> tuple[tuple[Scalar, int], ...]:
    """Return the values that may be shown of a field whose path may be, with their documents."""
    values = [value for value, _ in field.values]
    if not all(may_show_value(field.path, value) for value in values):
        return ()
    is_kind = not _KINDS.isdisjoint(words_of(field.path))
    numbered = [value for value in values if isinstance(value, str) and _NUMBERED.fullmatch(value)]
    if len(numbered) > 2 and not is_kind:
        return ()
    return tuple((value, number) for value, number in field.values if number >= MIN_DOCUMENTS)


def may_show_value(path: Path, value: Scalar) -> bool:
    """Return whether a value at a path is neither a person, a text, an id, a long number nor an address."""
    words = words_of(path)
    if speaks_of_person(path):
        is_role = words[-1] in _SENDERS and not speaks_of_person(path[:-1])
        return is_role and str(value).lower() in _ROLES
    return _is_harmless(value, is_kind=not _KINDS.isdisjoint(words))


def speaks_of_person(path: Path) -> bool:
    """Return whether a path has a word for a person, a text, an id, a number or an address."""
    words = words_of(path)
    for before, word in zip(["", *words], words, strict=False):
        if word == "name" and before in _THINGS:
            continue
        if word in _PERSONAL or any(_ends(word, each) for each in _PERSONAL if len(each) > 3):
            return True
    return False


def words_of(path: Path) -> tuple[str, ...]:
    """Return the words of a path in lower case: `Data.channel.ProviderName` has four."""
    words = (word.lower() for key in path for word in _words(key))
    return tuple(part for word in words for part in _parts(word))


def _parts(word: str) -> tuple[str, ...]:
    is_joined = word.endswith("name") and word.removesuffix("name") in _THINGS
    return (word.removesuffix("name"), "name") if is_joined else (word,)


def _words(key: str) -> list[str]:
    spaced = ""
    for before, letter, after in zip(" " + key, key, key[1:] + " ", strict=False):
        begins = letter.isupper() and (not before.isupper() or after.islower())
        spaced += f" {letter}" if begins else letter
    return re.findall(r"[^\W\d_]+", spaced)


def _ends(word: str, personal: str) -> bool:
    return word != "context" and (word.endswith(personal) or word.startswith(personal))


def _is_map(whole: Field | None, inner: list[Field]) -> bool:
    if whole is None or len(inner) < _MAP_KEYS:
        return False
    return sum(field.documents for field in inner) < _MAP_SHARE * whole.documents * len(inner)


def _is_plain(key: str) -> bool:
    """Return whether a key is a name of a field, not an id, a number, an address or a text."""
    return key.isprintable() and len(key) <= _LONGEST and not _LOOKS_PERSONAL.search(key.lstrip("$"))


def _is_harmless(value: Scalar, *, is_kind: bool) -> bool:
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return 0 <= value <= _LARGEST and value == int(value)
    words = value.split()
    if not words or len(words) > _MOST_WORDS or len(value) > _LONGEST or not value.isprintable():
        return False
    return not _LOOKS_PERSONAL.search(value) and (is_kind or all(word[0].islower() for word in words))
