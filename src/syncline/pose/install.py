"""``python -m syncline.pose.install``: the pose estimator into a virtual environment of its own.

MediaPipe 0.10.14 wants protobuf below 5, which other packages (onnx) cannot share, and is not made for Python 3.13 yet;
here it can have what it wants. Nothing is changed in the environment that runs syncline.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from syncline.errors import SynclineError
from syncline.pose.estimator import environment_folder, python_of

REQUIREMENT = "mediapipe==0.10.14"
"""The last wheels that carry their models, so that nothing is fetched when it runs."""
NEWEST_PYTHON = (3, 12)


def install(folder: Path, python: str) -> None:
    """Makes the environment anew.

    Raises:
        SynclineError: the Python given is too new, or pip fails.
    """
    said = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True)
    version = tuple(map(int, said.stdout.split()))
    if said.returncode or not (3, 9) <= version <= NEWEST_PYTHON:
        raise SynclineError(f"{python}: MediaPipe needs Python 3.9 to 3.12; give one of these by --python")
    shutil.rmtree(folder, ignore_errors=True)
    for command in (
        [python, "-m", "venv", str(folder)],
        [str(python_of(folder)), "-m", "pip", "install", "--quiet", REQUIREMENT],
    ):
        if subprocess.run(command).returncode:
            raise SynclineError(f"{' '.join(command)} failed; the lines above say why")


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m syncline.pose.install", description=__doc__)
    parser.add_argument("--folder", type=Path, default=environment_folder(), help="where (default: %(default)s)")
    parser.add_argument("--python", default=sys.executable, help="Python 3.9 to 3.12 (default: this one)")
    arguments = parser.parse_args()
    print(f"{REQUIREMENT} goes into {arguments.folder}; that takes some minutes", flush=True)
    try:
        install(arguments.folder, arguments.python)
    except SynclineError as error:
        print(f"syncline: {error}", file=sys.stderr)
        return error.exit_code
    print(f"the pose estimator is in {arguments.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
