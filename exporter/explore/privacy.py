"""Decides which paths and values of a bot's documents may be shown; pure.

A path is shown if MIN_DOCUMENTS have it and no key of it looks like data. Texts are shown only of fields
whose last word says a kind of thing, and only if they look like an enumeration. No value is shown of a field
whose path speaks of a person, a secret, health or money. In doubt nothing is shown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from exporter.explore.profile import Field, Path, Scalar, Type

MIN_DOCUMENTS: Final = 5

_MAP_SHARE: Final = 0.2
_MAP_KEYS: Final = 10
"""The keys of an object are data if there are this many, each in less than _MAP_SHARE of its documents."""

_MAP_ALIKE: Final = 3
"""They are data as well if this many have one structure, and each is in less than half of its documents."""

_LARGEST: Final = 999
_LONGEST: Final = 40
_MOST_WORDS: Final = 3


def _words_in(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERSONAL: Final = _words_in("""
    user users name names mail email phone mobile telephone tel fax address text texts first last
    middle full nick surname given maiden person persons people customer contact guest visitor client
    patient member employee staff agent assignee assigned assistant operator owner author sender from
    recipient friend child parent family host lead head manager buyer seller rep handler who whom vip
    birth birthday born age gender sex street city town zip postal postcode location lat lng lon
    latitude longitude geo ip card account login handle password passcode passphrase passport pass pwd pin otp
    ssn token secret key apikey credential credentials auth bearer cookie signature hash salt private
    session device url uri link href phone photo picture image avatar file comment comments note notes
    body content description question answer reply query utterance input transcript caption quote said
    skype telegram whatsapp message id ids oid uuid guid ref reference serial
    number conversation tenant
    health medical medicine medication diagnosis disease illness symptom symptoms condition treatment
    allergy allergies blood pregnant pregnancy disability test lab vaccine weight height
    hiv covid employment immigration relationship belief faith crime
    religion religious ethnicity race nationality political party union orientation marital criminal
    money salary income wage price amount balance debt loan credit payment pay paid iban bic bank tax
    insurance
    vorname nachname plz ort kunde telefon adresse nom prenom prénom nombre apellido passwort gesundheit
    nome cognome имя фамилия телефон адрес имейл почта име парола пароль клиент
""")
"""Words in paths of fields that may hold a person, a text, an id, a secret, an address, health or money."""

_KINDS: Final = _words_in("""
    status state stage step phase outcome result reason channel provider platform source type kind category
    language locale lang country currency intent flow version level tier mode priority severity direction role
    environment env browser os format variant
    статус состояние състояние канал тип език язык kanal sprache
    zustand typ canal estado idioma tipo statut langue
""")
"""Last words of paths whose texts are kinds of things."""

_NAMED: Final = _words_in("channel provider platform browser language country currency")
"""The `name` or `code` of one of these is one of its kind, and no name of a person."""

_TITLED: Final = _words_in("""
    status state stage step phase outcome result channel provider platform language
    статус состояние състояние канал kanal zustand canal estado statut
""")
"""Texts of these kinds may have words with spaces or capital letters, which may be a name elsewhere."""

_SENDERS: Final = frozenset({"sender", "author", "from"})
_ROLES: Final = _words_in("""
    user bot agent system human operator assistant customer client visitor admin service in out
    inbound outbound incoming outgoing
""")

_KEYED: Final = _words_in("""
    users agents customers operators people persons members employees contacts patients clients visitors
    guests
