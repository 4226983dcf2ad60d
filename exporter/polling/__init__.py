"""Decides which request is made, and when.

    timetable ─due poll─▶ poller ─starts─▶ run ─requests─▶ queue of the bot ─attempts─▶ workers
                                            ▲                                             │
                                            └──────────── count or ApiError ──────────────┘

- The timetable knows when each poll is due.
- A run makes all requests of one poll.
- Each bot has a queue, which starts a request when the bot's rate, concurrency and pauses allow.
- The worker limits decide which queue gets a worker.
- A worker makes one attempt of a request. It waits for the API and for nothing else.
"""
