"""nativechat-exporter: counts of NativeChat conversations and messages, as Prometheus gauges.

Data goes from left to right, and nothing flows back:

    config.yaml ─▶ config ─Config─▶ plan ─Plan─▶ polling ─▶ nativechat ─count│ApiError─▶ store
                                                                                          │
                                                       GET /metrics ◀─ web ◀─ exposition ◀┘

Rooms hand each other frozen values (`model`) through the hall (`daemon`). A room that must reach
onward is given a plain callable by the hall; it never imports its neighbour.
"""

__version__ = "0.1.0"
