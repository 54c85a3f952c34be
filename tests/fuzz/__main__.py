"""`python -m tests.fuzz --count 2000`: damaged copies of every form of data and labels, outcomes by form."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))

from tests.fuzz.labels import fuzz


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=2000, help="cases (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=3600, help="after which a hang is assumed and shown")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    faulthandler.dump_traceback_later(arguments.seconds, exit=True)
    outcomes = fuzz(arguments.count, first_seed=arguments.seed)
    for name, counted in outcomes.items():
        print(f"{name:16} {counted['result']:5} results {counted['error']:5} errors of ours")
    print(f"{sum(sum(counted.values()) for counted in outcomes.values())} cases, nothing else")


if __name__ == "__main__":
    main()
