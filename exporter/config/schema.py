"""The sections of a configuration, each declared once: how it is read, and what its JSON Schema says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from exporter.alert import Alert, Rise, Template
from exporter.config import labelling, references, words
from exporter.config.amounts import AMOUNT, Amount
from exporter.config.kinds import ListOf, Section, Whole, Words, optional, required
from exporter.config.labelling import Label, Tree
from exporter.config.notes import Given
from exporter.config.references import Reference
from exporter.language import durations, rates
from exporter.model import (
    COLLECTIONS,
    DATE_FORMATS,
    SHARD_BY,
    Api,
    Collection,
    Config,
    DateSetting,
    Labels,
    ShardBy,
)

_API: Final = Api()
_CONFIG: Final = Config(bots=(), queries=())
_SEVERITY: Final = Alert(Rise(1, 1.0)).severity
DEFAULT_EVERY: Final = 60.0
"""Seconds between two runs of a query where the file says nothing."""

_EVERY: Final = words.duration("1s", "1y")
_DATES: Final[Words[DateSetting]] = words.choice((*DATE_FORMATS, "auto"))
_STALE_AFTER: Final = words.duration("1ms", "10y")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ApiSection:
    """How NativeChat is asked; a key left out is taken from the section above, or has its default."""

    url: Given[str] | None = optional(words.URL, "Where the API is.", default=_API.url)
    timeout: Given[float] | None = optional(
        words.duration("100ms", "1h"),
        "How long one request may take, from connecting to the last byte.",
        default=durations.write(_API.timeout),
    )
    concurrency: Given[int] | None = optional(
        Whole(1, 256), "Requests in flight at once, per bot.", default=_API.concurrency
    )
    rate: Given[float | None] | None = optional(
        words.RATE,
        "Requests per bot: 10/s, 30/m, 500/h; none lifts the limit.",
        default=rates.write(_API.rate),
    )
    retries: Given[int] | None = optional(
        Whole(0, 10), "Further attempts of one request, with growing waits.", default=_API.retries
    )
    dates: Given[DateSetting] | None = optional(
        _DATES,
        "How a {$date: …} is written on the wire.",
        default=_API.dates,
    )
    ca_file: Given[Path] | None = optional(
        words.FILE, "Certificates of a private authority, in PEM; relative to this file's folder."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class BotSection:
    """One NativeChat bot."""

    name: Given[str] = required(words.BOT_NAME, "The label bot on every series.", blank="")
    id: Given[Reference] = required(
        references.BOT_ID, "The bot's id, from its Settings on NativeChat.", blank=Reference(text="unknown")
    )
    token: Given[Reference] = required(
        references.TOKEN, "Where the bot's token is; it never stands in this file.", blank=Reference(env="")
    )
    labels: Given[Labels] | None = optional(labelling.BotLabelsKind(), "Labels on every series of this bot.")
    api: Given[ApiSection] | None = optional(
        Section(ApiSection, "a mapping such as {rate: 2/s}"),
        "Overrides keys of the section api for this bot.",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class DefaultsSection:
    """What a query takes where it says nothing."""

    every: Given[float] | None = optional(
        _EVERY, "How often a query is asked.", default=durations.write(DEFAULT_EVERY)
    )
    stale_after: Given[float] | None = optional(
        _STALE_AFTER, "How long the last good value is shown; five times the query's every if left out."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class AlertSection:
    """When a query's values call for a person: one of rises_by, above and below."""

    rises_by: Given[int] | None = optional(
        Whole(1, 10**12), "Fires when the count rose by at least this much; goes with within."
    )
    within: Given[float] | None = optional(words.duration("1s", "1w"), "The time in which it rose.")
    above: Given[Amount] | None = optional(AMOUNT, "Fires while the value is above this; 5% goes with of.")
    below: Given[Amount] | None = optional(AMOUNT, "Fires while the value is below this; 5% goes with of.")
    of: Given[str] | None = optional(words.QUERY_NAME, "The query whose share above or below is about.")
    for_: Given[float] | None = optional(
        words.duration("0s", "30d"), "How long it must hold before it fires.", default="0s"
    )
    severity: Given[str] | None = optional(words.SEVERITY, "The alert's label severity.", default=_SEVERITY)
    summary: Given[Template] | None = optional(
        words.TEMPLATE, "What a person reads first; names bot, query and value if left out."
    )
    runbook_url: Given[str] | None = optional(
        words.LINK, "Where a person reads on; the project's own runbook if left out."
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class QuerySection:
    """One named query: a metric."""

    name: Given[str] = required(words.QUERY_NAME, "The metric is nativechat_ and this name.", blank="")
    help: Given[str] | None = optional(words.TEXT, "The metric's HELP.")
    collection: Given[Collection] = required(
        words.choice(COLLECTIONS), "What is counted.", blank="conversations"
    )
    query: Given[Tree] | None = optional(
        labelling.PREDICATE, "A MongoDB predicate, as the API takes it; all are counted if left out."
    )
    labels: Given[tuple[Label, ...]] | None = optional(
        labelling.QueryLabelsKind(),
        "Labels: a list of values for a placeholder, or a mapping from values to predicates.",
    )
    every: Given[float] | None = optional(_EVERY, "How often it is asked; see defaults.")
    at: Given[time] | None = optional(words.TIME, "Time of day it is asked, with every in whole days.")
    stale_after: Given[float] | None = optional(
        _STALE_AFTER, "How long its last good value is shown; see defaults."
    )
    bots: Given[tuple[Given[str], ...]] | None = optional(
        ListOf(words.BOT_NAME, "a list of bots' names"), "The bots it is asked of; every bot if left out."
    )
    alert: Given[AlertSection] | None = optional(
        Section(AlertSection, "a mapping such as {rises_by: 1, within: 10m}"),
        "When its values call for a person; for the commands rules and dashboard.",
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class ConfigSection:
    """A whole configuration file."""

    api: Given[ApiSection] | None = optional(
        Section(ApiSection, "a mapping such as {rate: 2/s}"), "How NativeChat is asked."
    )
    timezone: Given[ZoneInfo] | None = optional(
        words.ZONE, "IANA time zone, for at and for rounding in date math.", default=str(_CONFIG.zone)
    )
    max_series: Given[int] | None = optional(
        Whole(1, 100_000), "Most series one query may make, over all bots.", default=_CONFIG.max_series
    )
    workers: Given[int] | None = optional(
        Whole(1, 1024), "Most requests in flight, over all bots.", default=_CONFIG.workers
    )
    shard_by: Given[ShardBy] | None = optional(
        words.choice(SHARD_BY),
        "What stays together on one shard, where there are several.",
        default=_CONFIG.shard_by,
    )
    bots: Given[tuple[Given[BotSection], ...]] = required(
        ListOf(Section(BotSection, "a bot with name, id and token"), "a list of bots"),
        "The bots that are asked.",
        blank=(),
    )
    defaults: Given[DefaultsSection] | None = optional(
        Section(DefaultsSection, "a mapping such as {every: 1m}"), "What queries take where they say nothing."
    )
    queries: Given[tuple[Given[QuerySection], ...]] = required(
        ListOf(Section(QuerySection, "a query with name and collection"), "a list of queries"),
        "What is counted.",
        blank=(),
    )


CONFIG: Final = Section(ConfigSection, "a mapping with bots and queries")
