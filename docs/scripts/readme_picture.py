"""Writes docs/images/alignment.png from a finished demo: ``python docs/scripts/readme_picture.py demo``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]


def main(demo: Path) -> None:
    a, b = (demo / "set" / "videos" / name for name in ("020.mp4", "021.mp4"))
    with tempfile.TemporaryDirectory() as out:
        subprocess.run(["syncline", "align", a, b, "--run", demo / "run", "--out", out, "--no-films"], check=True)
        parts = [Image.open(Path(out) / f"{name}.png").convert("RGB") for name in ("similarity", "filmstrip")]
        height = min(500, *(part.height for part in parts))
        parts = [part.resize((round(part.width * height / part.height), height)) for part in parts]
        sheet = Image.new("RGB", (sum(part.width for part in parts), height), "white")
        sheet.paste(parts[0], (0, 0))
        sheet.paste(parts[1], (parts[0].width, 0))
        sheet.save(ROOT / "docs" / "images" / "alignment.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
