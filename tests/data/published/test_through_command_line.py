"""`syncline train`, `evaluate` and `bench` on tiny sets in Pouring's and PennAction's forms."""

from __future__ import annotations

import json
from pathlib import Path

import data_forms as forms
import lerobot_forms
import pytest
from data_forms import Item, phases

from syncline.cli.main import main
from syncline.encoder import EmbeddingStore
from syncline.experiments import read_bench
from syncline.experiments.run_bench import read_lines

SMALL = ["--steps", "2", "--set", "encoder.backbone=test_resnet", "--set", "encoder.weights=none"]
SMALL += ["--set", "encoder.width=16", "--set", "encoder.hidden=16", "--set", "views.num_frames=8"]
ACTIONS = {"squat": (10, 4), "bowl": (3, 3)}


@pytest.fixture(scope="module")
def pouring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pouring")
    for split, count in (("train", 3), ("val", 2)):
        items = [Item(f"{split} {n}", phases(40 + n, 5), first=100 * n) for n in range(count)]
        forms.write_pickle(root / f"{split}.pkl", items)
        for item in items:
            forms.write_video(root, item)
    return root


@pytest.fixture(scope="module")
def penn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw PennAction with labels: three training and two validation sequences of each of two actions."""
    root = tmp_path_factory.mktemp("penn")
    number = 0
    for action, (_, count) in ACTIONS.items():
        for split, videos in (("train", 3), ("val", 2)):
            for _ in range(videos):
                number += 1
                item = Item(f"{number:04d}", phases(40 + number, count), first=number)
                forms.write_mat(root / "labels" / f"{item.name}.mat", action, split == "train", len(item.labels))
                forms.write_frames(root / "frames" / item.name, item)
                forms.write_npy(root / "penn_action_labels" / split / action / f"{item.name}.npy", item.labels)
    return root


@pytest.mark.slow
def test_train_pouring(pouring: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", "pouring", "--root", str(pouring), "--out", str(run), *SMALL]) == 0
    assert (run / "model.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("action", "videos"), [("squats", 3), ("all", 6)])
def test_train_penn_action(penn: Path, tmp_path: Path, action: str, videos: int) -> None:
    run = tmp_path / "run"
    words = ["train", "penn_action", "--root", str(penn), "--action", action, "--out", str(run), *SMALL]
    assert main(words) == 0
    names = json.loads((run / "run.json").read_text())["videos"]
    assert len(names) == videos
    assert {name.split("_")[1] for name in names} == ({"squat"} if action == "squats" else set(ACTIONS))


@pytest.mark.slow
def test_a_joint_model_is_measured_action_by_action(penn: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert main(["train", "penn_action", "--root", str(penn), "--out", str(run), *SMALL]) == 0
    found, out = tmp_path / "found.json", tmp_path / "tables"
    words = ["evaluate", str(run), "penn_action", "--root", str(penn), "--no-controls", "--json", str(found)]
    assert main([*words, "--out", str(out)]) == 0
    rows = json.loads(found.read_text())["rows"]
    results = {row["set"]: row for row in rows if row["protocol"] == "whole"}
    assert set(results) == set(ACTIONS)
    assert "mean of 2 sets, whole" in (out / "tables.md").read_text(encoding="utf-8")
    for row in results.values():
        assert 0 <= row["class100"] <= 1
        assert 0 <= row["ap5"] <= 1
        assert -1 <= row["tau"] <= 1


@pytest.mark.slow
def test_what_cannot_be_trained_on_is_one_line(
    pouring: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        (["train", "pouring"], "folder of the data set pouring"),
        (["train", "pouring", "--root", str(tmp_path)], "no form that is known"),
        (["train", "pouring", "--root", str(pouring), "--action", "dance"], "no action 'dance'"),
    ):
        assert main([*words, "--out", str(tmp_path / "run"), *SMALL]) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert said in lines[0]


@pytest.mark.slow
def test_train_on_one_camera_of_a_lerobot_set(tmp_path: Path) -> None:
    lerobot_forms.write_v3(tmp_path / "robot", (20, 24, 22))
    run = tmp_path / "run"
    words = ["train", str(tmp_path / "robot"), "--camera", "wrist", "--out", str(run), *SMALL]
    assert main(words) == 0
    assert json.loads((run / "run.json").read_text())["videos"] == ["episode_000000", "episode_000001"]
    of_camera = [str(tmp_path / "robot"), "--camera", "wrist"]
    assert main(["evaluate", str(run), *of_camera, "--no-controls", "--json", str(tmp_path / "found.json")]) == 0
    assert main(["embed", *of_camera, "--run", str(run), "--out", str(tmp_path / "embedded")]) == 0
    assert len(EmbeddingStore.read(tmp_path / "embedded")) == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pouring", "penn_action"])
def test_evaluate_by_name(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> None:
    root = str(request.getfixturevalue("pouring" if name == "pouring" else "penn"))
    run, found = tmp_path / "run", tmp_path / "found.json"
    where = [name, "--root", root, *([] if name == "pouring" else ["--action", "squat"])]
    assert main(["train", *where, "--out", str(run), *SMALL]) == 0
    assert main(["evaluate", str(run), *where, "--no-controls", "--json", str(found)]) == 0
    rows = json.loads(found.read_text())["rows"]
    whole = next(row for row in rows if row["protocol"] == "whole")
    assert whole["set"] == ("pouring" if name == "pouring" else "squat")
    assert 0 <= whole["class100"] <= 1
    assert -1 <= whole["tau"] <= 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_the_small_tables_run(pouring: Path, penn: Path, tmp_path: Path, number: int) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (root / "pouring").symlink_to(pouring)
    (root / "penn_action").symlink_to(penn)
    words = ["bench", f"small_table{number}", "--root", str(root), "--out", str(tmp_path), "--seeds", "0", *SMALL]
    assert main([*words, "--set", "views.batch_size=2", "--set", "encoder.embedding_dim=8"]) == 0
    lines = read_lines(tmp_path / f"small_table{number}" / "runs.jsonl")
    done = {(line["set"], line["label"]) for line in lines}
    methods = {*read_bench(f"small_table{number}").methods, "controls"}
    assert done == {(name, label) for name in (ACTIONS if number == 2 else ("pouring",)) for label in methods}
    for line in lines:
        assert all(0 <= row["class100"] <= 1 for row in line["rows"])
    text = (tmp_path / f"small_table{number}" / "tables.tex").read_text(encoding="utf-8")
    assert ("mean of 2 sets, whole" in text) == (number == 2)
