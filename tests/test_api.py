"""The package at a prompt: paths, arrays and embeddings; errors that name it; results that show themselves."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bars import write_bar_codes

import syncline
from syncline import Alignment, Embedding, SynclineError
from syncline.data.notebook_results import MOST_SHOWN, Results
from syncline.encoder import EncoderConfig, FrameEncoder
from syncline.encoder.saving_and_hub import save_encoder
from syncline.tasks import Deviation, Gap, Hit, Report, synchronize


def circle(count: int, speed: float = 1.0) -> np.ndarray:
    t = np.linspace(0, 3, count)
    return np.stack([np.cos(speed * t), np.sin(speed * t)], 1)


def clip(name: str, count: int = 31) -> Embedding:
    return Embedding(circle(count), np.arange(count) / 10, name)


def test_arrays_need_times_or_a_rate() -> None:
    slow, fast = circle(41), circle(21)
    by_rate = syncline.align(slow, fast, rate=10, mode="global")
    by_times = syncline.align(slow, fast, times=(np.arange(41) / 10, np.arange(21) / 10), mode="global")
    assert by_rate == by_times
    assert by_rate.b_at(np.array([2.0]))[0] == pytest.approx(1.0, abs=0.1)
    assert syncline.align(torch.tensor(slow), fast.tolist(), rate=10, mode="global") == by_rate
    with pytest.raises(SynclineError, match=r"^a is an array: give its times="):
        syncline.align(slow, fast)
    with pytest.raises(SynclineError, match=r"^the times of b have shape \(3,\); expected \(21,\)"):
        syncline.align(slow, fast, times=(np.arange(41), np.arange(3)))
    with pytest.raises(SynclineError, match=r"^times holds 1 array for 2 clips"):
        syncline.align(slow, fast, times=(np.arange(41),))


@pytest.mark.parametrize(
    ("a", "says"),
    [
        ("nobody.mp4", r"^a='nobody.mp4' does not exist"),
        (np.zeros(3), r"^a has shape \(3,\); expected an array"),
        (object(), r"^a is of type object; expected a path, an array \(t, d\) or an Embedding"),
        (3, r"^a is of type int; expected a path"),
        (None, r"^a is missing; expected a path"),
    ],
)
def test_errors_name_the_argument(a: object, says: str) -> None:
    with pytest.raises(SynclineError, match=says):
        syncline.align(a, circle(5), rate=10)


@pytest.mark.parametrize(
    ("function", "given", "says"),
    [
        ("align", {"b": None}, r"^b is missing; give the clip to compare with, or a template="),
        ("align", {"b": circle(5), "rate": "x"}, r"^rate must be a number, got 'x'"),
        ("align", {"b": circle(5), "times": np.arange(2)}, r"^times must hold an array of seconds for each clip"),
        ("align", {"b": circle(5), "times": (range(31), range(5)), "rate": 1}, r"^times and rate say the same"),
        ("align", {"b": circle(5), "band": -1}, r"^band must be a number in \[0, 1\], got -1"),
        ("align", {"b": circle(5), "min_gap": -1}, r"^min_gap must be a number of at least 0"),
        ("search", {"video": 0, "time": 99}, r"^time must be a number in \[0, 3\], got 99"),
        ("search", {"video": 0, "time": "x"}, r"^time must be a number in \[0, 3\], got 'x'"),
        ("search", {"video": 0, "time": 1, "until": 0.5}, r"^until must be a number in \[1, 3\]"),
        ("search", {"video": 0, "time": 1, "k": 0}, r"^k must be a number of at least 1"),
        ("search", {"video": circle(5), "time": 1}, r"^video is of type ndarray and shape \(5, 2\); expected the path"),
        ("transfer", {"events": [1.0]}, r"^events is of type list; expected a dict"),
        ("transfer", {"events": {0: 1.0}}, r"^events\[0\] is of type float; expected a list of seconds"),
        ("transfer", {"events": {0: ["a"]}}, r"^events\[0\]\[0\] must be a number, got 'a'"),
        ("transfer", {"events": {0: [1.0]}, "absent_below": 2}, r"^absent_below must be a number in \[0, 1\]"),
        ("deviate", {"min_seconds": -1}, r"^min_seconds must be a number of at least 0"),
        ("deviate", {"videos": [circle(5)], "rate": 1}, r"^videos holds one clip; deviating needs two"),
        ("embed", {"videos": []}, r"^videos is empty; expected a folder"),
        ("embed", {"videos": __file__, "run": 3}, r"^run is of type int; expected the folder of a run"),
        ("embed", {"videos": __file__, "cache": __file__}, r"^cache='.*test_api.py' is a file; expected a folder"),
        ("embed", {"videos": __file__, "rate": 0}, r"^rate must be above 0, got 0"),
        ("features", {"kind": "feelings"}, r"^kind must be one of pictures, pose"),
        ("features", {"kind": "keypoints"}, r"^keypoints is missing; give the folder"),
        ("features", {"videos": __file__}, r"^videos: "),
        ("align", {"a": __file__, "b": Path(__file__)}, r"^a and b are the same file, .*test_api.py; give two"),
        ("align", {"a": __file__, "b": Path(__file__).parent}, r"^b='.*tests' is a folder; give the path of a video"),
        ("align", {"b": circle(5), "rate": 9, "mode": "x"}, r"^mode must be one of local, .*; got 'x'"),
    ],
)
def test_every_function_names_the_argument(function: str, given: dict[str, Any], says: str) -> None:
    first = {"a": clip("one")} if function == "align" else {"videos": [clip("one"), clip("two", 41)]}
    with pytest.raises(SynclineError, match=says):
        getattr(syncline, function)(**(first | given))


def test_features_and_embed_take_arrays_and_one_clip() -> None:
    for function in (syncline.features, syncline.embed):
        one, two = function([circle(31), clip("two")], rate=10)
        assert one == Embedding(circle(31), np.arange(31) / 10, "videos[0]")
        assert two == clip("two")
        assert function(circle(31), times=np.arange(31)) == [Embedding(circle(31), np.arange(31), "videos")]
        assert function(clip("two")) == [clip("two")]
        with pytest.raises(SynclineError, match=r"^videos is an array: give its times= "):
            function(circle(31))


@pytest.mark.slow
def test_an_encoder_tells_how_far_it_is(tmp_path: Path) -> None:
    films = [tmp_path / f"{name}.mp4" for name in "ab"]
    for film in films:
        write_bar_codes(film, 10)
    torch.manual_seed(0)
    encoder = FrameEncoder(EncoderConfig(backbone="test_resnet", weights="none", width=16, hidden=16)).eval()
    told: list[tuple[str, int]] = []
    encoder.embed(films, callback=lambda progress: told.append((progress.phase, progress.done)))
    assert told == [("embedding", 0), ("embedding", 1), ("embedding", 2)]


def test_a_list_is_a_folder() -> None:
    clips = [clip("one", 31), clip("two", 41), clip("three", 36)]
    timeline = syncline.sync(clips, method="star", reference="two")
    assert timeline == synchronize(clips, method="star", reference="two")
    hits = syncline.search(clips, "one", 1.5, k=2)
    assert [hit.source for hit in hits if hit.source == "one"] == []
    assert "one" in [hit.source for hit in syncline.search(clips, 0, 1.5, k=3, own=True)]
    assert len(syncline.search(clips, "one", 1.5, k=9)) == 2, "one hit a video"
    assert syncline.search(clips, "one", 1.5, consensus=False)[0].score > 0.9
    with pytest.raises(SynclineError, match="own=True"):
        syncline.search(clips[:1], 0, 1.5)
    (two, three) = syncline.transfer(clips, {"one": [0.5, 2.5]})
    assert two.events[0] is not None
    assert three.source == "three"
    assert {report.source for report in syncline.deviate(clips, reference=0)} == {"two", "three"}
    with pytest.raises(SynclineError, match=r"^video='four' names none of 3 clips \(one, two, three\)"):
        syncline.search(clips, "four", 1)
    with pytest.raises(SynclineError, match=r"^events=7: of 3 clips, numbered from 0"):
        syncline.transfer(clips, {7: [1.0]})
    with pytest.raises(SynclineError, match=r"^videos='nowhere' does not exist"):
        syncline.sync("nowhere")
    with pytest.raises(
        SynclineError, match=r"^videos is of type ndarray and shape \(5, 2\), one clip; expected a folder"
    ):
        syncline.sync(circle(5), rate=10)


@pytest.mark.slow
def test_a_template_of_a_run_serves_wherever_the_run_comes_from(tmp_path: Path) -> None:
    for name in "abc":
        write_bar_codes(tmp_path / f"{name}.mp4", 40)
    torch.manual_seed(0)
    config = EncoderConfig(backbone="test_resnet", weights="none", width=16, hidden=16)
    encoder, run = FrameEncoder(config).eval(), tmp_path / "run"
    save_encoder(encoder, run)
    films, more = [tmp_path / f"{name}.mp4" for name in "ab"], {"rate": 5.0, "cache": tmp_path / "cache"}
    for made_by, used_by in ((run, encoder), (encoder, run)):
        template = syncline.make_template(films, {0: [1.0]}, run=made_by, **more)
        found = syncline.transfer([tmp_path / "c.mp4"], template=template, run=used_by, cache=more["cache"])
        assert len(found) == 1
    other = FrameEncoder(config).eval()
    with pytest.raises(SynclineError, match="made with another run"):
        syncline.transfer([tmp_path / "c.mp4"], template=template, run=other, cache=more["cache"])


@pytest.mark.slow
def test_paths_are_embedded_by_a_run_and_shown_in_step(tmp_path: Path) -> None:
    for name in "ab":
        write_bar_codes(tmp_path / f"{name}.mp4", 40)
    torch.manual_seed(0)
    config = EncoderConfig(backbone="test_resnet", weights="none", width=16, hidden=16)
    encoder = FrameEncoder(config).eval()
    told: list[tuple[str, int]] = []
    found = syncline.align(
        tmp_path / "a.mp4", str(tmp_path / "b.mp4"), run=encoder, rate=5.0, cache=tmp_path / "cache", mode="global",
        callback=lambda progress: told.append((progress.phase, progress.done)),
    )  # fmt: skip
    assert told == [("embedding", 0), ("embedding", 1), ("embedding", 2)]
    assert isinstance(found, Alignment)
    assert "a.mp4 and b.mp4" in repr(found)
    film = '<video controls loop style="max-width: 100%" src="data:video/mp4;base64,'
    assert film in found._repr_html_()
    timeline = syncline.sync([tmp_path / "a.mp4", tmp_path / "b.mp4"], run=encoder, rate=5.0, cache=tmp_path / "cache")
    assert re.match("<p>Timeline\\(2 videos.*" + film, timeline._repr_html_())
    hits = syncline.search(
        [tmp_path / "a.mp4", tmp_path / "b.mp4"], 0, 1.0, run=encoder, rate=5.0, cache=tmp_path / "cache"
    )
    assert len(hits[0].plot().axes[0].images) == 1, "the picture of the moment"
    assert hits._repr_html_().count("<img") == len(hits)
    (one,) = encoder.embed(str(tmp_path / "a.mp4"))
    assert one.source == str(tmp_path / "a.mp4"), "one string is one path"


def test_an_embedding_shows_itself() -> None:
    one = clip("a.mp4")
    assert repr(one) == "Embedding('a.mp4', 31 frames of 2 numbers, 0.00 to 3.00 s)"
    assert one == clip("a.mp4")
    assert one != clip("b.mp4")
    assert len({one, clip("a.mp4")}) == 1
    part = one[1.0:2.0]
    assert part.pts_seconds.tolist() == pytest.approx(np.arange(10, 20) / 10)
    assert np.asarray(part).shape == (10, 2)
    assert len(list(one)) == 31
    assert len(one[5.0:]) == 0
    beside = one.beside(Embedding(np.ones((31, 5), np.float32), one.pts_seconds, "aligned"))
    assert beside.vectors.shape[1] == 5
    assert np.array_equal(beside.by_frame, one.vectors)
    assert beside[1.0:2.0].by_frame.shape == (10, 2)
    assert beside.source == one.source
    assert beside == one.beside(Embedding(np.ones((31, 5), np.float32), one.pts_seconds, "aligned")) != one
    with pytest.raises(SynclineError, match="not of the same frames"):
        one.beside(one[0.0:2.0])
    with pytest.raises(SynclineError, match="frame_vectors"):
        Embedding(one.vectors, one.pts_seconds, "a", np.ones((3, 5), np.float32))
    with pytest.raises(TypeError, match="sliced by seconds"):
        one[3]  # type: ignore[index]
    with pytest.raises(TypeError, match=r"sliced by seconds.*got 'a'"):
        one["a":]  # type: ignore[misc]
    assert repr(clip("clips/of/a.mp4")).startswith("Embedding('a.mp4', "), "short: the file's name alone"
    assert len(one.plot().axes) == 2


def test_results_show_themselves_and_become_tables() -> None:
    pandas = pytest.importorskip("pandas")
    found = syncline.align(circle(31), circle(31), rate=10)
    assert repr(found).startswith("Alignment(a and b, local: match, ")
    assert re.match(r'<p>Alignment\(.*</p><img alt="" src="data:image/png;base64', found._repr_html_())
    table = found.to_dataframe()
    assert isinstance(table, pandas.DataFrame)
    assert list(table) == ["time_a", "time_b", "confidence"]
    np.testing.assert_array_equal(np.asarray(found), table[["time_a", "time_b"]].to_numpy())
    assert len(found.plot().axes) == 2
    timeline = syncline.sync([clip("one"), clip("two", 41)])
    assert repr(timeline).startswith("Timeline(2 videos on ")
    assert list(timeline.to_dataframe()) == ["one", "two"]
    assert clip("one").to_dataframe().index.name == "seconds"
    report = syncline.deviate([clip("one"), clip("two", 41)], reference=0)[0]
    assert list(report.to_dataframe()) == ["kind", "start", "end", "score", "shown_at"]
    assert len(report.to_dataframe()) == len(report.deviations)


def test_an_alignment_is_sliced_by_seconds_of_a() -> None:
    found = syncline.align(circle(31), circle(31), rate=10, mode="global")
    part = found[1.0:2.0]
    assert part.times[:, 0].min() >= 1.0
    assert part.times[:, 0].max() < 2.0
    assert part.segments[0].first == 0
    assert part.segments[-1].last == len(part.path) - 1
    inner = np.linspace(1.2, 1.8, 7)
    np.testing.assert_allclose(part.b_at(inner), found.b_at(inner))
    assert np.isnan(part.b_at(np.array([0.5, 2.5]))).all()
    assert found[:] == found
    assert len(found[8.0:].segments) == 0
    with pytest.raises(TypeError, match="sliced by seconds of A"):
        found[1]  # type: ignore[index]
    gappy = replace(found, gaps=(Gap("a", 0.5, 1.5), Gap("b", 0.0, 0.5)))
    assert gappy[1.0:2.0].gaps == (Gap("a", 1.0, 1.5),)


def test_lists_of_results_become_one_table_and_show_themselves() -> None:
    pytest.importorskip("pandas")
    clips = syncline.embed([circle(31), circle(41), circle(36)], rate=10)
    hits = syncline.search(clips, 0, 1.5)
    table = hits.to_dataframe()
    assert list(table) == ["source", "seconds", "score", "similarity"]
    assert table["source"].tolist() == [hit.source for hit in hits]
    assert hits == list(hits)
    carried = syncline.transfer(clips, {0: [1.0, None]})
    table = carried.to_dataframe()
    assert list(table) == ["source", "event", "seconds", "confidence"]
    assert len(table) == 4
    assert np.asarray(carried[0]).shape == (2,)
    assert np.isnan(np.asarray(carried[0])[1])
    reports = syncline.deviate(clips)
    assert next(iter(reports.to_dataframe())) == "source"
    for shown in (hits, carried, reports):
        assert shown._repr_html_().count('<img alt="" src="data:image/png') == len(shown)
    many = Results([hits[0]] * (MOST_SHOWN + 2))
    assert many._repr_html_().count("<img") == MOST_SHOWN
    assert "and 2 more" in many._repr_html_()
    nothing = Hit("a", 1.0, 0.5)
    assert nothing == Hit("a", 1.0, 0.5, float("nan"))
    assert nothing != Hit("a", 1.0, 0.6)


def test_results_are_short_and_can_be_compared() -> None:
    clips = syncline.embed([circle(31), circle(41), circle(36)], rate=10)
    assert [clip.source for clip in clips] == ["videos[0]", "videos[1]", "videos[2]"]
    timeline = syncline.sync(clips)
    part = timeline[1.0:2.0]
    assert part.seconds.min() >= 1.0
    assert part.seconds.max() < 2.0
    assert part.positions.shape == (3, len(part.seconds))
    assert len(timeline.plot().axes[0].lines) == 3
    with pytest.raises(TypeError, match="sliced by seconds"):
        timeline[1]  # type: ignore[index]
    carried = syncline.transfer(clips, {0: [1.0, None]})
    assert carried == syncline.transfer(clips, {0: [1.0, None]})
    assert len(set(carried)) == 2
    assert re.fullmatch(r"Transferred\('videos\[1\]': \d\.\d\d s \(\d+%\), absent \(\d+%\)\)", repr(carried[0]))
    assert len(carried[0].plot().axes[0].texts) == 1, "one is there, one absent"
    odd = (Deviation("missing", 1.0, 1.5, 0.5, 1.0), Deviation("out_of_order", 2.0, 2.5, 0.4, 2.0))
    report = Report("a.mp4", odd, 0.9, 3.0, 0.5)
    assert "missing 1.00–1.50 s of the reference, out of order 2.00–2.50 s)" in repr(report)
    axes = report.plot().axes[0]
    assert [text.get_text() for text in axes.texts] == ["missing", "out of order"]
    assert [(bar.get_x(), bar.get_width()) for bar in axes.patches] == [(0.0, 3.0), (2.0, 0.5)]
    with pytest.raises(SynclineError, match="per_video must be a number of at least 1, got 0"):
        syncline.search(clips, 0, 1.0, per_video=0)
    template = syncline.make_template(clips, {0: [1.0]}, event_names=["top"])
    assert re.fullmatch(r"Template\(3 videos, reference 'videos\[\d\]', events top\)", repr(template))
    for shown in (*carried, *syncline.search(clips, 0, 1.0), *syncline.deviate(clips), timeline):
        assert len(repr(shown)) < 120
        assert "array(" not in repr(shown)


def test_without_pandas_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(SynclineError, match="pip install pandas"):
        clip("a").to_dataframe()


def test_rooms_resolve() -> None:
    assert syncline.tasks.synchronize is synchronize
    assert "tasks" in dir(syncline)


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    path = Path(__file__).parents[1] / "examples" / "first_hour.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "kept without outputs"
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert "Alignment(" in shown
    assert "data:video/mp4" in shown
