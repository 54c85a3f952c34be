"""``python -m benchmarks``: every benchmark, one after the other; a line where one cannot run here."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

NOT_ONE = {"__main__", "record"}


def main() -> int:
    names = sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))
    failed = []
    for name in names:
        if name in NOT_ONE:
            continue
        print(f"== benchmarks.{name}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
