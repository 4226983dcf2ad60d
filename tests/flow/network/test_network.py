"""Laws of connections across a network that forgets, and to a name that moves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def in_a_network_of_its_own(program: str, *arguments: str) -> Any:
    """Run a program of this folder as root in namespaces of its own; return what it prints."""
    root = [] if os.geteuid() == 0 else ["sudo", "-n", "--preserve-env"]
    apart = ["unshare", "--net", "--mount", sys.executable, "-m", f"tests.flow.network.{program}"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "NO_PROXY": "*"}
    done = subprocess.run(
        [*root, *apart, *arguments],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_nat_that_forgets_idle_connections_fails_no_run() -> None:
    came = in_a_network_of_its_own("forgetful_nat", "2s", "1", "4")
    assert came["count"] == 7
    assert came["failures"] == 0
    assert came["connections"] > 1, "the NAT has forgotten none"


def test_a_name_that_moves_is_followed_within_eleven_minutes_and_at_once_if_the_old_address_refuses() -> None:
    assert in_a_network_of_its_own("moved_name") == [1, 1, 2, 3]
