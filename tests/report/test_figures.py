"""Figures hold what they were given: read back from their artists, never only "it did not fail"."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.stats import binomtest

from syncline.data import Embedding
from syncline.report import write_page
from syncline.report.figures import (
    deviation_figure,
    filmstrip,
    loss_curve,
    progress_curves,
    reliability_figure,
    retrieval_grid,
    similarity_figure,
    tempo_curve,
    timeline_figure,
    trajectories,
)
from syncline.report.html_page import write_figure
from syncline.report.joint_figures import angle_figure
from syncline.tasks import Alignment, Deviation, Report, Timeline, align


def walk(progress: NDArray[np.float64], source: str, rate: float = 10.0) -> Embedding:
    """A smooth curve in eight dimensions that never comes back to where it was."""
    angles = progress[:, None] * np.arange(1, 5) * 2.0
    vectors = np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    return Embedding(vectors, np.arange(len(progress)) / rate, source)


@pytest.fixture
def pair() -> tuple[Embedding, Embedding, Alignment]:
    a, b = walk(np.linspace(0, 1, 80), "a.mp4"), walk(np.linspace(0.25, 1, 60) ** 1.0, "dir/b.mp4")
    return a, b, align(a, b)


def picture(value: int) -> NDArray[np.uint8]:
    return np.full((24, 32, 3), value, dtype=np.uint8)


def test_similarity_figure_draws_path_gaps_and_events(pair: tuple[Embedding, Embedding, Alignment]) -> None:
    a, b, alignment = pair
    figure = similarity_figure(a, b, alignment, events_a=[3.0, None], events_b=[1.0, 2.0], event_names=["lift", "put"])
    axes = figure.axes[0]
    assert axes.get_xlabel() == "A: a.mp4 (s)"
    assert axes.get_ylabel() == "B: b.mp4 (s)"
    drawn = [c for c in axes.collections if isinstance(c, LineCollection)]
    points = np.concatenate([segment[:1] for segment in drawn[0].get_segments()])
    np.testing.assert_allclose(points, alignment.times[:-1])
    rings = [line for line in axes.lines if line.get_marker() == "o"]
    assert [(ring.get_xdata()[0], ring.get_ydata()[0], ring.get_label()) for ring in rings] == [(3.0, 1.0, "lift")]  # type: ignore[index]
    spans = [patch for patch in axes.patches if patch.get_window_extent().width > 0]
    assert len([gap for gap in alignment.gaps if gap.video == "a"]) == 1
    assert len(spans) == 2  # the stripe and its wash


def test_long_videos_are_thinned_not_drawn_whole() -> None:
    a = walk(np.linspace(0, 1, 4000), "long")
    figure = similarity_figure(a, walk(np.linspace(0, 1, 50), "short"))
    assert figure.axes[0].images[0].get_array().shape == (50, 1500)  # type: ignore[union-attr]


def test_timeline_draws_instants_where_they_are() -> None:
    seconds = np.array([0.0, 0.12, 0.28, 0.4])  # every third or fourth frame of 25 a second
    positions = np.stack([seconds, [np.nan, 0.0, 0.5, 1.0]])
    timeline = Timeline(("a", "b"), seconds, positions, "a", np.array([0.0, np.nan]), np.array([1.0, 0.75]))
    axes = timeline_figure(timeline).axes[0]
    (mesh,) = (drawn for drawn in axes.collections if isinstance(drawn, QuadMesh))
    np.testing.assert_allclose(mesh.get_coordinates()[0, :, 0], [-0.06, 0.06, 0.2, 0.34, 0.46])
    assert mesh.get_rasterized(), "no seams between cells in a PDF"
    shown = np.ma.getdata(mesh.get_array()).reshape(2, 4)
    np.testing.assert_allclose(shown[0], seconds / 0.4)
    assert np.ma.getmaskarray(mesh.get_array()).reshape(2, 4)[1].tolist() == [True, False, False, False]
    assert (axes.get_xlim(), axes.get_ylim()) == (pytest.approx((-0.06, 0.46)), (1.5, -0.5))
    one = Timeline(("a",), np.zeros(1), np.zeros((1, 1)), "a", np.zeros(1), np.ones(1))
    assert timeline_figure(one).axes[0].get_xlim() == (-0.5, 0.5)


def reports(count: int, *, missing: tuple[float, ...] = ()) -> list[Report]:
    deviations = tuple(Deviation("missing", at, at + 0.5, 0.5, at) for at in missing)
    return [Report(f"{k}.mp4", deviations, float(k), 3.0, 0.5) for k in range(count)]


def test_deviations_of_all_videos_are_drawn_or_their_number_is_said() -> None:
    assert len(deviation_figure(reports(46)).axes[0].get_yticks()) == 46
    assert deviation_figure(reports(46), title="T").axes[0].get_title(loc="left") == "T"
    many = deviation_figure(reports(130)).axes[0]
    assert many.get_title(loc="left").endswith("(the oddest 120 of 130)")
    assert [label.get_text() for label in many.get_yticklabels()][-1] == "129.mp4"


def test_the_bar_of_a_video_reaches_as_far_as_what_is_drawn_on_it() -> None:
    again = Deviation("repeated", 2.0, 3.1, 0.5, 2.0)  # up to the end of the last frame, which begins at 3.0
    axes = deviation_figure([Report("a.mp4", (again,), 0.2, 3.0, 0.5)]).axes[0]
    whole, part = (bar for bar in axes.patches if isinstance(bar, Rectangle))
    assert part.get_x() + part.get_width() == pytest.approx(whole.get_x() + whole.get_width())


def test_lengths_of_what_is_missing_stand_apart() -> None:
    axes = deviation_figure(reports(3, missing=(1.0, 1.05, 1.1, 2.0))).axes[0]
    written = [text for text in axes.texts if text.get_text().startswith("−")]
    places = sorted(text.get_position()[0] for text in written if text.get_position()[1] < 0)
    assert len(places) == 4
    assert min(np.diff(places)) > 0.2
    ticks = [np.asarray(line.get_ydata()).astype(float) for line in axes.lines]
    assert len(ticks) == 12
    height = 0.36  # of a length in rows: 5.5 points of rows of 0.26 inches, with what is above and below a digit
    for text in written:
        low, high = text.get_position()[1] - height, text.get_position()[1]
        assert not any(tick.min() < high and tick.max() > low for tick in ticks), "no tick through a length"


def test_the_length_of_a_missing_beginning_is_not_struck_through_by_the_axis() -> None:
    figure = deviation_figure(reports(1, missing=(0.0,)))
    figure.canvas.draw()
    axes = figure.axes[0]
    (length,) = (text for text in axes.texts if text.get_text().startswith("−"))
    assert length.get_window_extent().x0 > axes.transData.transform((0.0, 0.0))[0]


def test_trajectories_colour_phases_and_name_them() -> None:
    videos = [walk(np.linspace(0, 1, 30), str(k)) for k in range(3)]
    phases = [np.repeat([-1, 0, 1], 10) for _ in videos]
    figure = trajectories(videos, colour=phases, kind="phase", phase_names=["reach", "grasp"])
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["unknown", "reach", "grasp"]
    sizes = [len(collection.get_offsets()) for collection in figure.axes[0].collections]
    assert sizes == [30, 30, 30]


def test_trajectories_refuse_colours_of_another_length() -> None:
    with pytest.raises(ValueError, match="one value for every frame"):
        trajectories([walk(np.linspace(0, 1, 30), "a")], colour=[np.zeros(29)])
    with pytest.raises(ValueError, match="at least one"):
        trajectories([])


def test_pca_plane_keeps_distances_of_a_plane() -> None:
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), -1).reshape(-1, 2)
    turned = grid @ np.linalg.qr(np.random.default_rng(0).normal(size=(6, 2)))[0].T
    figure = trajectories([Embedding(turned.astype(np.float32), np.arange(20.0), "grid")])
    drawn = np.asarray(figure.axes[0].collections[0].get_offsets())
    np.testing.assert_allclose(
        np.linalg.norm(drawn[:, None] - drawn, axis=-1), np.linalg.norm(grid[:, None] - grid, axis=-1), atol=1e-4
    )


def test_filmstrip_shows_empty_boxes_where_nothing_matches(pair: tuple[Embedding, Embedding, Alignment]) -> None:
    _, _, alignment = pair
    moments = [0.5, 4.0, 6.0]
    matched = alignment.b_at(np.array(moments))
    assert np.isnan(matched[0])
    assert np.isfinite(matched[1:]).all()
    figure = filmstrip([picture(10)] * 3, moments, [None, picture(90), picture(200)], matched.tolist(), alignment)
    tops, _, bottoms = figure.axes
    assert len(tops.images) == 3
    assert [int(np.asarray(image.get_array()).max()) for image in bottoms.images] == [90, 200]
    captions = ["no\ncounterpart", *(f"{second:.2f} s" for second in matched[1:])]
    assert [text.get_text() for text in bottoms.texts] == captions
    with pytest.raises(ValueError, match="k frames"):
        filmstrip([picture(0)], [1.0, 2.0], [None], [np.nan], alignment)


def test_tempo_curve_shows_that_b_runs_at_half_speed() -> None:
    alignment = align(walk(np.linspace(0, 1, 60), "a"), walk(np.linspace(0, 1, 120), "b"), mode="global")
    curve = tempo_curve(alignment).axes[0].lines[0]
    assert np.median(np.asarray(curve.get_ydata())) == pytest.approx(2.0, rel=0.05)


def test_progress_and_loss_curves_hold_their_values() -> None:
    figure = progress_curves([np.arange(4.0)], [np.linspace(0, 1, 4)], names=["a"], truth=[np.zeros(4)])
    measured, truth = figure.axes[0].lines
    assert list(np.asarray(measured.get_ydata())) == list(np.linspace(0, 1, 4))
    assert list(np.asarray(truth.get_ydata())) == [0.0] * 4
    metrics = [{"step": k, "loss": 2.0, "terms": {"x": 1.0, "y": float(k)}} for k in range(100)] + [{"note": "end"}]
    lines = {str(line.get_label()): np.asarray(line.get_ydata()) for line in loss_curve(metrics).axes[0].lines}
    np.testing.assert_allclose(lines["loss"], 2.0)
    np.testing.assert_allclose(lines["y"][10:-10], np.arange(100.0)[10:-10])


def test_retrieval_grid_has_a_row_a_query() -> None:
    figure = retrieval_grid([picture(1), picture(2)], [[picture(3)] * 4, [picture(4)]], hit_captions=[["a.mp4 1.0 s"]])
    assert [int(np.asarray(axes.images[0].get_array()).max()) for axes in figure.axes] == [1, 3, 3, 3, 3, 2, 4]
    assert figure.axes[1].get_xlabel() == "a.mp4 1.0 s"
    many = retrieval_grid([picture(1)], [[picture(3)] * 14], hit_captions=[["a_very_long_name_of_a_video.mp4\n1.0 s"]])
    rows = {round(axes.get_subplotspec().rowspan.start) for axes in many.axes}  # type: ignore[union-attr]
    assert rows == {0, 1, 2}, "six hits a row"
    assert len(many.axes[1].get_xlabel().split("\n")[0]) < 24
    with pytest.raises(ValueError, match="one list of hits a query"):
        retrieval_grid([picture(1)], [])


def test_page_is_whole_escaped_and_asks_for_nothing(tmp_path: Path) -> None:
    rows = [{"method": "<lac>", "tau": 0.97123, "n": 3}, {"method": "scl", "tau": float("nan"), "seed": 1}]
    page = tmp_path / "sub" / "page.html"
    write_page(page, "Runs & more", [("Table", rows), ("Both", [progress_curves([], []), "<p>a & b</p>"]), ("", "end")])
    text = page.read_text(encoding="utf-8")
    assert "<title>Runs &amp; more</title>" in text
    assert "&lt;lac&gt;" in text
    assert '<td class="n">0.9712</td>' in text
    assert "<td>scl</td>" in text
    assert text.count("data:image/svg+xml;base64,") == 1
    assert "<p>a & b</p>" in text
    assert "prefers-color-scheme: dark" in text
    for word in ("http://", "https://", "<script", "@import", "url("):
        assert word not in text
    with pytest.raises(TypeError, match="got int"):
        write_page(page, "t", [("n", 3)])
    assert page.read_text(encoding="utf-8") == text  # a failed page leaves the old one


def test_large_figures_go_in_as_pixels(tmp_path: Path) -> None:
    figure = Figure(figsize=(3, 3))
    figure.add_subplot().scatter(*np.random.default_rng(0).random((2, 8000)), s=2)
    write_page(tmp_path / "p.html", "t", [("many", figure)])
    assert "data:image/png;base64," in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_dollar_signs_in_names_are_no_formulas(pair: tuple[Embedding, Embedding, Alignment], tmp_path: Path) -> None:
    name = "cost $5_^ and $6.mp4"
    figure = tempo_curve(pair[2], names=(name, name), title=name)
    write_figure(tmp_path / "tempo.png", figure)
    assert (tmp_path / "tempo.png").stat().st_size > 1000


def test_reliability_bars_are_intervals_of_so_many_claims() -> None:
    right = [1, 1, 0, 1, 0, 0, 1, 1, 1]
    figure = reliability_figure(np.linspace(0.1, 0.9, 9), right, bins=3)
    bars = next(c for c in figure.axes[0].collections if isinstance(c, LineCollection)).get_segments()
    for k, bar in enumerate(bars):
        known = binomtest(sum(right[3 * k : 3 * k + 3]), 3).proportion_ci(method="wilson")
        np.testing.assert_allclose(np.asarray(bar)[:, 1], [known.low, known.high], atol=1e-3)
    assert "9 claims" in figure.axes[0].get_title(loc="left")


def test_curves_of_angles_pause_where_the_two_share_nothing() -> None:
    seconds = np.array([0.0, 0.1, 0.2, 0.6, 0.7])
    figure = angle_figure(seconds, seconds * 10, seconds * 20, joint="left_knee", longest_step=0.25)
    for line, values in zip(figure.axes[0].get_lines(), (seconds * 10, seconds * 20), strict=True):
        drawn = np.asarray(line.get_ydata())
        assert np.flatnonzero(np.isnan(drawn)).tolist() == [3]
        np.testing.assert_allclose(drawn[np.isfinite(drawn)], values)
    whole = angle_figure(seconds, seconds, seconds, joint="left_knee").axes[0].get_lines()[0]
    assert np.isfinite(np.asarray(whole.get_ydata())).all()