""")
"""The keys of an object with one of these names are persons."""

_LOOKS_LIKE_DATA: Final = re.compile(
    r"[0-9]{5}"  # a long number
    r"|[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+"  # an IP address
    r"|^(?=.*[0-9])[0-9a-fA-F-]{8,}$"  # hexadecimal
    r"|^(?=(.*[0-9]){3})(?=.*[^\W\d_])\S{12,}$"  # letters and digits, long
    r"|\S\s+\S"  # a full name, a text
    r"|^www\.|[^\w \-./+]"  # an address, a sentence
)
_ENUMERATED: Final = re.compile(r"[^\W\d_]+([ _/-][^\W\d_]+)*[_-]?[0-9]{0,2}")
_RANDOM: Final = re.compile("[bcdfghjklmnpqrstvwxz]{5}|^(?=.*[0-9])[0-9a-f]{8,}$", re.IGNORECASE)
"""Five consonants in a row are not a word, and a hexadecimal number is not one either."""


def shown_paths(fields: Iterable[Field]) -> frozenset[Path]:
    """Return the paths that may be shown, out of all fields of one collection."""
    known = {field.path: field for field in fields}
    children: dict[Path, list[Field]] = defaultdict(list)
    structures: dict[Path, set[tuple[Path, frozenset[Type]]]] = defaultdict(set)
    for field in known.values():
        children[field.path[:-1]].append(field)
        types = frozenset(kind for kind, _ in field.types)
        for length in range(1, len(field.path) + 1):
            structures[field.path[:length]].add((field.path[length:], types))

    def is_map(path: Path, inner: list[Field]) -> bool:
        whole = known.get(path)
        if whole is None:
            return False
        is_alike = all(structures[field.path] == structures[inner[0].path] for field in inner)
        is_keyed = _is_keyed(path[-1]) and "list" not in dict(whole.types)
        return is_keyed or _has_data_as_keys(whole, inner, is_alike=is_alike)

    maps = {path for path, inner in children.items() if is_map(path, inner)}
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


def shown_name(name: str) -> str:
    """Return a dotted field with `…` for each step that looks like data, or is the key of a person."""
    steps = name.split(".")
    return ".".join(
        step if _is_plain(step) and not _is_keyed(before) else "…"
        for before, step in zip(("", *steps), steps, strict=False)
    )


def shown_values(field: Field) -> tuple[tuple[Scalar, int], ...]:
    """Return the values that may be shown of a field whose path may be, with their documents."""
    if not all(may_show_value(field.path, value) for value, _ in field.values):
        return ()
    return tuple((value, number) for value, number in field.values if number >= MIN_DOCUMENTS)


def may_show_value(path: Path, value: Scalar) -> bool:
    """Return whether a value is a flag, a small number or a kind of thing, and its path is not personal."""
    words = words_of(path)
    personal = _personal(words)
    if personal:
        is_role = personal <= _SENDERS and words[-1] in _SENDERS | _KINDS
        return is_role and str(value).lower() in _ROLES
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return 0 <= value <= _LARGEST and value == int(value)
    last = words[-1] if words else ""
    return last in _KINDS and _is_enumerated(value, is_titled=last in _TITLED)


def speaks_of_person(path: Path) -> bool:
    """Return whether a path has a word for a person, a text, an id, a secret, an address, health or money."""
    return bool(_personal(words_of(path)))


def words_of(path: Path) -> tuple[str, ...]:
    """Return the words of a path in lower case, `name` only where it may be a person's.

    `Data.channel.ProviderName` has three: data, channel and provider.
    """
    found: list[str] = []
    for word in (word.lower() for key in path for word in _words(key)):
        if word in ("name", "code") and found and found[-1] in _NAMED:
            continue
        found.append(word.removesuffix("name") if word.removesuffix("name") in _NAMED else word)
    return tuple(found)


def _personal(words: Sequence[str]) -> frozenset[str]:
    """Return those words that are personal, or begin or end with one that is."""
    long = [each for each in _PERSONAL if len(each) > 3]
    return frozenset(
        word
        for word in words
        if word in _PERSONAL
        or (word != "context" and any(word.endswith(each) or word.startswith(each) for each in long))
    )


def _words(key: str) -> list[str]:
    spaced = ""
    for before, letter, after in zip(" " + key, key, key[1:] + " ", strict=False):
        begins = letter.isupper() and (not before.isupper() or after.islower())
        spaced += f" {letter}" if begins else letter
    return re.findall(r"[^\W\d_]+", spaced)


def _is_keyed(key: str) -> bool:
    """Return whether an object says by its name that its keys are persons, such as `byAgent`."""
    words = _words(key)
    return bool(words) and (words[0].lower() in ("by", "per") or words[-1].lower() in _KEYED)


def _has_data_as_keys(whole: Field, inner: list[Field], *, is_alike: bool) -> bool:
    total = sum(each.documents for each in inner)
    if is_alike and len(inner) > 1 and total <= whole.documents:  # one key in each document
        return True
    if is_alike and len(inner) >= _MAP_ALIKE and all(2 * each.documents < whole.documents for each in inner):
        return True
    return len(inner) >= _MAP_KEYS and total < _MAP_SHARE * whole.documents * len(inner)


def _is_plain(key: str) -> bool:
    """Return whether a key is a name of a field, not an id, a number, a person, an address or a text."""
    return key.isprintable() and len(key) <= _LONGEST and not _LOOKS_LIKE_DATA.search(key.lstrip("$"))


def _is_enumerated(value: str, *, is_titled: bool) -> bool:
    """Return whether a text looks like one of an enumeration: few words, none of them random."""
    words = _words(value)
    if len(value) > _LONGEST or len(words) > _MOST_WORDS or not _ENUMERATED.fullmatch(value):
        return False
    is_capital = words[0][0].isupper() and (len(words[0]) == 1 or not words[0].isupper())
    may_be_name = " " in value or (len(words) > 1 and is_capital)
    return not _RANDOM.search(value) and (is_titled or not may_be_name)
