"""A simulated NativeChat, to try the exporter without an account.

Tests with the simulator check the exporter against our assumptions, not against NativeChat.

    settings ─┐
        bots ─┼─▶ simulation ─▶ api ─▶ HTTP
       clock ─┘    │             ├ parameters
                   │             └ control: /-/…
                   ├ dataset ─▶ believable ─▶ documents
                   ├ matching ─▶ values
                   └ faults

The simulator does what the vendor's Administration API page documents: paths, header, parameters,
predicates. A detail that the page leaves open is a field of `Settings`, or is marked as assumed.
"""
