"""Audits the pinned runtime packages: a known vulnerability fails, a service out of reach is a loud note.

    python -m tools.audit constraints/runtime.txt

pip-audit alone ends with a traceback where it has no network, and calls a package of which its service
knows nothing, as behind a mirror, free of vulnerabilities. Neither is an audit, and neither is a fault.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

LONGEST: Final = 180
"""Seconds for all packages together."""

_OUT_OF_REACH: Final = ("requests.exceptions.", "Could not connect", "is not redirecting properly")


def audit(constraints: str) -> tuple[int, str]:
    """Audit a file of pinned requirements; return the exit code, and what to tell."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--timeout=5"]
        command += ["--progress-spinner=off", "--format=json", f"--output={report}", "-r", constraints]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST, check=False)
        except subprocess.TimeoutExpired:
            return not_audited(f"the service took longer than {LONGEST} s")
        return verdict(report.read_text("utf-8") if report.exists() else "", ended.stderr)


def verdict(report: str, said: str) -> tuple[int, str]:
    """Judge pip-audit's report in JSON, or, where it made none, what it said on standard error."""
    if not report:
        if any(sign in said for sign in _OUT_OF_REACH):
            return not_audited(said.splitlines()[-1])
        return 1, f"pip-audit failed:\n{said}"
    packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    found = [
        f"{package['name']} {package['version']}: {flaw['id']}, mended in {flaw['fix_versions'] or 'none'}"
        for package in packages
        for flaw in package.get("vulns", ())
    ]
    if found:
        return 1, "\n".join(["known vulnerabilities (make constraints takes newer versions):", *found])
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        return not_audited(f"the service knows nothing of {', '.join(unknown)}")
    return 0, f"{len(packages)} packages, no known vulnerability"


def not_audited(why: str) -> tuple[int, str]:
    """Return the note of an audit that could not be made."""
    rule = "!" * 40
    return 0, f"{rule}\nNOT AUDITED for known vulnerabilities: {why}\n{rule}"


if __name__ == "__main__":
    code, message = audit(sys.argv[1])
    print(message, file=sys.stderr)
    sys.exit(code)
