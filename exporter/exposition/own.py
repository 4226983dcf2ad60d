"""Describes the exporter's own metrics, by the names of their samples."""

from __future__ import annotations

from typing import Final

HELP: Final = {
    "nativechat_up": "1 if the bot's most recent request to NativeChat got a count or a rejection of its"
    " predicate, else 0.",
    "nativechat_bot_info": "1, with a key made of the API's URL and the bot's id; two keys under one name are"
    " two bots.",
    "nativechat_exporter_query_up": "1 if every request of the query's last run for the bot succeeded, else"
    " 0; 0 before the first run.",
    "nativechat_exporter_query_last_success_timestamp_seconds": "When the query's last successful run for the"
    " bot ended, in Unix seconds; 0 for never.",
    "nativechat_exporter_query_duration_seconds": "How long the query's last run for the bot took, waits for"
    " the bot's rate included.",
    "nativechat_exporter_query_runs_total": "Runs of the query for the bot that were started.",
    "nativechat_exporter_query_skipped_total": "Runs that were due while the previous run of the query for"
    " the bot was still in flight.",
    "nativechat_exporter_query_failures_total": "Failed requests of the query for the bot, each after its"
    " last attempt.",
    "nativechat_exporter_bot_failures_total": "Failed requests for the bot by reason, each after its last"
    " attempt.",
    "nativechat_exporter_query_unknown_fields": "Fields that no document of the bot has, in predicates of the"
    " query that count 0, as far as asked; absent if there are none.",
    "nativechat_exporter_query_unknown_values": "Values that no document of the bot has in a field which some"
    " have, in predicates of the query that count 0, as far as asked; absent if there are none.",
    "nativechat_exporter_query_interval_seconds": "The query's configured interval, its `every`.",
    "nativechat_exporter_series": "Series of queries that are exposed now.",
    "nativechat_exporter_api_requests_total": "Attempts of requests to NativeChat by HTTP status; code"
    ' "none" if there was no answer, "other" for further ones once a bot has ten codes.',
    "nativechat_exporter_api_request_duration_seconds": "Duration of one attempt of a request to NativeChat.",
    "nativechat_exporter_schedule_lag_seconds": "Seconds by which the latest run started late.",
    "nativechat_exporter_config_last_reload_successful": "1 if the last reload of the configuration worked,"
    " else 0.",
    "nativechat_exporter_config_last_reload_success_timestamp_seconds": "When the configuration in use was"
    " loaded, in Unix seconds.",
    "nativechat_exporter_internal_errors_total": "Internal errors of the exporter; each is in its log with"
    " a traceback.",
    "nativechat_exporter_shard_ordinal": "The ordinal of this exporter's shard, from 0.",
    "nativechat_exporter_shard_total": "The number of shards.",
    "nativechat_exporter_build_info": "1, with the exporter's version and Python's.",
}
