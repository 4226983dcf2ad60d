"""Builds the rooms, connects them, and starts, reloads and ends them.

Threads, all of them: the main one waits for signals; `timetable` owns the due times and applies
configurations; `worker-N`, at most `workers` of them, each make one attempt at a time; `web` serves;
`web-1` to `web-4` make pages, check passwords and wait for reloads; `log` writes lines.
Shared and locked: the store, the poller's lanes, the metrics page. Everything else has one owner.
"""
