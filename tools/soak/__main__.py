"""A compressed week: a real daemon under random faults, reloads and clock steps, watched by an oracle.

Every count that the server gives is a number of its own, given only once. So for each value on /metrics
the oracle knows which bot and predicate it was given for, if any, and when; a number from a faulty answer
must never be seen at all. The faults are those of `tools.wire`: connections stay open, and out of step.
Run with `make soak`, or `python -m tools.soak --seconds 300`.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from tools.soak.driver import QUERIES, Driver, Setup
from tools.soak.oracle import NOBODY_S, OTHER_S


def main() -> int:
    """Soak for a while; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--reloads", type=int, default=0, help="only reload so many times, instead")
    options = parser.parse_args()
    print(f"seed                {options.seed:>10}", flush=True)
    driver = Driver(options.seed)
    soak_for(driver, 15.0)
    threads, files, rss = driver.calm()
    if options.reloads:
        for _ in range(options.reloads):
            driver.reload(Setup({f"q{n}": driver.random.randrange(10_000) for n in range(QUERIES)}))
            driver.scrape()
    else:
        soak_for(driver, options.seconds)
    threads_after, files_after, rss_after = driver.calm()
    driver.end()
    toll = driver.toll
    grown = 100.0 * (rss_after - rss) / rss
    print(f"answers given       {driver.api.answers:>10,}")
    print(f"scrapes             {toll.scrapes:>10,}")
    print(f"values compared     {toll.compared:>10,}")
    print(f"wrong values        {len(toll.wrong):>10,}")
    print(f"other predicates'   {sum(OTHER_S in wrong for wrong in toll.wrong):>10,}")
    print(f"nobody's            {sum(NOBODY_S in wrong for wrong in toll.wrong):>10,}")
    print(f"reloads, refused    {toll.reloads:>10,}  {toll.refused:,}")
    print(f"clock steps         {toll.steps:>10,}")
    print(f"threads             {threads:>10,}  {threads_after:,}")
    print(f"descriptors         {files:>10,}  {files_after:,}")
    print(f"RSS in kB           {rss:>10,}  {rss_after:,}  ({grown:+.1f} %)")
    for wrong in toll.wrong[:20]:
        print(wrong, file=sys.stderr)
    leaked = threads_after > threads or files_after > files or grown >= 5.0
    return 1 if toll.wrong or leaked else 0


def soak_for(driver: Driver, seconds: float) -> None:
    """Scrape and make mischief for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        driver.scrape()
        driver.mischief()
        time.sleep(0.2)


if __name__ == "__main__":
    sys.exit(main())
