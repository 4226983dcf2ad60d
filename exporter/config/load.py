"""Loads a configuration: returns a Config, or raises every problem at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from exporter.config import bots, queries, source
from exporter.config.kinds import Values
from exporter.config.references import Lookup, Secrets
from exporter.config.report import Report, written
from exporter.config.schema import CONFIG
from exporter.errors import ConfigError, Problem
from exporter.model import Config


class Loaded(NamedTuple):
    """A configuration and its warnings. A warning is about a setting that is valid but probably a mistake.

    `missing` are the warnings that say what requests need and no bot has; empty if any bot has all of it.
    """

    config: Config
    warnings: tuple[Problem, ...]
    missing: tuple[Problem, ...]


def load(path: Path, environ: Mapping[str, str], *, secrets: Secrets = "required") -> Loaded:
    """Read a configuration file; raise ConfigError with every problem in it."""
    return parse(source.content(path), path, environ, secrets=secrets)


def parse(content: bytes, path: Path, environ: Mapping[str, str], *, secrets: Secrets = "required") -> Loaded:
    """Read a configuration from its content; raise ConfigError with every problem in it.

    Problems name the file `path`, and paths in the file are relative to its folder. An id that may be missing
    and is missing is `references.UNKNOWN_ID`.
    """
    data, report = source.compose(content, str(path))
    values = CONFIG.read(data, (), report)
    lookup = Lookup(path.parent, environ, secrets, report)
    config = None if values is None else _config(values, lookup)
    if config is None or not report.clean(()):
        raise ConfigError(report.of("error"), report.of("warning"))
    warnings = report.of("warning")
    down = {fault[:2] for fault in lookup.faults if fault[0] == "bots"}
    faults = {written(fault) for fault in lookup.faults} if len(down) == len(config.bots) else ()
    missing = tuple(each for each in warnings if each.path in faults)
    if missing and secrets == "of one bot":
        fatal = [replace(each, severity="error") for each in missing]
        raise ConfigError(fatal, [each for each in warnings if each not in missing])
    return Loaded(config, warnings, missing)


def _config(values: Values, lookup: Lookup) -> Config:
    report = lookup.report
    defaults = Config(bots=(), queries=())
    made = bots.make(values.get("bots", ()), values.get("api", {}), lookup)
    zone, most = values.get("timezone", defaults.zone), values.get("max_series", defaults.max_series)
    shared = queries.Shared(made, values.get("defaults", {}), zone, most)
    config = Config(
        bots=made,
        queries=queries.make(values.get("queries", ()), shared, report),
        zone=zone,
        max_series=most,
        workers=values.get("workers", defaults.workers),
        shard_by=values.get("shard_by", defaults.shard_by),
    )
    if config.shard_by == "bot":  # else the requests of a bot are on several exporters
        _warn_of_demand(config, report)
    return config


def _warn_of_demand(config: Config, report: Report) -> None:
    """Warn of each bot whose queries need more requests than its rate allows."""
    due: defaultdict[str, float] = defaultdict(float)
    for query in config.queries:
        for name in query.bots if query.every else ():  # it is 0 if it is wrong
            due[name] += len(query.variants) / query.every
    for index, bot in enumerate(config.bots):
        if bot.api.rate is not None and due[bot.name] > bot.api.rate:
            needed, allowed = (f"{each * 60:.0f}" for each in (due[bot.name], bot.api.rate))
            what = f"{needed} requests a minute are due, and its rate allows {allowed}: runs will be skipped"
            report.warning(("bots", index), what, "raise `every`, or the rate")
