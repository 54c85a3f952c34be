"""How long training of a folder would take, as JSON on stdout; nothing is kept: `python -m syncline.viewer.estimate`.

It prepares training as `syncline train` does, in a process of its own, and stops where the plan is known.
"""

from __future__ import annotations

import argparse
import contextlib
import json
from dataclasses import asdict

from syncline.training import fit, training_videos
from syncline.training.planning import Plan
from syncline.training.progress import Progress


class _Known(Exception):
    """The plan is there."""


def estimate(source: str, cache: str | None = None) -> Plan:
    """The plan of `syncline train SOURCE` without a limit of time.

    Raises:
        SynclineError: as training.
    """
    found: list[Plan] = []

    def tell(progress: Progress) -> None:
        if progress.plan is not None:
            found.append(progress.plan)
            raise _Known

    with contextlib.suppress(_Known):
        fit(training_videos(source), cache=cache, callback=tell)
    return found[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--cache")
    arguments = parser.parse_args()
    plan = estimate(arguments.source, arguments.cache)
    print(json.dumps(asdict(plan) | {"seconds": plan.seconds}))


if __name__ == "__main__":
    main()
