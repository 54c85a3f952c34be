"""`transfer --lerobot` and `deviate --lerobot`: results in a copy of the data set, the original as it was."""

from __future__ import annotations

from pathlib import Path

import lerobot_forms
import numpy as np
import pytest
from pyarrow import parquet

from syncline.cli.main import main

LENGTHS = [40, 44, 36]


def columns(root: Path) -> dict[str, list[float]]:
    table = parquet.read_table(root / "data/chunk-000/file-000.parquet").to_pydict()
    return {name: values for name, values in table.items() if name != "action"}


def test_subtasks_progress_and_oddness(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = tmp_path / "robot"
    lerobot_forms.write_v3(root, LENGTHS)
    (tmp_path / "marks.csv").write_text("video,event,seconds\nepisode_000000,grasp,1.3\nepisode_000000,put,2.6\n")
    labels = ["--labels", str(tmp_path / "marks.csv")]
    common = ["--out", str(tmp_path / "out")]
    assert main(["transfer", str(root), *labels, *common, "--lerobot", str(tmp_path / "copy"), "--form", "all"]) == 0
    found = columns(tmp_path / "copy")
    own = np.array(found["episode_index"]) == 0
    assert np.array(found["subtask_index"])[own].tolist() == [0] * 13 + [1] * 13 + [2] * 14
    progress = np.array(found["progress"])
    assert np.nanmin(progress) == 0
    assert np.nanmax(progress) == 1
    assert "subtask_index" not in columns(root)
    assert (tmp_path / "out" / "labels_activitynet.json").is_file()
    assert len(list((tmp_path / "out" / "vtt").glob("*.vtt"))) == 3
    assert main(["deviate", str(root), *common, "--figures", "none", "--lerobot", str(tmp_path / "odd")]) == 0
    assert len(columns(tmp_path / "odd")["deviation"]) == sum(LENGTHS)
    episodes = parquet.read_table(tmp_path / "odd/meta/episodes/chunk-000/file-000.parquet").to_pydict()
    assert min(episodes["oddness"]) == 0
    capsys.readouterr()
    assert main(["deviate", str(root), *common, "--lerobot", str(tmp_path / "odd")]) == 1
    assert "not an empty folder" in capsys.readouterr().err
    assert main(["deviate", str(tmp_path), *common, "--lerobot", str(tmp_path / "new")]) == 1
    assert "--lerobot goes with a LeRobot data set" in capsys.readouterr().err
