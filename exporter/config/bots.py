"""Makes bots of their sections: names once, keys of `api` inherited, ids and tokens found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from exporter.config.notes import Given, Notes, either, once
from exporter.config.outside import UNKNOWN_ID, Outside
from exporter.config.schema import ApiSection, BotSection
from exporter.model import Api, Bot


def bots(
    sections: Sequence[Given[BotSection]], shared: ApiSection, outside: Outside, notes: Notes
) -> tuple[Bot, ...]:
    """Return a bot for each section; what is wrong with them goes to `notes`."""
    once([section.value.name for section in sections], notes)
    if shared.ca_file:
        outside.ca_file(shared.ca_file)
    made = tuple(_bot(section.value, shared, outside) for section in sections)
    _warn_of_twins(sections, made, notes)
    return made


def _bot(section: BotSection, shared: ApiSection, outside: Outside) -> Bot:
    own = either(section.api, ApiSection())
    if own.ca_file:
        outside.ca_file(own.ca_file)
    return Bot(
        name=section.name.value,
        id=outside.bot_id(section.id),
        token=outside.token(section.token),
        labels=either(section.labels, ()),
        api=_api(shared, own, outside),
    )


def _api(shared: ApiSection, own: ApiSection, outside: Outside) -> Api:
    given: dict[str, Any] = {
        key.name: value.value
        for section in (shared, own)
        for key in fields(ApiSection)
        if (value := getattr(section, key.name)) is not None
    }
    api = Api(**given)
    return replace(api, ca_file=api.ca_file and outside.folder / api.ca_file)


def _warn_of_twins(sections: Sequence[Given[BotSection]], made: Sequence[Bot], notes: Notes) -> None:
    first: dict[tuple[str, str], Bot] = {}
    for section, bot in zip(sections, made, strict=True):
        twin = first.setdefault((bot.api.url, bot.id), bot)
        known = bot.id != UNKNOWN_ID and notes.clean(section.value.id.path)
        if known and twin is not bot:
            given = section.value.id
            notes.warning(given.place, given.path, f'the same bot as "{twin.name}"', "ask each bot once")
