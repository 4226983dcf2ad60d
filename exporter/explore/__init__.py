"""Looks at one bot through its API: what it has, what its API can do, and whether queries agree with that.

Requests go out through `requests.Api`, so this room knows neither HTTP nor files:

    sampling ──documents──▶ profile ──fields──▶ privacy ──what may be shown──▶ proposals ──▶ writing
    operators, dates ──what the API counts──────────────────────────────────────┘
    conditions ──what queries compare──▶ assumptions, which also samples and counts ──findings──▶ verify

Documents are counted as they come, and dropped. Only what `privacy` allows leaves this room.
"""
