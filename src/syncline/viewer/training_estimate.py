"""How long training of a folder would take, as JSON on stdout: `python -m syncline.viewer.training_estimate`.

It prepares training as `syncline train` does, in a process of its own, stops once the plan is known, and keeps nothing.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from syncline.training import plan_of, training_videos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--cache")
    arguments = parser.parse_args()
    plan = plan_of(training_videos(arguments.source), cache=arguments.cache)
    print(json.dumps(asdict(plan) | {"seconds": plan.seconds}))


if __name__ == "__main__":
    main()
