"""Builds the rooms, connects them, and starts, reloads and ends them.

Threads, all of them, each with its owner and its bound:

main             one             waits for signals (`signals`)
timetable        one             owns the due times, and applies configurations (`polling.poller`)
worker-N         `workers`       each makes one attempt at a time (`polling.workers`)
web              one             the event loop that serves (`web.server`)
web-1 to web-4   four            make pages, wait for reloads (`web.pool`)
web-password-1, -2  two          check passwords (`web.pool`)
_monitor         one             writes log lines (`logs`); `log end` waits for the last ones, at the end

Shared and locked: the store, each bot's queue, telemetry, the finished metrics page. Shared and swapped
whole: the current `Plan`. Everything else has one owner.
"""
