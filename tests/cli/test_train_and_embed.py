"""train, embed, cache and export from the command line: what they do, and one clear line where they cannot."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from bars import write_bar_codes

from syncline.cli.main import main
from syncline.data import Embedding
from syncline.encoder import EmbeddingStore, FrameEncoder
from syncline.tasks import FolderConsensus
from syncline.video import VideoReader, VideoWriter

SMALL = [
    f"--set=encoder.{setting}"
    for setting in (
        "backbone=test_resnet", "weights=none", "grid=1", "hidden=16", "width=16", "heads=2", "feed_forward=32",
        "embedding_dim=8", "sampling.rate_hz=10",
    )
] + ["--set", "views.num_frames=8", "--set", "views.batch_size=2", "--method", "scl", "--steps", "4"]  # fmt: skip

# display matrices in the header of a track
UPRIGHT = bytes.fromhex("00010000 00000000 00000000 00000000 00010000 00000000 00000000 00000000 40000000")
QUARTER_TURN = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000 00000000 00000000 00000000 40000000")


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three clips as phones make them: 24, 30 and 60 frames a second; the second lies on its side."""
    place = tmp_path_factory.mktemp("phone clips")
    for name, rate, height, width in (("a", 24, 64, 96), ("b", 30, 64, 96), ("ä c", 60, 64, 96)):
        with VideoWriter(place / f"{name}.mp4", height=height, width=width, rate=rate) as writer:
            for i in range(rate * 3):
                picture = np.full((height, width, 3), 60, np.uint8)
                picture[:, : 4 + i * (width - 8) // (rate * 3)] = 200
                writer.write(picture, i / rate)
    data = bytearray((place / "b.mp4").read_bytes())
    at = data.index(UPRIGHT, data.index(b"tkhd"))
    data[at : at + 36] = QUARTER_TURN
    (place / "b.mp4").write_bytes(data)
    return place


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def run(phone: Path, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("runs") / "phone"
    assert main(["train", str(phone), "--out", str(place), "--cache", cache, "--minutes", "3", *SMALL]) == 0
    return place


def test_three_phone_clips(
    run: Path, phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = json.loads((run / "run.json").read_text())
    assert VideoReader(phone / "b.mp4").rotation == 90
    assert summary["videos"] == ["a.mp4", "b.mp4", "ä c.mp4"]
    assert summary["step"] == 4
    words = ["embed", str(phone), "--out", str(tmp_path / "out"), "--run", str(run), "--cache", cache]
    assert main(words) == 0
    stored = EmbeddingStore.read(tmp_path / "out")
    assert [len(embedding) for embedding in stored] == [30, 30, 30], "ten a second, whatever the camera's rate"
    assert main(words) == 0
    assert "3 of 3 videos there already" in capsys.readouterr().out


def test_shards_fill_one_folder(run: Path, phone: Path, cache: str, tmp_path: Path) -> None:
    words = ["embed", str(phone), "--out", str(tmp_path), "--run", str(run), "--cache", cache, "--dtype", "float16"]
    assert main([*words, "--shard", "2/2"]) == 0
    assert len(EmbeddingStore.read(tmp_path)) == 1
    assert main([*words, "--shard", "1/2"]) == 0
    assert len(EmbeddingStore.read(tmp_path)) == 3
    assert main([*words, "--shard", "3/2"]) == 1


@pytest.mark.slow
def test_processes_of_torchrun_fill_one_folder(run: Path, phone: Path, cache: str, tmp_path: Path) -> None:
    words = [
        "-m",
        "syncline",
        "--",
        "embed",
        str(phone),
        "--out",
        str(tmp_path / "two"),
        "--run",
        str(run),
        "--cache",
        cache,
    ]
    torchrun = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nproc-per-node",
        "2",
        "--rdzv-endpoint",
        "localhost:0",
    ]
    done = subprocess.run([*torchrun, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert main(["embed", str(phone), "--out", str(tmp_path / "one"), "--run", str(run), "--cache", cache]) == 0
    one, two = ({e.source: e.vectors for e in EmbeddingStore.read(tmp_path / name)} for name in ("one", "two"))
    assert {path.name for path in (tmp_path / "two").glob("manifest-*")} == {
        "manifest-1of2.jsonl",
        "manifest-2of2.jsonl",
    }
    assert one.keys() == two.keys()
    for source, vectors in one.items():
        np.testing.assert_allclose(two[source], vectors, atol=1e-5)


def test_torchrun_is_for_trained_runs(
    phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert main(["embed", str(phone), "--out", str(tmp_path / "out")]) == 1
    assert "torchrun spreads a trained run" in capsys.readouterr().err


def test_a_store_holds_embeddings_of_one_encoder(
    run: Path, phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["embed", str(phone), "--out", str(tmp_path), "--run", str(run), "--cache", cache]
    assert main(words) == 0
    assert main([*words, "--rate", "5"]) == 1
    assert "choose another folder" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluate_with_labels_of_another_tool(run: Path, phone: Path, cache: str, tmp_path: Path) -> None:
    labels, found = tmp_path / "marks.csv", tmp_path / "found.json"
    lines = [f"{path.name},30,30;60" for path in sorted(phone.glob("*.mp4"))]
    labels.write_text("\n".join(["video,fps,events", *lines]) + "\n", encoding="utf-8")
    words = ["evaluate", str(run), str(phone), "--cache", cache, "--no-controls", "--json", str(found)]
    assert main([*words, "--labels", str(labels)]) == 0
    whole = json.loads(found.read_text(encoding="utf-8"))["rows"][0]
    assert "event_nearest_median" in whole, "there are events now"
    assert main(words) == 0
    assert "event_nearest_median" not in json.loads(found.read_text(encoding="utf-8"))["rows"][0]


def test_evaluate_says_before_it_measures_what_cannot_be_written(
    run: Path, phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    for words, said in (
        (["--json", str(tmp_path)], "it is a folder"),
        (["--out", str(tmp_path / "file" / "out")], "cannot be read or written"),
        (["--draws", "0"], "at least 1"),
        (["--labels", str(tmp_path / "none.csv")], "cannot be read as labels"),
    ):
        assert main(["evaluate", str(run), str(phone), "--cache", cache, *words]) == 1
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 1
        assert said in lines[0]


@pytest.mark.slow
def test_evaluate_of_a_run_that_trained_its_backbone(phone: Path, tmp_path: Path) -> None:
    place, found, cache = tmp_path / "run", tmp_path / "found.json", tmp_path / "cache"
    words = [str(phone), "--cache", str(cache)]
    assert main(["train", *words, "--out", str(place), *SMALL, "--set", "encoder.trainable=last"]) == 0
    assert main(["evaluate", str(place), *words, "--json", str(found)]) == 0
    rows = json.loads(found.read_text(encoding="utf-8"))["rows"]
    assert [row["method"] for row in rows] == ["run", "time-only", "untrained", "frozen", "frozen + time"]
    assert len(list(cache.rglob("transform.json"))) == 1, "the backbone before training; after it nobody else wants it"


def test_evaluate_says_why_a_table_is_empty(
    run: Path, phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = tmp_path / "marks.csv"
    lines = [f"{path.name},30,30;60" for path in sorted(phone.glob("*.mp4"))][:1]
    labels.write_text("\n".join(["video,fps,events", *lines]) + "\n", encoding="utf-8")
    words = ["evaluate", str(run), str(phone), "--cache", cache, "--no-controls", "--labels", str(labels)]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "3 videos (no split" in said.err
    assert "spliced: nothing could be measured" in said.out.replace("\n", " ")
    assert f"written: {tmp_path / 'out'}" in said.out


def test_evaluate_refuses_what_it_cannot_compare(
    run: Path, phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, said in (
        ([str(phone / "a.mp4")], "at least 2"),
        ([str(phone), "--recuts", str(tmp_path / "none.csv")], "needs labels"),
        ([str(phone), "--action", "walk"], "have no actions"),
    ):
        assert main(["evaluate", str(run), *words, "--cache", cache]) == 1
        told = capsys.readouterr().err
        assert said in told
        assert len(told.splitlines()) == 1, "refused before anything is said"


def test_an_unknown_option_ends_in_one_line_that_names_its_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "-", "videos", "--colour"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("syncline evaluate: unrecognized arguments: --colour")
    assert said.endswith("; see syncline evaluate --help\n")
    assert said.count("\n") == 1


def test_resume_and_profile(run: Path, phone: Path, cache: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", str(phone), "--out", str(run), "--cache", cache, *SMALL]) == 1
    assert "--resume" in capsys.readouterr().err
    words = ["train", str(phone), "--out", str(run), "--cache", cache, "--resume", "--steps", "6", "--profile"]
    assert main(words) == 0
    shares = json.loads((run / "profile.json").read_text())["shares_of_a_step"]
    assert set(shares) == {"batch", "encoder", "loss", "backward", "optimiser"}
    assert json.loads((run / "run.json").read_text())["step"] == 6


def test_print_config_is_a_config(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--print_config", "--method", "tcc", "--set", "lr=1e-4", "--seed", "3"]) == 0
    text = capsys.readouterr().out
    values = yaml.safe_load(text)
    assert (values["method"], values["lr"], values["seed"]) == ("tcc", 1e-4, 3)
    (tmp_path / "tcc.yaml").write_text(text)
    assert main(["train", "--print_config", "--config", str(tmp_path / "tcc.yaml")]) == 0
    assert capsys.readouterr().out == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "widht=3"], "widht"),
        (["--set", "encoder.widht=3"], "widht"),
        (["--set", "width"], "KEY=VALUE"),
        (["--set", "loss.sigma=1"], "sigma"),
        (["--method", "lca"], "lca"),
        (["--preset", "published"], "published"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
        (["--minutes", "0"], "minutes"),
        (["--root", "somewhere"], "--root"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    words: list[str], said: str, phone: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", str(phone), "--out", str(tmp_path / "run"), *words]) == 1
    printed = capsys.readouterr().err.strip()
    assert said in printed
    assert printed.startswith("syncline: ")
    assert "\n" not in printed
    assert not (tmp_path / "run").exists()


def test_bad_sources_are_one_line_and_leave_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, one, none = (tmp_path / name for name in ("empty", "one", "none"))
    for place in (empty, one, none):
        place.mkdir()
    write_bar_codes(one / "a.mp4", 20)
    whole = (one / "a.mp4").read_bytes()
    (none / "a.mp4").write_bytes(b"no video")
    (none / "b.mp4").write_bytes(whole[: len(whole) // 3])
    lists = {
        "gone.csv": "video,events\ngone.mp4,3",
        "order.csv": "video,events\na.mp4,9;3",
        "beyond.csv": "video,events\na.mp4,3;99",
    }
    for name, text in lists.items():
        (one / name).write_text(text + "\n")
    for source, said in (
        (empty, "holds no video"),
        (one, "at least 2"),
        (none, "2 files, none of which"),
        (tmp_path / "missing", "does not exist"),
        (one / "gone.csv", "gone.mp4"),
        (one / "order.csv", "row 2"),
        (one / "beyond.csv", "row 2"),
    ):
        assert main(["train", str(source), "--out", str(tmp_path / "run")]) == 1, source
        printed = [line for line in capsys.readouterr().err.splitlines() if line.startswith("syncline: ")]
        assert len(printed) == 1
        assert said in printed[0]
        assert not (tmp_path / "run").exists()
    assert main(["embed", str(empty), "--out", str(tmp_path / "out")]) == 1
    assert not (tmp_path / "out").exists()


def test_the_line_itself_may_be_wrong(phone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert main(["train", str(phone)]) == 2
    assert "usage" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["embed", str(phone), "--out", "x", "--dtype", "float8"])


def test_cache_is_listed_and_cleared(run: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import shutil

    copied = shutil.copytree(cache, tmp_path / "copy")
    assert main(["cache", "--cache", str(copied), "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [entry["files"] for entry in listed["entries"]] == [3]
    assert main(["cache", "clear", "--cache", str(copied), "--backbone", "another"]) == 0
    assert main(["cache", "--cache", str(copied)]) == 0
    assert "test_resnet" in capsys.readouterr().out
    assert main(["cache", "clear", "--cache", str(copied)]) == 0
    assert list(copied.iterdir()) == []


def test_export_is_a_repository(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(run), "--out", str(tmp_path / "pour")]) == 0
    assert sorted(p.name for p in (tmp_path / "pour").iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert FrameEncoder.from_pretrained(tmp_path / "pour").config == FrameEncoder.from_pretrained(run).config
    assert main(["export", str(run), "--out", str(tmp_path / "pour")]) == 1
    assert main(["export", str(tmp_path / "nothing"), "--out", str(tmp_path / "new")]) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("verb", ["train", "embed", "cache", "export"])
def test_help_has_an_example_and_needs_nothing_heavy(verb: str) -> None:
    code = (
        "import sys; from syncline.cli.main import main\n"
        f"try: main(['{verb}', '--help'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'numpy', 'av', 'rich', 'yaml') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"syncline {verb}" in done.stdout.split("examples:")[1]
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize("words", ["scan {folder} --quick >&-", "cache --cache {folder} >&-"])
def test_closed_output_is_no_trouble(phone: Path, words: str) -> None:
    line = f'"{sys.executable}" -m syncline ' + words.format(folder=f'"{phone}"')
    done = subprocess.run(line, shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_output_that_lacks_letters_and_output_that_nobody_reads(phone: Path) -> None:
    named = [sys.executable, "-m", "syncline", "cache", "--cache", str(phone / "\u00e4")]
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    done = subprocess.run(named, capture_output=True, text=True, env=buffered | {"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert "?: 0.0 MB" in done.stdout
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-m", "syncline", "cache", "--cache", str(phone)]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, env=buffered)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")


def test_names_are_shown_and_typed_as_they_are(
    phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, place = tmp_path / "takes [last]", tmp_path / "run [b]"
    folder.mkdir()
    for number, film in enumerate(sorted(phone.glob("*.mp4"))):
        (folder / f"{number} [final].mp4").write_bytes(film.read_bytes())
    assert main(["train", str(folder), "--out", str(place), "--cache", cache, *SMALL]) == 0
    assert f"syncline evaluate '{place}' '{folder}'" in capsys.readouterr().out
    assert main(["evaluate", str(place), str(folder), "--cache", cache]) == 0
    out = capsys.readouterr().out
    assert "takes [last], whole" in out
    assert "run [b]" in out
    assert "0 [final].mp4 and 1 [final].mp4" in out


def test_a_run_compares_single_frames_and_frozen_features_are_aligned(
    run: Path,
    phone: Path,
    cache: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import syncline
    import syncline.tasks

    gathered: list[list[Embedding]] = []
    made = syncline.tasks.gather_folder

    def gather(embeddings: list[Embedding], **options: object) -> FolderConsensus:
        gathered.append(embeddings)
        return made(embeddings, **options)  # type: ignore[arg-type]

    for module in ("syncline.tasks", "syncline.tasks.consensus_moments", "syncline.tasks.transfer"):
        monkeypatch.setattr(f"{module}.gather_folder", gather)
    marks, options = tmp_path / "marks.csv", ["--run", str(run), "--cache", cache, "--out", str(tmp_path / "out")]
    marks.write_text("video,event,seconds\na.mp4,half,1.5\n", encoding="utf-8")
    assert main(["transfer", str(phone), "--labels", str(marks), *options]) in (0, 1)
    assert main(["search", str(phone), "--video", "a.mp4", "--time", "1.5", *options]) in (0, 1)
    found = syncline.transfer(phone, {"a.mp4": [1.5]}, run=run, cache=cache)
    syncline.search(phone, "a.mp4", 1.5, run=run, cache=cache)
    by_run = {e.source: e.vectors for e in FrameEncoder.from_pretrained(run).embed(sorted(phone.glob("*.mp4")))}
    assert len(gathered) == 4
    for embeddings in gathered:
        for embedding in embeddings:
            wanted = next(vectors for source, vectors in by_run.items() if source.endswith(Path(embedding.source).name))
            np.testing.assert_allclose(embedding.by_frame, wanted, atol=1e-4)
            assert embedding.vectors.shape != wanted.shape, "frozen features are wider"
    written = json.loads((tmp_path / "out" / "transferred.json").read_text(encoding="utf-8"))
    assert [row["state"] for row in written if row["video"] == "a.mp4"] == ["labelled"]
    told = {Path(one.source).name: one for one in found}
    assert len(told) == len(written) - 1 == 2
    for row in written:
        if row["video"] in told:
            one = told[row["video"]]
            assert row["seconds"] == (None if one.events[0] is None else pytest.approx(one.events[0], abs=1e-3))
            assert row["confidence"] == pytest.approx(one.confidence[0], abs=1e-3), "the command and Python agree"
    assert "frozen features are aligned; single frames are compared by the run and count" in capsys.readouterr().out


def test_align_with_a_run_says_what_frozen_features_say(
    run: Path, phone: Path, cache: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--run", str(run), "--cache", cache, "--out", str(tmp_path), "--no-films", "--figures", "none", "--force"]
    assert main(["align", str(phone / "a.mp4"), str(phone / "b.mp4"), *words]) == 0
    value = json.loads((tmp_path / "alignment.json").read_text(encoding="utf-8"))["frozen"]
    said = f"by frozen features they {'' if value['matches'] else 'do not '}match: score {value['match_score']:.3f}"
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(("least", "frozen"), [(0.0, True), (1.1, False)])
def test_timelines_and_deviations_align_a_run_in_one_scene_only(
    run: Path, phone: Path, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], least: float, frozen: bool,
) -> None:  # fmt: skip
    """Where scenes differ, frozen features are aligned, by the command line and from Python."""
    import syncline
    import syncline.tasks

    gathered: list[list[Embedding]] = []
    made = syncline.tasks.gather_folder

    def gather(embeddings: list[Embedding], **options: object) -> FolderConsensus:
        gathered.append(list(embeddings))
        return made(embeddings, **options)  # type: ignore[arg-type]

    for module in ("syncline.tasks", "syncline.tasks.sync", "syncline.api"):
        monkeypatch.setattr(f"{module}.gather_folder", gather)
    monkeypatch.setattr("syncline.encoder.run_beside_frozen.DIFFERENT_SCENES", least)
    options = ["--run", str(run), "--cache", cache, "--figures", "none", "--out", str(tmp_path / "out")]
    assert main(["sync", str(phone), "--no-films", *options]) == 0
    assert main(["deviate", str(phone), *options]) == 0
    syncline.sync(phone, run=run, cache=cache)
    syncline.deviate(phone, run=run, cache=cache)
    paths = sorted(phone.glob("*.mp4"))
    by_run = [one.vectors for one in FrameEncoder.from_pretrained(run).embed(paths)]
    assert len(gathered) == 4
    for embeddings in gathered:
        for embedding, vectors in zip(embeddings, by_run, strict=True):
            assert (embedding.vectors.shape != vectors.shape) is frozen, "frozen features are wider"
            np.testing.assert_allclose(embedding.by_frame, vectors, atol=1e-4)
    assert capsys.readouterr().err.count("the clips show different scenes: frozen features are aligned") == 2 * frozen


def test_sync_says_which_clips_are_new_to_a_run(
    run: Path, phone: Path, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr("syncline.encoder.run_beside_frozen.DIFFERENT_SCENES", 1.1)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("a", "b"):
        (other / f"{name}.mp4").write_bytes((phone / f"{name}.mp4").read_bytes())
    write_bar_codes(other / "new.mp4", 45)
    words = ["--run", str(run), "--cache", cache, "--no-films", "--figures", "none", "--out", str(tmp_path / "out")]
    for folder, said in ((phone, False), (other, True)):
        main(["sync", str(folder), *words])
        told = "of 3 videos the run was not trained on 1:" in capsys.readouterr().err
        assert told is said
