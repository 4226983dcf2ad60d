"""Which request is made, and when.

    timetable ─due poll─▶ poller ─starts─▶ flight ─questions─▶ lane of the bot ─attempts─▶ workers
                                             ▲                                              │
                                             └───────────── count or ApiError ──────────────┘

The timetable says when a poll is due. A flight is one run of one poll: all its questions. A lane is
a bot's queue: it lets a question go when the bot's rate, concurrency and pauses allow. Shares say which
lane may have a worker, and a worker makes one attempt. Nothing waits inside a worker but for the API.
"""
