"""Configurations: methods, presets, YAML and back, and what is told about mistakes."""

from __future__ import annotations

import argparse
import inspect
import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from syncline import training
from syncline.cli.train import configure
from syncline.encoder import published_config
from syncline.errors import SynclineError
from syncline.losses import DEFAULT_PRESET, LACLoss, SCLLoss
from syncline.training import METHODS, TrainConfig, as_yaml, config_from, make_loss, method_config, own_encoder
from syncline.training.train_config import current_settings


@pytest.mark.parametrize(
    ("method", "preset", "frames", "sequences", "unit", "crop"),
    [
        ("tcn", None, 20, 8, False, None),
        ("tcc", None, 20, 4, False, None),
        ("lav", None, 20, 2, True, None),
        ("gta", None, 20, 4, True, None),
        ("scl", None, 32, 32, True, "video"),
        ("lac", "paper", 64, 4, True, "video"),
        ("lac", "released", 64, 4, False, "video"),
        ("lac", "corrected", 64, 4, True, "clip"),
    ],
)
def test_own_settings_are_the_published_ones(
    method: str, preset: str | None, frames: int, sequences: int, unit: bool, crop: str | None
) -> None:
    config = method_config(method, preset=preset, own=True)
    views = config.views
    assert (views.num_frames, 2 * views.batch_size, config.encoder.l2_normalize) == (frames, sequences, unit)
    assert crop is None or (views.sampler, views.crop_base, views.region) == ("time_augment", crop, 1.5)
    assert views.retimed == 0
    contexts = (2, 4) if method in ("tcc", "lav", "gta") else (1, 1)
    assert (config.encoder.contexts, config.encoder.context_stride) == contexts


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_survives_yaml(method: str, own: bool) -> None:
    config = method_config(method, own=own)
    assert config.method == method
    assert config_from(yaml.safe_load(as_yaml(config))) == config


def test_the_common_setting_is_common() -> None:
    kept = {
        (c.steps, c.lr, c.views.num_frames, c.views.batch_size, c.encoder.temporal) for c in map(method_config, METHODS)
    }
    assert len(kept) == 1
    unlike = {method for method in METHODS if not method_config(method).encoder.l2_normalize}
    assert unlike == {"tcn", "tcc"}, "whose similarities need vectors of free length"


def test_presets_of_lac_bring_what_they_ask_of_the_encoder() -> None:
    released, paper = method_config("lac", preset="released"), method_config("lac", preset="paper")
    assert released.encoder.attn_axis == "batch"
    assert not released.encoder.l2_normalize
    assert (paper.encoder.attn_axis, paper.views.crop_base, paper.views.region) == ("time", "video", 1.5)
    loss = make_loss(paper, rate_hz=7.5)
    assert isinstance(loss, LACLoss)
    assert loss.options.var == 10.0, "published widths are in frames"


def test_labels_are_as_wide_in_seconds_whatever_the_rate() -> None:
    config = TrainConfig(method="scl", label_seconds=0.2)
    for rate in (5.0, 20.0):
        loss = make_loss(config, rate_hz=rate)
        assert isinstance(loss, SCLLoss)
        assert loss.variance == pytest.approx((0.2 * rate) ** 2)
    named = make_loss(method_config("scl", loss={"variance": 3.0}), rate_hz=20.0)
    assert isinstance(named, SCLLoss)
    assert named.variance == 3.0


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"widht": 3}, "widht"),
        ({"encoder": {"widht": 3}}, "widht"),
        ({"encoder": {"width": "wide"}}, "encoder.width"),
        ({"encoder": {"width": -1}}, "encoder.width"),
        ({"views": {"pairing": "triples"}}, "views.pairing"),
        ({"views": {"region": 0.5}}, "views.region"),
        ({"encoder": {"pos_enc": "relativ"}}, "encoder.pos_enc"),
        ({"steps": 0}, "steps"),
        ({"method": "scl", "teacher": "frozen"}, "teacher"),
        ({"method": "scl", "teacher": "consensus"}, "teacher"),
        ({"sample_rate_hz": 0}, "sample_rate_hz"),
        ({"copies": 0}, "copies"),
        ({"copies": "many"}, "copies"),
        ({"lr": -1.0}, "lr"),
        ({"method": "lca"}, "method"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(values: dict[str, object], word: str) -> None:
    with pytest.raises(SynclineError, match=word) as caught:
        config_from(values)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"), [("schedule", "cosin"), ("precision", "bfloat16"), ("method", "lca"), ("teacher", "own")]
)
def test_a_word_that_is_no_choice_is_told_in_python_too(field: str, value: str) -> None:
    with pytest.raises(SynclineError, match=rf"training\.{field} must be one of .*; got '{value}'"):
        replace(TrainConfig(), **{field: value})  # type: ignore[arg-type]


