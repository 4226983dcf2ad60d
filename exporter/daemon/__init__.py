"""The hall: builds the rooms, hands values from one to the next, starts, reloads and ends.

Threads, all of them: the main one waits for signals; `timetable` owns the due times and applies
configurations; `worker-N`, at most `workers` of them, each make one attempt at a time; `web` serves;
`web-1` to `web-4` make pages, check passwords and wait for reloads; `log` writes lines.
Shared and locked: the store, the poller's lanes, the metrics page. Everything else has one owner.
"""
