"""The alerts on the exporter itself.

Replicas and Pods that come and go are one, as in the alerts on queries. Windows of five minutes bridge a
restart. An alert is silent while another one that explains it fires: see `because`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from textwrap import indent
from typing import Final

from exporter.errors import WrongUsage
from exporter.language import durations, templates
from exporter.model import Config
from exporter.monitoring import links
from exporter.monitoring.choices import Choices
from exporter.monitoring.rule import Rule


@dataclass(frozen=True, slots=True)
class _Own:
    """A rule as written below; texts are Prometheus templates.

    `threshold` is a duration, a number or a percentage; it replaces THRESHOLD in the other texts, and in the
    expression a percentage is a number. `because` has the alerts that explain this one, each with the
    modifier that matches their series with those of this one.
    """

    name: str
    threshold: str
    expression: str
    summary: str
    description: str
    panel: str
    severity: str = "warning"
    lasting: str = "THRESHOLD"
    because: tuple[tuple[str, str], ...] = ()


_THRESHOLDS: Final = (
    r"[1-9]([0-9]{0,4}[smhd]|[0-9]{0,3}w)",
    r"(?=.*[1-9])[0-9]{1,2}(\.[0-9]{1,6})?%",
    r"(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,6})?",
)
"""The patterns of a duration, a percentage and a number, each above 0."""

_LEAST_WINDOW: Final = 120.0
"""Seconds in which there are two scrapes, where Prometheus scrapes each minute, as it does by default."""

_OTHERS: Final = re.compile(r"\\[^1-9ZuUN]|\[\^?\]?[^\]]*\]")
_NOT_RE2: Final = re.compile(r"\\|\(\?(?![ims-]*[:)]|P<)|[*+?}]\+|\{[0-9]*,?(?!1000\b)[0-9]{4,}")
"""What Python has and Prometheus has not, once `_OTHERS` are gone: (?=, \\1, a*+, a{1001} and the like."""

_QUERY: Final = "nativechat_exporter_query"
_SHARDS: Final = "(cluster, namespace, job)"
_BOT_DOWN: Final = "NativeChatBotDown", "ignoring (query)"

_OWN: Final = (
    _Own(
        "NativeChatExporterDown",
        "2m",
        "avg_over_time(up[5m]) < 0.5\nand up\n"
        "and ignoring (version, python) last_over_time(nativechat_exporter_build_info[1d])",
        "{{ $labels.instance }}: the exporter does not answer Prometheus",
        "The exporter answered {{ $value | humanizePercentage }} of the scrapes of the last five minutes. "
        "Until it is back, its bots are not monitored, unless another exporter asks for them. Check whether "
        "the process runs, the end of its log, and whether Prometheus reaches its port.",
        "The exporter itself/Exporters",
        severity="critical",
    ),
    _Own(
        "NativeChatExporterAbsent",
        "10m",
        "absent(nativechat_exporter_build_info)",
        "Prometheus scrapes no nativechat-exporter",
        "For THRESHOLD there was no exporter to scrape, so no alert on its bots can fire. Check whether it "
        "is deployed, and whether Prometheus's scrape configuration or service discovery finds it.",
        "The exporter itself/Exporters",
        severity="critical",
        because=(("NativeChatExporterDown", "on ()"),),
    ),
    _Own(
        "NativeChatBotDown",
        "5m",
        # A bot that has just started has not failed for that long.
        "max without (instance, pod) (max_over_time(nativechat_up[THRESHOLD])) == 0\n"
        "and max without (instance, pod) (last_over_time(nativechat_up[THRESHOLD] offset THRESHOLD))",
        "{{ $labels.bot }}: NativeChat has counted nothing for THRESHOLD",
        "For THRESHOLD at least, no request for the bot {{ $labels.bot }} got a count: NativeChat did not "
        "answer, or answered with an error, or was not asked, because an id or a token is missing. Values "
        "are dropped when they are stale, and then alerts on them do not fire. The exporter's status page "
        "and its log show the error and what to do about it.",
        "At a glance/Down",
        severity="critical",
        lasting="1m",
    ),
    _Own(
        "NativeChatQueryFailing",
        "10m",
        f"max without (instance, pod) (max_over_time({_QUERY}_up[5m])) == 0",
        "{{ $labels.bot }}: no run of {{ $labels.query }} has succeeded for more than THRESHOLD",
        "At least one request in each run of the query {{ $labels.query }} of the bot {{ $labels.bot }} "
        "fails, or its first run has not ended. Its values are dropped when they are stale, and then alerts "
        "on them do not fire. The exporter's status page and its log show the error and what to do about "
        "it.",
        "The exporter itself/Queries of each bot",
        because=(_BOT_DOWN,),
    ),
    _Own(
        "NativeChatValueStale",
        "3",
        f"time() - max without (instance, pod) ({_QUERY}_last_success_timestamp_seconds)\n"
        "  > ignoring (bot) group_left () 60 + THRESHOLD * max without (instance, pod) "
        f"({_QUERY}_interval_seconds)\n"
        f"and max without (instance, pod) ({_QUERY}_up) == 1",
        "{{ $labels.bot }}: {{ $labels.query }} is {{ $value | humanizeDuration }} old, and nothing failed",
        "No run of the query {{ $labels.query }} of the bot {{ $labels.bot }} has ended for more than "
        "THRESHOLD of its intervals. Look at its row on the exporter's status page, at skipped runs, and at "
        "the bot's rate. If no query runs any more, restart the exporter, and please report it.",
        "The exporter itself/Oldest value, in intervals",
        lasting="1m",
        because=(("NativeChatScheduleLag", "ignoring (bot, query)"),),
    ),
    _Own(
        "NativeChatPollsSkipped",
        "25%",
        "max without (instance, pod) (\n"
        f"  increase({_QUERY}_skipped_total[1h]) >= 3\n"
        f"  and increase({_QUERY}_skipped_total[20m]) > 0\n"  # an outage that is over explains the rest
        f"  and increase({_QUERY}_skipped_total[1h])\n"
        f"    > THRESHOLD * (increase({_QUERY}_skipped_total[1h]) + increase({_QUERY}_runs_total[1h]))\n"
        ")",
        "{{ $labels.bot }}: {{ $value | humanize }} runs of {{ $labels.query }} were skipped within 1h",
        "More than THRESHOLD of the runs of the query {{ $labels.query }} of the bot {{ $labels.bot }} were "
        "due while the previous one had not ended, so values are older than `every` says. The bot's rate "
        "allows too little, answers are slow, or the query has too many series.",
        "The exporter itself/Queries of each bot",
        lasting="30m",
        because=(_BOT_DOWN, ("NativeChatQueryFailing", ""), ("NativeChatValueStale", "")),
    ),
    _Own(
        "NativeChatScheduleLag",
        "30",
        "max without (instance, pod) (min_over_time(nativechat_exporter_schedule_lag_seconds[5m])) > "
        "THRESHOLD",
        "{{ $labels.job }}: runs start {{ $value | humanizeDuration }} late",
        "The exporter cannot start its runs in time, so all values are older than `every` says. Give it more "
        "CPU or `workers`, fewer series, or divide the bots among shards.",
        "The exporter itself/Exporters",
        lasting="5m",
    ),
    _Own(
        "NativeChatReloadFailed",
        "5m",
        "min without (instance, pod) (nativechat_exporter_config_last_reload_successful) == 0",
        "{{ $labels.job }}: an exporter refused its configuration",
        "The configuration has been wrong for THRESHOLD at least. An exporter that had a good one before "
        "still uses it, and a restart would fail. The log, the status page and `nativechat-exporter check` "
        "show every problem with its line.",
        "The exporter itself/Exporters",
    ),
    _Own(
        "NativeChatInternalError",
        "1",
        "max without (instance, pod) (increase(nativechat_exporter_internal_errors_total[1h])) >= THRESHOLD",
        "{{ $labels.job }}: {{ $value | humanize }} internal errors of the exporter within 1h",
        "The exporter goes on, but this is a defect. Its log has a traceback: please report it.",
        "The exporter itself/Exporters",
        lasting="0s",
    ),
    _Own(
        "NativeChatBotNameTwice",
        "10m",
        "count without (key) (count without (instance, pod) (nativechat_bot_info)) > 1",
        "{{ $labels.bot }}: {{ $value }} bots have this name",
        "Exporters of the job {{ $labels.job }} have different bots under the name {{ $labels.bot }}. "
        "Alerts take them as one: they see the greater count, and no outage while one of them is up. Give "
        "each bot a name of its own.",
        "At a glance/Down",
    ),
    _Own(
        "NativeChatBotAskedTwice",
        "15m",
        "count without (instance, pod) (\n"
        "  nativechat_bot_info unless ignoring (bot, key) nativechat_exporter_shard_total > 1\n"
        ") > 1",
        "{{ $labels.bot }}: {{ $value }} exporters ask for the same bot",
        "Each of them makes every request, and together they exceed the bot's `rate`. Run one exporter for "
        "the bot, such as a Deployment of its own instead of a sidecar in each replica.",
        "At a glance/Down",
        severity="info",
    ),
    _Own(
        "NativeChatShardMissing",
        "5m",
        # While shards restart one after another, each was seen within ten minutes.
        f"max by {_SHARDS} (nativechat_exporter_shard_total)\n"
        f"  - count by {_SHARDS} (\n"
        f'    count_values by {_SHARDS} ("ordinal", last_over_time(nativechat_exporter_shard_ordinal[10m]))\n'
        "  ) > 0",
        "{{ $labels.job }}: {{ $value }} of the exporter's shards are missing",
        "The bots of a missing shard are not polled. Check which ordinal is missing in "
        "nativechat_exporter_shard_ordinal, and why that exporter does not run or is not scraped.",
        "The exporter itself/Exporters",
        severity="critical",
        because=(("NativeChatExporterDown", f"on {_SHARDS}"),),
    ),
    _Own(
        "NativeChatShardDoubled",
        "10m",
        f"count_values by {_SHARDS} (\n"
        '  "ordinal", nativechat_exporter_shard_ordinal and nativechat_exporter_shard_total > 1\n'
        ") > 1",
        "{{ $labels.job }}: {{ $value }} exporters are shard {{ $labels.ordinal }}",
        "They poll the same bots, which doubles the requests, and most likely another shard is missing. "
        "Give each exporter a different --shard.ordinal.",
        "The exporter itself/Exporters",
    ),
    _Own(
        "NativeChatShardsDisagree",
        "15m",
        f'count by {_SHARDS} (count_values by {_SHARDS} ("total", nativechat_exporter_shard_total)) > 1',
        "{{ $labels.job }}: exporters disagree on how many shards there are",
        "Some bots may be polled twice, others not at all. Give every exporter of the job the same "
        "--shard.total, and check whether a rollout is stuck.",
        "The exporter itself/Exporters",
    ),
)

OWN_NAMES: Final = tuple(own.name for own in _OWN)


def own_rules(config: Config, choices: Choices) -> tuple[Rule, ...]:
    """Return the rules on the exporter itself, in the order above, without those that are left out.

    Raises WrongUsage for a threshold of the wrong kind, or a wrong regular expression of a job. With
    `shard_by: query` several exporters ask for each bot by design, so that no rule reports it.
    """
    told = {own.name: own for own in _OWN if own.name not in choices.without}
    if config.shard_by == "query":
        told.pop("NativeChatBotAskedTwice", None)
    told |= {own.name: own for own in _of_jobs(choices.jobs) if own.name in told}
    return tuple(_rule(own, told, choices) for own in told.values())


def _of_jobs(jobs: tuple[str, ...]) -> Iterator[_Own]:
    """Yield the rules that also notice an exporter of these jobs that never ran."""
    if not jobs:
        return
    down, absent = _OWN[:2]
    yield replace(down, expression=f"avg_over_time(up{{job=~{_text('|'.join(jobs))}}}[5m]) < 0.5\nand up")
    # `absent` takes no label from a regular expression. A target that is down is not absent.
    missing = (
        f'label_replace(absent(up{{job=~{_text(job)}}}), "job", {_text(job).replace("$", "$$")}, "", "")'
        for job in jobs
    )
    summary = f"{{{{ $labels.job }}}}: {absent.summary} of this job"
    yield replace(absent, expression="\nor ".join(missing), summary=summary, because=())


def _text(regex: str) -> str:
    """Return a regular expression as a string in PromQL."""
    try:
        re.compile(regex)
    except re.error as error:
        raise WrongUsage(f"--job {regex}: not a regular expression: {error}") from error
    if found := _NOT_RE2.search(_OTHERS.sub("", regex)):
        what = f"Prometheus has no lookarounds, backreferences, repeats above 1000 and the like: {found[0]}"
        raise WrongUsage(f"--job {regex}: {what} (repeat --job for several jobs)")
    return json.dumps(regex, ensure_ascii=False)


def _rule(own: _Own, told: Mapping[str, _Own], choices: Choices) -> Rule:
    threshold = _threshold(own, choices)
    causes = "".join(
        f"\nunless {match and f'{match} '}(\n{indent(_expression(told[name], choices), '  ')}\n)"
        for name, match in own.because
        if name in told
    )
    return Rule(
        name=own.name,
        expression=_expression(own, choices) + causes,
        lasting=durations.parse(own.lasting.replace("THRESHOLD", threshold)),
        severity=own.severity,
        summary=templates.parse(own.summary.replace("THRESHOLD", threshold)),
        description=templates.parse(own.description.replace("THRESHOLD", threshold)),
        runbook_url=links.section(choices.runbook, own.name),
        panel=own.panel,
    )


def _expression(own: _Own, choices: Choices) -> str:
    threshold = _threshold(own, choices)
    number = f"{float(threshold[:-1]) / 100:.10g}" if threshold.endswith("%") else threshold
    return own.expression.replace("THRESHOLD", number)


def _threshold(own: _Own, choices: Choices) -> str:
    text = choices.thresholds.get(own.name, own.threshold)
    pattern = next(pattern for pattern in _THRESHOLDS if re.fullmatch(pattern, own.threshold))
    if not re.fullmatch(pattern, text):
        raise WrongUsage(f"--threshold {own.name}={text}: write a value such as {own.threshold}")
    if "[THRESHOLD]" in own.expression and durations.parse(text) < _LEAST_WINDOW:
        what = "in less than 2m there may be no two scrapes, and the alert never fires, or falsely"
        raise WrongUsage(f"--threshold {own.name}={text}: {what} (write 2m or more)")
    return text
