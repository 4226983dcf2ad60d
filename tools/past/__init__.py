"""Checks `backfill` and downloads at full size, which takes minutes: `python -m tools.past`."""
