"""A simulated NativeChat, to try the exporter against without an account.

Tests against the simulator show that we agree with our own assumptions, not with NativeChat.

    settings ─┐
    bots ─────┼─▶ simulation ─▶ api ─▶ misbehaviour ─▶ HTTP
    clock ────┘    ├ dataset     └ parameters   ▲
                   │  ├ believable              │
                   │  └ matching, ordering      │
                   └ faults ────────────────────┘
                       ▲ control: /-/…

What the vendor's Administration API page documents is kept: paths, header, parameters, predicates.
What it leaves open is a field of `Settings`, or is named as assumed where it stands.
"""
