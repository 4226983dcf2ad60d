"""Builds the rooms, connects them, and starts, reloads and ends them.

Threads, all of them, each with its owner and its bound:

main             one             waits for signals (`signals`)
housekeeping     one             applies configurations, and runs periodic tasks (`daemon.housekeeping`)
watcher          one             looks for changes of the configuration file (`daemon.daemon`)
files            one a `Limit`   reads a file within a time; stays behind while its disk hangs (`files`)
polling-N        `workers` + 1   each makes one attempt at a time, or waits for a due time (`polling.poller`)
web              one             the event loop that serves (`web.server`)
web-1 to web-4   four            make pages, wait for reloads (`web.pool`)
web-password-1, -2  two          check passwords (`web.pool`)
_monitor         one             writes log lines (`logs`)

One of each is needed, except `files`, and `web-password` only if there are users. These start before polling
takes more, and if the system refuses one of them, the process ends.

Shared and locked: the store, polling, telemetry, the finished metrics page. Shared and swapped
whole: the current `Plan`. Everything else has one owner.
"""
