"""What the verbs share: options that cannot be met end in one line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from syncline.cli import demo
from syncline.cli.embedding_options import Embedder, add_embedding_options, rate_asked
from syncline.cli.main import main
from syncline.cli.output_files import add_output_options, draw, prepare_folder
from syncline.encoder import EncoderConfig, FrameEncoder
from syncline.errors import SynclineError
from syncline.evaluation.controls import CONTROLS
from syncline.wording import counted


def test_a_picture_is_refused_by_a_run_that_looks_at_several_frames(tmp_path: Path) -> None:
    config = EncoderConfig(backbone="test_resnet", weights="none", width=16, hidden=16, contexts=2)
    with pytest.raises(SynclineError, match="looks at several frames together, a picture is one"):
        Embedder(None, FrameEncoder(config), None).embed_picture(tmp_path / "still.png", [])


@pytest.mark.parametrize("rate", ["0", "-3", "nan", "1e9"])
def test_a_rate_that_is_none_is_refused(tmp_path: Path, rate: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_embedding_options(parser)
    words = ["--rate", rate, "--backbone", "test_resnet", "--weights", "none", "--cache", str(tmp_path)]
    with pytest.raises(SynclineError, match=f"--rate must be auto or a number above 0, at most 1000, got {rate}"):
        Embedder.of(parser.parse_args(words))
    with pytest.raises(SynclineError, match=f"--rate must be a number above 0, at most 1000, got {rate}"):
        rate_asked(rate, auto=False)
    assert main(["embed", str(tmp_path), "--out", str(tmp_path / "out"), "--rate", rate]) == 1
    assert "--rate must be a number above 0" in capsys.readouterr().err


@pytest.mark.parametrize(("form", "first"), [("svg", b"<?xml"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("none", None)])
def test_pictures_come_in_the_form_that_is_asked_for(tmp_path: Path, form: str, first: bytes | None) -> None:
    parser = argparse.ArgumentParser()
    add_output_options(parser, "found")
    (tmp_path / "path.png").write_bytes(b"of an earlier call")
    draw(parser.parse_args(["--out", str(tmp_path), "--figures", form]), "path", Figure)
    assert [file.name for file in tmp_path.iterdir()] == ([] if first is None else [f"path.{form}"])
    if first is not None:
        assert (tmp_path / f"path.{form}").read_bytes().startswith(first)


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(SynclineError, match="is a file; give a folder"):
        prepare_folder(tmp_path / "taken")
    prepare_folder(tmp_path / "new" / "one")
    assert (tmp_path / "new" / "one").is_dir()


def test_numbers_and_their_nouns() -> None:
    assert [counted(n, "labelled video") for n in (0, 1, 2)] == [
        "0 labelled videos", "1 labelled video", "2 labelled videos",
    ]  # fmt: skip


def test_tables_of_the_demo_fit_eighty_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [{"protocol": protocol, "method": name} | dict.fromkeys(demo.SHOWN, 0.12345)
            for protocol in ("whole", "spliced") for name in ("trained", *CONTROLS)]  # fmt: skip
    demo.print_rows(rows)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any("…" in line for line in lines)
    for word in (*CONTROLS, *demo.SHOWN.values()):
        assert all(any(part in line for line in lines) for part in word.split()), word
    known = next(iter(demo.SHOWN))
    demo.print_rows([{"protocol": "spliced", "method": "trained", known: 0.5, **dict.fromkeys(list(demo.SHOWN)[1:])}])
    lines = capsys.readouterr().out.splitlines()
    assert sum("0.500" in line for line in lines) == 1
    assert not any("–" in line for line in lines), "what was not measured has no row"
