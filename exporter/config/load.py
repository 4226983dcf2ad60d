"""Loads a configuration: a path in, a Config out, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from exporter.config import source
from exporter.config.bots import bots
from exporter.config.notes import Notes, either
from exporter.config.outside import Outside
from exporter.config.queries import Around, queries
from exporter.config.schema import CONFIG, ApiSection, ConfigSection, DefaultsSection
from exporter.errors import ConfigError, Problem
from exporter.model import Config

Secrets: TypeAlias = Literal["required", "optional"]
"""Whether ids, tokens and certificates must be there: `optional` makes their absence a warning."""


class Loaded(NamedTuple):
    """A configuration, and what is probably not meant in it."""

    config: Config
    warnings: tuple[Problem, ...]


def load(path: Path, environ: Mapping[str, str], *, secrets: Secrets = "required") -> Loaded:
    """Read a configuration file; raise ConfigError with every problem in it."""
    return parse(source.content(path), path, environ, secrets=secrets)


def parse(content: bytes, path: Path, environ: Mapping[str, str], *, secrets: Secrets = "required") -> Loaded:
    """Read a configuration from its content; `path` names it in problems and starts relative paths.

    Raises ConfigError with every problem. Where secrets are optional, an id that is not there is
    `outside.UNKNOWN_ID`.
    """
    document = source.compose(content, str(path))
    notes = Notes(document.problems)
    given = CONFIG.read(document.root, "", notes)
    outside = Outside(path.parent, environ, secrets, notes)
    config = _config(given.value, outside, notes) if given is not None else None
    if config is None or not notes.clean(""):
        raise ConfigError(notes.of("error"))
    return Loaded(config, notes.of("warning"))


def _config(section: ConfigSection, outside: Outside, notes: Notes) -> Config:
    unsaid = Config(bots=(), queries=())
    made = bots(section.bots.value, either(section.api, ApiSection()), outside, notes)
    around = Around(
        bots=tuple(bot.value for bot in section.bots.value),
        defaults=either(section.defaults, DefaultsSection()),
        max_series=either(section.max_series, unsaid.max_series),
    )
    _check_sharding(section, notes)
    return Config(
        bots=made,
        queries=queries(section.queries.value, around, notes),
        zone=either(section.timezone, unsaid.zone),
        max_series=around.max_series,
        workers=either(section.workers, unsaid.workers),
        shard_by=either(section.shard_by, unsaid.shard_by),
    )


def _check_sharding(section: ConfigSection, notes: Notes) -> None:
    """Refuse an alert that would never fire: its two queries are on two targets of Prometheus."""
    if either(section.shard_by, "bot") == "bot":
        return
    for query in section.queries.value:
        whole = query.value.alert.value.of if query.value.alert else None
        if whole is not None:
            what = (
                f'with `shard_by: query`, "{whole.value}" may be on another shard, and no share of it is told'
            )
            notes.error(whole.place, whole.path, what, "write `shard_by: bot`, or an alert without `of`")
