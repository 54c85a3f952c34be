"""Writes the two pictures of the README from a finished demo: ``python docs/scripts/readme_pictures.py demo``.

``alignment.png`` is the similarity of two videos with the moments that belong together; ``in_step.webp`` is the film in
which B follows A, as a moving picture.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from syncline.video import VideoReader

ROOT = Path(__file__).parents[2]
IMAGES = ROOT / "docs" / "images"
FRAMES_PER_SECOND = 10


def main(demo: Path) -> None:
    a, b = (demo / "set" / "videos" / name for name in ("020.mp4", "021.mp4"))
    with tempfile.TemporaryDirectory() as out:
        command = ["align", a, b, "--run", demo / "run", "--out", out, "--height", "240"]
        subprocess.run([sys.executable, "-m", "syncline", *map(str, command)], check=True)
        sheet(Path(out)).save(IMAGES / "alignment.png", optimize=True)
        moving(Path(out) / "side_by_side.mp4", IMAGES / "in_step.webp")


def sheet(out: Path) -> Image.Image:
    """The similarity matrix and the film strip beside each other."""
    parts = [Image.open(out / f"{name}.png").convert("RGB") for name in ("similarity", "filmstrip")]
    height = min(500, *(part.height for part in parts))
    parts = [part.resize((round(part.width * height / part.height), height)) for part in parts]
    whole = Image.new("RGB", (sum(part.width for part in parts), height), "white")
    whole.paste(parts[0], (0, 0))
    whole.paste(parts[1], (parts[0].width, 0))
    return whole


def moving(film: Path, out: Path) -> None:
    """A film as an animated WebP that begins again at its end."""
    reader = VideoReader(film)
    step = max(1, round(reader.frame_rate / FRAMES_PER_SECOND))
    frames = reader.frames(range(0, reader.num_frames, step))
    pictures = [Image.fromarray(pixels) for pixels in frames.pixels]
    pictures[0].save(
        out, save_all=True, append_images=pictures[1:], duration=1000 // FRAMES_PER_SECOND, loop=0, quality=55, method=4
    )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
