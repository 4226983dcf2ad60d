"""Settle how hypothesis searches, alike for every test: without a clock, without files, repeatable in CI."""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("local", deadline=None, database=None, print_blob=True)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
