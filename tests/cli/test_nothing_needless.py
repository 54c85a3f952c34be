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
    "scipy.ndimage", "huggingface_hub",
)  # fmt: skip
TELL = f"""
import json, sys
from syncline.cli.main import main
code = main(sys.argv[1:])
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
    render_synthetic(root / "videos", SyntheticConfig(num_videos=3, seed=3, size=(64, 64), seconds=(3.0, 4.0)))
    weights = root / "weights.safetensors"
    save_file(timm.create_model("test_resnet", pretrained=False, num_classes=0).state_dict(), weights)
    environment = os.environ | {"SYNCLINE_CACHE": str(root / "cache")}
    subprocess.run([sys.executable, "-c", BUILD, root / "videos", weights], env=environment, check=True)
    return root / "videos", weights, environment


def run(prepared: tuple[Path, Path, dict[str, str]], words: list[str], out: Path) -> tuple[int, list[str]]:
    _, weights, environment = prepared
    line = [*words, "--out", str(out), "--backbone", "test_resnet", "--weights", str(weights), "--rate", "7.5"]
    done = subprocess.run([sys.executable, "-c", TELL, *line], env=environment, capture_output=True, text=True)
    assert done.stderr.strip(), done.stdout
    code, imported = json.loads(done.stderr.strip().splitlines()[-1])
    return code, imported


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
    code, imported = run(prepared, words, tmp_path)
    assert imported == []
    assert code == 0 or (verb == "search" and code == 1)  # random weights may show nothing in common
    assert list(tmp_path.glob("*.json")) or list(tmp_path.glob("*.csv"))
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["search", "--video", "a.mp4"],
        ["search", "--video", "a.mp4", "--time", "1", "--until", "0"],
        ["align", "--segments", "0"],
        ["sync", "--reference", "nobody.mp4"],
        ["deviate", "--reference", "nobody.mp4"],
    ],
)
def test_refusals_come_before_any_work(
    prepared: tuple[Path, Path, dict[str, str]], words: list[str], tmp_path: Path
) -> None:
    verb, *rest = words
    videos = sorted(prepared[0].rglob("*.mp4"))
    source = [str(videos[0]), str(videos[1])] if verb == "align" else [str(prepared[0])]
    code, imported = run(prepared, [verb, *source, *rest], tmp_path)
    assert (code, imported) == (1, [])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["align", "search", "sync", "deviate"])
def test_an_out_that_cannot_be_used_is_refused_before_any_work(
    prepared: tuple[Path, Path, dict[str, str]], verb: str, tmp_path: Path
) -> None:
    videos = sorted(prepared[0].rglob("*.mp4"))
    (tmp_path / "taken").write_text("a file")
    source = [str(videos[0]), str(videos[1])] if verb == "align" else [str(prepared[0])]
    more = ["--video", videos[0].name, "--time", "1"] if verb == "search" else []
    assert run(prepared, [verb, *source, *more], tmp_path / "taken") == (1, [])
    assert (tmp_path / "taken").read_text() == "a file"


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
