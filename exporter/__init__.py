"""nativechat-exporter: counts of NativeChat conversations and messages, as Prometheus gauges.

Data goes from left to right, and nothing flows back:

    config.yaml ─▶ config ─Config─▶ plan ─Plan─▶ polling ─▶ nativechat ─count│ApiError─▶ store
                                                                                          │
                                                       GET /metrics ◀─ web ◀─ exposition ◀┘

`daemon` builds the rooms and passes frozen values (`model`) between them. A room never imports another
room: where it must call one, `daemon` passes it a plain function.
"""

__version__ = "0.1.0"
