"""Makes the variables of a dashboard: data source, job, bots, and the values of labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from exporter.model import Config, Json, Query

SOURCE: Final[dict[str, Json]] = {"type": "prometheus", "uid": "${datasource}"}
BOT: Final = 'job=~"$job",bot=~"$bot"'
_EVERYTHING: Final = ".*"
_OURS: Final = ("datasource",)


def variable(label: str) -> str:
    """Return the name of a label's variable; no query can have the labels `job` and `bot`."""
    return f"{label}_label" if label in _OURS else label


def matcher(label: str) -> str:
    """Return the matcher for the chosen values of a label."""
    return f'{label}=~"${variable(label)}"'


def variables(config: Config) -> list[Json]:
    """Return the variables of a configuration's dashboard, each after those it depends on.

    A bot label limits the bots to choose from, and the chosen bots apply to every panel. A query label
    applies to the panels of its queries.
    """
    of_queries = _named(config.queries)
    of_bots = {label: _counted(config, label) for label in _bot_labels(config) if label not in of_queries}
    chosen = ",".join(('job=~"$job"', *map(matcher, of_bots)))
    counted = [query for queries in of_bots.values() for query in queries]
    all_of = [_chosen(label, _selector(queries, 'job=~"$job"')) for label, queries in of_bots.items()]
    return [
        _data_source(),
        _chosen("job", "nativechat_exporter_build_info", everything=None),
        *all_of,
        # Bots with a label's value must be listed one by one: the pattern for all would match every bot.
        _chosen(
            "bot", _selector(counted, chosen, "nativechat_up"), everything=None if of_bots else _EVERYTHING
        ),
        *(_chosen(label, _selector(queries, BOT)) for label, queries in of_queries.items()),
    ]


def _named(queries: Iterable[Query]) -> dict[str, list[Query]]:
    """Return the labels of queries, and the queries that have them."""
    found: dict[str, list[Query]] = {}
    for query in queries:
        for label in query.label_names:
            found.setdefault(label, []).append(query)
    return found


def _bot_labels(config: Config) -> Iterator[str]:
    return iter(dict.fromkeys(label for bot in config.bots for label, _ in bot.labels))


def _counted(config: Config, label: str) -> list[Query]:
    """Return queries that have series for all bots with a label: a single one if possible."""
    bots = {bot.name for bot in config.bots if label in dict(bot.labels)}
    asked = [query for query in config.queries if bots & set(query.bots)]
    return next(([query] for query in asked if bots <= set(query.bots)), asked)


def _selector(queries: Iterable[Query], matchers: str, *more: str) -> str:
    names = (*more, *dict.fromkeys(query.metric for query in queries))
    if len(names) == 1:
        return f"{names[0]}{{{matchers}}}"
    return f'{{__name__=~"{"|".join(names)}",{matchers}}}'


def _data_source() -> Json:
    return {
        "current": {"selected": False, "text": "default", "value": "default"},
        "hide": 0,
        "includeAll": False,
        "label": "Data source",
        "multi": False,
        "name": "datasource",
        "options": [],
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "skipUrlSync": False,
        "type": "datasource",
    }


def _chosen(label: str, selector: str, everything: str | None = _EVERYTHING) -> Json:
    """Return the variable for a label's values in some series; `everything` is the pattern for all."""
    query = f"label_values({selector}, {label})"
    return {
        **({} if everything is None else {"allValue": everything}),
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "datasource": SOURCE,
        "hide": 0,
        "includeAll": True,
        "label": label.replace("_", " ").capitalize(),
        "multi": True,
        "name": variable(label),
        "options": [],
        "query": {
            "qryType": 1,
            "query": query,
            "refId": "PrometheusVariableQueryEditor-VariableQuery",
        },
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
        "type": "query",
    }
