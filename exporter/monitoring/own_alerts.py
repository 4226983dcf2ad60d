"""The alerts on the exporter itself: the same for every configuration.

A query's age is computed for the moment of the scrape, with `timestamp`, so that it does not depend on the
scrape interval. Every rule looks at each target by itself: `ignoring` the labels in which two sides differ
joins them on all labels of the target, whichever Prometheus is configured to add.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.language import templates
from exporter.monitoring import links
from exporter.monitoring.rule import Comparison, Rule


@dataclass(frozen=True, slots=True)
class _Own:
    """A rule as written below; texts are Prometheus templates."""

    name: str
    severity: str
    lasting: float
    value: str
    compared: Comparison | None
    summary: str
    description: str


_MINUTE: Final = 60.0

_INTERVAL: Final = "nativechat_exporter_query_interval_seconds"
_LAST_SUCCESS: Final = "nativechat_exporter_query_last_success_timestamp_seconds"

# A query that never succeeded counts from the load of the configuration: it may be new there.
_SINCE: Final = """\
(
    {success} > 0
    or 0 * nativechat_exporter_query_up
      + ignoring (bot, query) group_left () nativechat_exporter_config_last_reload_success_timestamp_seconds
  )"""

# Successes before a restart count, or each restart would end these alerts for some time. Right after a
# restart nothing has failed yet, so the alerts also require a failure counter above 0.
_LAST_GOOD: Final = _SINCE.format(success=f"max_over_time({_LAST_SUCCESS}[1h])")
_LAST_GOOD_OF_THIS_PROCESS: Final = _SINCE.format(success=_LAST_SUCCESS)

_DOWN: Final = """\
(
  avg_over_time(up[5m]) < 0.5
  and up
  and ignoring (version, python) last_over_time(nativechat_exporter_build_info[1d])
)"""

_BOT_DOWN: Final = f"""\
(
  timestamp(nativechat_up) - max without (query) {_LAST_GOOD}
  > 30 + 2 * min without (query) (
    0 * nativechat_exporter_query_up + ignoring (bot) group_left () {_INTERVAL}
  )
  and nativechat_up == 0
  and sum without (query, reason) (nativechat_exporter_query_failures_total) > 0
)"""

_FAILING: Final = f"""\
(
  timestamp(nativechat_exporter_query_up) - {_LAST_GOOD}
  > ignoring (bot) group_left () (30 + 2 * {_INTERVAL})
  and nativechat_exporter_query_up == 0
  and sum without (reason) (nativechat_exporter_query_failures_total) > 0
)"""

_STALE: Final = f"""\
(
  timestamp(nativechat_exporter_query_up) - {_LAST_GOOD_OF_THIS_PROCESS}
  > ignoring (bot) group_left () (60 + 3 * {_INTERVAL})
  unless (
    nativechat_exporter_query_up == 0
    and sum without (reason) (nativechat_exporter_query_failures_total) > 0
  )
)"""

_SKIPPED: Final = """\
(
  increase(nativechat_exporter_query_skipped_total[1h])
    / (
      increase(nativechat_exporter_query_skipped_total[1h])
        + increase(nativechat_exporter_query_runs_total[1h])
    )
  and increase(nativechat_exporter_query_skipped_total[1h]) > 2.5
)"""

# Shards differ in their ordinal and have the same job. Other labels of Prometheus may differ, so they are
# not used. While shards restart one after another, each was seen within ten minutes.
_MISSING: Final = """\
(
  max by (cluster, namespace, job) (nativechat_exporter_shard_total)
    - count by (cluster, namespace, job) (
      count_values by (cluster, namespace, job) (
        "ordinal", last_over_time(nativechat_exporter_shard_ordinal[10m])
      )
    )
)"""

_DOUBLED: Final = """\
count_values by (cluster, namespace, job) (
  "ordinal", nativechat_exporter_shard_ordinal and nativechat_exporter_shard_total > 1
)"""

_DISAGREE: Final = """\
count by (cluster, namespace, job) (
  count_values by (cluster, namespace, job) ("total", nativechat_exporter_shard_total)
)"""

_OWN: Final = (
    _Own(
        "NativeChatExporterDown",
        "critical",
        2 * _MINUTE,
        _DOWN,
        None,
        "{{ $labels.instance }}: the exporter does not answer Prometheus",
        "The exporter answered {{ $value | humanizePercentage }} of the scrapes of the last five minutes. "
        "Until it is back, no other alert on its bots fires. Check whether the process runs, the end of its "
        "log, and whether Prometheus reaches its port.",
    ),
    _Own(
        "NativeChatExporterAbsent",
        "critical",
        10 * _MINUTE,
        "absent(nativechat_exporter_build_info)",
        None,
        "Prometheus knows no nativechat-exporter",
        "No exporter was scraped for ten minutes, so no alert on any bot can fire. Check whether it is "
        "deployed, and whether Prometheus's scrape configuration or service discovery finds it.",
    ),
    _Own(
        "NativeChatBotDown",
        "critical",
        0.0,
        _BOT_DOWN,
        None,
        "{{ $labels.bot }}: NativeChat has answered nothing for {{ $value | humanizeDuration }}",
        "The latest request for the bot {{ $labels.bot }} failed, and none of its queries succeeded for more "
        "than two of its shortest intervals. The exporter's status page shows the error; the log says what "
        "to do about it.",
    ),
    _Own(
        "NativeChatQueryFailing",
        "warning",
        0.0,
        _FAILING,
        None,
        "{{ $labels.bot }}: {{ $labels.query }} has failed for {{ $value | humanizeDuration }}",
        "The query {{ $labels.query }} of the bot {{ $labels.bot }} has not succeeded for more than two of "
        "its intervals. Its last value is shown until it is stale, then its series are absent and alerts on "
        "them do not fire. nativechat_exporter_query_failures_total says the reason.",
    ),
    _Own(
        "NativeChatValueStale",
        "warning",
        _MINUTE,
        _STALE,
        None,
        "{{ $labels.bot }}: {{ $labels.query }} is {{ $value | humanizeDuration }} old, and nothing failed",
        "Runs of the query {{ $labels.query }} of the bot {{ $labels.bot }} do not start or do not end. "
        "Check nativechat_exporter_schedule_lag_seconds, skipped runs, and the bot's rate.",
    ),
    _Own(
        "NativeChatReloadFailed",
        "warning",
        5 * _MINUTE,
        "nativechat_exporter_config_last_reload_successful",
        Comparison("<", 1),
        "{{ $labels.instance }}: the exporter refused its new configuration",
        "The old configuration is still in use, and a restart would fail. The log, the status page and "
        "`nativechat-exporter check` show every problem with its line.",
    ),
    _Own(
        "NativeChatPollsSkipped",
        "warning",
        15 * _MINUTE,
        _SKIPPED,
        Comparison(">", 0.25),
        "{{ $labels.bot }}: {{ $value | humanizePercentage }} of {{ $labels.query }} was skipped",
        "Runs of the query {{ $labels.query }} were due while the previous one had not ended, so values "
        "are older than `every` says. The bot's rate allows too little, answers are slow, or the query has "
        "too many series.",
    ),
    _Own(
        "NativeChatShardMissing",
        "critical",
        5 * _MINUTE,
        _MISSING,
        Comparison(">", 0),
        "{{ $labels.job }}: {{ $value }} of the exporter's shards are missing",
        "The bots of a missing shard are not polled. Check which ordinal is missing in "
        "nativechat_exporter_shard_ordinal, and why that exporter does not run or is not scraped.",
    ),
    _Own(
        "NativeChatShardDoubled",
        "warning",
        10 * _MINUTE,
        _DOUBLED,
        Comparison(">", 1),
        "{{ $labels.job }}: {{ $value }} exporters are shard {{ $labels.ordinal }}",
        "They poll the same bots, which doubles the requests, and most likely another shard is missing. "
        "Give each exporter a different --shard.ordinal.",
    ),
    _Own(
        "NativeChatShardsDisagree",
        "warning",
        15 * _MINUTE,
        _DISAGREE,
        Comparison(">", 1),
        "{{ $labels.job }}: exporters disagree on how many shards there are",
        "Some bots may be polled twice, others not at all. Give every exporter of the job the same "
        "--shard.total, and check whether a rollout is stuck.",
    ),
)


def own_rules(runbook: str) -> tuple[Rule, ...]:
    """Return the rules; `runbook` is the page they link to, or empty."""
    return tuple(
        Rule(
            name=own.name,
            value=own.value,
            compared=own.compared,
            lasting=own.lasting,
            severity=own.severity,
            summary=templates.parse(own.summary),
            description=templates.parse(own.description),
            runbook_url=links.section(runbook, own.name),
        )
        for own in _OWN
    )
