"""With features in the cache a verb imports and builds only what it needs; refusals come before any work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from syncline.cli.main import VERBS
from syncline.data.synthetic import SyntheticConfig, render_synthetic

NEEDLESS = (
    "torchvision", "timm", "accelerate", "sklearn", "matplotlib", "scipy.stats", "scipy.cluster", "scipy.spatial",
    "scipy.ndimage", "huggingface_hub", "av", "PIL", "rich",
)  # fmt: skip
TELL = f"""
import json, sys
from syncline.cli.main import main
for line in json.loads(sys.argv[1]):
    code = main(line)
    print(json.dumps([code, sorted(name for name in {NEEDLESS} if name in sys.modules)]), file=sys.stderr)
"""
BUILD = """
import sys
from syncline.encoder import FeatureCache
from syncline.data import open_videos
from syncline.encoder.deferred_backbone import frozen_backbone
cache = FeatureCache(None, frozen_backbone("test_resnet", weights=sys.argv[2]))
for video in open_videos(sys.argv[1]):
    cache.features(video)
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, str]]:
    """A folder of videos whose features are in a cache, the weights of the backbone, and the environment."""
    import timm
    from safetensors.torch import save_file

    root = tmp_path_factory.mktemp("needless")
    render_synthetic(root, SyntheticConfig(num_videos=3, seed=3, size=(64, 64), seconds=(3.0, 4.0)))
    weights = root / "weights.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False, num_classes=0).state_dict(), weights)
    environment = os.environ | {"SYNCLINE_CACHE": str(root / "cache")}
    subprocess.run([sys.executable, "-c", BUILD, root / "videos", weights], env=environment, check=True)
    return root / "videos", weights, environment


def run(prepared: tuple[Path, Path, dict[str, str]], *lines: list[str]) -> list[tuple[int, list[str]]]:
    """Of every line, run one after another in a process of their own: exit code, and what is imported by then."""
    _, weights, environment = prepared
    common = ["--backbone", "test_resnet", "--weights", str(weights), "--rate", "7.5"]
    words = json.dumps([[*line, *common] for line in lines])
    done = subprocess.run([sys.executable, "-c", TELL, words], env=environment, capture_output=True, text=True)
    told = [tuple(json.loads(line)) for line in done.stderr.splitlines() if line.startswith("[")]
    assert len(told) == len(lines), done.stderr
    return told


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["align", "search", "sync", "deviate", "transfer"])
def test_what_is_cached_needs_no_network(
    prepared: tuple[Path, Path, dict[str, str]], verb: str, tmp_path: Path
) -> None:
    videos = sorted(prepared[0].rglob("*.mp4"))
    labels = prepared[0].parent / "labels.csv"
    labels.write_text(f"video,fps,events\n{videos[0].name},15,15;30\n", encoding="utf-8")
    words = {
        "align": ["align", str(videos[0]), str(videos[1]), "--force", "--no-films", "--figures", "none"],
        "search": ["search", str(prepared[0]), "--video", videos[0].name, "--time", "1", "--figures", "none"],
        "sync": ["sync", str(prepared[0]), "--no-films", "--figures", "none"],
        "deviate": ["deviate", str(prepared[0]), "--figures", "none"],
        "transfer": ["transfer", str(prepared[0]), "--labels", str(labels)],
    }[verb]
    ((code, imported),) = run(prepared, [*words, "--out", str(tmp_path)])
    assert imported == (["av"] if verb == "transfer" else [])  # which reads when the labelled video shows its frames
    assert code == 0 or (verb == "search" and code == 1)  # random weights may show nothing in common
    assert list(tmp_path.glob("*.json")) or list(tmp_path.glob("*.csv"))
    assert not list(tmp_path.glob("*.png"))


REFUSED = {
    "search": [["--video", "a.mp4"], ["--video", "a.mp4", "--time", "1", "--until", "0"]],
    "align": [["--segments", "0"]],
    "sync": [["--reference", "nobody.mp4"]],
    "deviate": [["--reference", "nobody.mp4"]],
}


@pytest.mark.slow
def test_refusals_come_before_any_work(prepared: tuple[Path, Path, dict[str, str]], tmp_path: Path) -> None:
    out, taken, lines = tmp_path / "out", tmp_path / "taken", []
    taken.write_text("a file")
    videos = sorted(prepared[0].rglob("*.mp4"))
    for verb, refused in REFUSED.items():
        source = [str(videos[0]), str(videos[1])] if verb == "align" else [str(prepared[0])]
        lines += [[verb, *source, *rest, "--out", str(out)] for rest in refused]
        more = ["--video", videos[0].name, "--time", "1"] if verb == "search" else []
        lines.append([verb, *source, *more, "--out", str(taken)])
    for line, told in zip(lines, run(prepared, *lines), strict=True):
        assert told == (1, []), line
    assert list(tmp_path.iterdir()) == [taken]
    assert taken.read_text() == "a file"


@pytest.mark.parametrize("verb", VERBS)
def test_help_imports_nothing_heavy(verb: str) -> None:
    code = (
        "import sys\nfrom syncline.cli.main import main\n"
        f"try:\n    main([{verb!r}, '--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'torch', 'numpy', 'numba', 'av', 'rich', 'yaml', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert "example" in done.stdout