def test_unknown_methods_presets_and_options_are_told() -> None:
    with pytest.raises(SynclineError, match="no method 'lca'; expected one of lac, scl"):
        method_config("lca")
    with pytest.raises(SynclineError, match="no preset 'published'; expected one of corrected, paper"):
        method_config("lac", preset="published")
    with pytest.raises(SynclineError, match="scl has no setting 'sigma'; it has temperature, variance, negatives"):
        method_config("scl", loss={"sigma": 1.0})


def test_one_preset_is_the_default_everywhere() -> None:
    """In the loss and in training; the command line, the demo and the first example name none."""
    assert inspect.signature(LACLoss).parameters["preset"].default == DEFAULT_PRESET
    assert method_config("lac", own=True).preset == DEFAULT_PRESET
    assert method_config().preset == "auto", "settled by the folder, see test_settle"
    parser = argparse.ArgumentParser()
    configure(parser)
    assert parser.get_default("preset") is None
    assert DEFAULT_PRESET not in parser.format_help()
    root = Path(__file__).parents[2]
    for path in ("src/syncline/cli/demo.py", "examples/lac.py"):
        text = (root / path).read_text(encoding="utf-8")
        assert "method_config(" in text
        assert not re.search(r'preset(=|", default=)"', text)


def test_lrprop_has_the_encoder_of_carl() -> None:
    assert own_encoder("lrprop") == own_encoder("scl")
    assert own_encoder("lrprop").temporal == "carl"


def test_settings_of_the_first_version_are_read() -> None:
    """``teacher: encoder`` is called ``alignment`` now, and what was not there has the value that it then had."""
    old = {"method": "lac", "preset": "cross_video", "teacher": "encoder", "copies": 3}
    config = config_from(old)
    assert (config.teacher, config.copies, config.sample_rate_hz) == ("alignment", 3, None)
    assert current_settings(old) == config.as_dict()


def test_lists_of_methods_say_that_lrprop_is_a_reconstruction() -> None:
    parser = argparse.ArgumentParser()
    configure(parser)
    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
    for text in (parser.format_help(), page):
        assert re.search(r"gta`?,?\s(or\s)?`?lrprop`?,?\s\(?our\sreconstruction", " ".join((text or "").split()))


def test_lrprops_published_encoder_is_carls_too() -> None:
    carl = method_config("scl", published=True).encoder
    assert method_config("lrprop", published=True).encoder == carl
    assert (carl.stage, carl.head, carl.temporal) == ("layer4", "maxpool", "carl")


def test_every_row_names_a_published_encoder_that_there_is_and_every_one_is_used() -> None:
    named = {row.published_encoder for row in METHODS.values()}
    with pytest.raises(SynclineError, match="no published encoder 'lac'; expected one of") as caught:
        published_config("lac")
    assert set(str(caught.value).split("one of ")[1].split(", ")) == named


@pytest.mark.parametrize("method", sorted(METHODS))
def test_the_row_says_whether_a_method_takes_auto_and_a_teacher(method: str) -> None:
    row = METHODS[method]
    if row.auto_presets is None:
        assert method_config(method).preset is None
        with pytest.raises(SynclineError, match=f"preset 'auto' goes with method lac, not with {method}"):
            TrainConfig(method=method, preset="auto")
    else:
        assert method_config(method).preset == "auto"
        assert method_config(method, own=True).preset == row.auto_presets[0]
    if row.takes_teacher:
        assert TrainConfig(method=method, teacher="frozen").teacher == "frozen"
    else:
        with pytest.raises(SynclineError, match="teacher 'frozen' goes with method lac on a backbone that is not"):
            TrainConfig(method=method, teacher="frozen")


def test_the_progress_of_the_first_version_is_still_found() -> None:
    with pytest.warns(DeprecationWarning, match="TrainingProgress now"):
        assert training.Progress is training.TrainingProgress
