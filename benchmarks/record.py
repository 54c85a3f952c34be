"""What every benchmark writes: one JSON line a measurement, with what the number depends on.

Lines are added to ``results/NAME.jsonl``. Older ones may be compressed: ``xz -9`` makes ``results/NAME.jsonl.xz``,
which `rows` reads first.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from syncline.files import read_jsonl

RESULTS = Path(__file__).parent / "results"


def surroundings(*packages: str) -> dict[str, Any]:
    """Machine, versions, commit, and the load when the measurement began."""
    versions: dict[str, str | None] = {}
    for package in ("torch", "numpy", "av", *packages):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = None
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "python": platform.python_version(),
        "commit": commit.stdout.strip(),
        "versions": versions,
    }


def append(name: str, row: dict[str, Any]) -> None:
    """Adds a line to ``results/<name>.jsonl`` and prints it."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / f"{name}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(json.dumps({key: value for key, value in row.items() if key not in ("versions", "machine", "when")}))


def rows(name: str) -> list[dict[str, Any]]:
    """The lines of ``results/<name>.jsonl.xz``, then those of ``results/<name>.jsonl``, as far as they are there."""
    return read_jsonl(RESULTS / f"{name}.jsonl", strict=True)


def peak_bytes() -> int:
    """Largest resident size of this process so far."""
    status = Path("/proc/self/status")
    if status.is_file():  # `getrusage` counts what the parent had before this process was started from it
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return 1024 * int(line.split()[1])
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
