"""Makes the variables of a dashboard: data source, where exporters run, bots, and the values of labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from exporter.model import Config, Json, Query

SOURCE: Final[dict[str, Json]] = {"type": "prometheus", "uid": "${datasource}"}
APART: Final = ("cluster", "namespace")
"""Labels that Prometheus may add, and that tell bots of the same name apart."""

JOB: Final = ",".join(f'{label}=~"${label}"' for label in (*APART, "job"))
BOT: Final = f'{JOB},bot=~"$bot"'
_EVERYTHING: Final = ".*"
_OURS: Final = "datasource"


def variable(label: str) -> str:
    """Return the name of a label's variable; no query can have the labels `job` and `bot`."""
    return f"{label}_label" if label == _OURS else label


def matcher(label: str) -> str:
    """Return the matcher for the chosen values of a label."""
    return f'{label}=~"${variable(label)}"'


def bot_labels(config: Config) -> tuple[str, ...]:
    """Return the labels that bots have in the configuration."""
    return tuple(dict.fromkeys(label for bot in config.bots for label, _ in bot.labels))


def variables(config: Config) -> list[Json]:
    """Return the variables of a configuration's dashboard, each after those it depends on.

    A bot label limits the bots to choose from, and the chosen bots apply to every panel. A query label
    applies to the panels of its queries. Without a label that Prometheus may add, its variable has no values.
    """
    build = "nativechat_exporter_build_info"
    of_queries: dict[str, list[Query]] = {}
    for query in config.queries:
        for label in query.label_names:
            of_queries.setdefault(label, []).append(query)
    of_bots = [label for label in bot_labels(config) if label not in of_queries]
    up = _selector(
        config.queries if of_bots else (), ",".join((JOB, *map(matcher, of_bots))), "nativechat_up"
    )
    return [
        {"label": "Data source", "name": "datasource", "query": "prometheus", "type": "datasource"},
        _chosen("cluster", build),
        _chosen("namespace", f'{build}{{cluster=~"$cluster"}}'),
        _chosen("job", f'{build}{{cluster=~"$cluster",namespace=~"$namespace"}}', everything=None),
        *(_chosen(label, _selector(config.queries, JOB)) for label in of_bots),
        # Bots with a label's value must be listed one by one: the pattern for all would match every bot.
        _chosen("bot", up, everything=None if of_bots else _EVERYTHING),
        *(_chosen(label, _selector(queries, BOT)) for label, queries in of_queries.items()),
    ]


def _selector(queries: Iterable[Query], matchers: str, *more: str) -> str:
    names = (*more, *(query.metric for query in queries))
    if len(names) == 1:
        return f"{names[0]}{{{matchers}}}"
    return f'{{__name__=~"{"|".join(names)}",{matchers}}}'


def _chosen(label: str, selector: str, everything: str | None = _EVERYTHING) -> Json:
    """Return the variable for a label's values in some series; `everything` is the pattern for all."""
    return {
        **({} if everything is None else {"allValue": everything}),
        "current": {"text": ["All"], "value": ["$__all"]},
        "datasource": SOURCE,
        "includeAll": True,
        "label": label.replace("_", " ").capitalize(),
        "multi": True,
        "name": variable(label),
        "query": f"label_values({selector}, {label})",
        "refresh": 2,
        "type": "query",
    }
