"""``syncline embed --ray`` from the command line: the rows of one process, and nothing computed twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bars import write_bar_codes

from syncline.cli.main import main
from syncline.data import Sampling
from syncline.encoder import EmbeddingStore, EncoderConfig, FrameEncoder
from syncline.encoder.embedding_store import stored
from syncline.encoder.saving_and_hub import save_encoder


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--ray"], "--run"),
        (["--run", "r", "--workers", "2"], "--ray"),
        (["--run", "r", "--ray", "--workers", "0"], "1 or more"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["embed", str(tmp_path), "--out", str(tmp_path / "out"), *words]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(1800)  # a cluster starts slowly on a busy machine
def test_two_workers_write_what_one_process_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)  # names are given as they are typed, and workers run elsewhere
    Path("videos").mkdir()
    for number in range(3):
        write_bar_codes(Path("videos") / f"{number}.mp4", 30 + number)
    config = EncoderConfig(backbone="test_resnet", weights="none", sampling=Sampling(stride=4))
    save_encoder(FrameEncoder(config).eval(), Path("run"))
    common = ["embed", "videos", "--run", "run", "--cache", "cache", "--out"]
    assert main([*common, "alone"]) == 0
    assert main([*common, "rayed", "--ray", "--workers", "2"]) == 0
    alone, rayed = ({e.source: e for e in EmbeddingStore.read(name)} for name in ("alone", "rayed"))
    assert alone.keys() == rayed.keys()
    for source, expected in alone.items():
        # through the cache the maps are rounded to float16 either way
        np.testing.assert_allclose(rayed[source].vectors, expected.vectors, atol=1e-5)
        np.testing.assert_array_equal(rayed[source].pts_seconds, expected.pts_seconds)
    capsys.readouterr()
    assert main([*common, "rayed", "--ray", "local", "--workers", "2"]) == 0
    assert "3 of 3 videos there already" in capsys.readouterr().out
    assert len(list(stored("rayed"))) == 3
