"""Decides which request is made, and when.

    timetable ─due poll─▶ dispatcher ─▶ run ─requests─▶ queue of the bot ─attempts─▶ threads
                                         ▲                                              │
                                         └────────────── count or ApiError ─────────────┘

- The timetable knows when each poll is due.
- A run makes all requests of one poll.
- Where a series counts 0, its bot is asked later whether any document has the fields of the predicate.
- Each bot has a queue, which starts a request when the bot's rate, concurrency and pauses allow.
- The dispatcher starts runs, and divides the threads among the queues. It has no thread of its own.
- The poller has the threads. A thread makes one attempt at a time; an idle one waits for the next due time.
"""
