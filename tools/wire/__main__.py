"""Try the client against a server that errs on the wire at random, and say what it got wrong.

The exit code is 1 if a value was wrong, an outcome was not as declared, or a connection was used again
after an exchange that was not clean. `python -m tools.wire --seconds 300`
"""

from __future__ import annotations

import argparse
import random
import sys

from exporter.nativechat import connections
from tools.wire.trial import Trial


def main() -> int:
    """Run one trial; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--untellable", action="store_true", help="also do what HTTP/1.1 cannot tell apart")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    connections.DOUBT = 0.0  # type: ignore[misc]  # connections are shared also after an unasked answer
    trial = Trial(options.seed, untellable=options.untellable)
    report = trial.run(seconds=options.seconds, tls=options.tls)
    print(report.table())
    for detail in report.details[:20]:
        print(detail, file=sys.stderr)
    return 1 if report.wrong or not report.found else 0


if __name__ == "__main__":
    sys.exit(main())
