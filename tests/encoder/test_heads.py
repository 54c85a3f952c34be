"""Heads and temporal encoder: published sizes, what sees what, dropout that drops what it says."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from syncline.encoder import EncoderConfig, FrameEncoder
from syncline.encoder.batch_norm import BatchNorm
from syncline.encoder.frame_positions import relative_positions, sinusoidal_code
from syncline.encoder.heads import Conv3dHead, InputDropout, SpatialSoftmaxHead
from syncline.encoder.published_encoders import published_config
from syncline.encoder.temporal_encoder import EncoderLayer, TemporalEncoder

SMALL = {"backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2}


def count(*modules: nn.Module) -> int:
    return sum(p.numel() for module in modules for p in module.parameters())


@pytest.mark.slow
def test_lac_has_the_published_number_of_parameters() -> None:
    encoder = FrameEncoder(published_config("resnet50_conv3d_transformer", weights="none"))
    assert encoder.temporal is not None
    assert count(encoder.backbone) == 5_191_744
    assert count(encoder.head, encoder.reduce, encoder.temporal, encoder.output) == 23_505_792
    assert count(encoder) == 28_697_536
    assert encoder.backbone.map_size == (14, 14)


def test_conv3d_has_the_published_number_of_parameters() -> None:
    assert count(Conv3dHead(1024), nn.Linear(512, 128)) == 21_827_712


def test_conv3d_takes_14_to_10_and_padding_keeps_it() -> None:
    maps = torch.rand(1, 2, 4, 14, 14)
    for padding, side in (("valid", 10), ("same", 14)):
        head = Conv3dHead(4, hidden=3, padding=padding)  # type: ignore[arg-type]
        assert head.convolutions(maps.transpose(1, 2)).shape == (1, 3, 2, side, side)


def test_spatial_softmax_finds_a_corner() -> None:
    head = SpatialSoftmaxHead(1)
    with torch.no_grad():
        for module in head.convolutions:
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()
                module.weight[:, :, 2, 2] = 1.0
                module.bias.zero_()  # type: ignore[union-attr]
    maps = torch.zeros(1, 1, 1, 13, 13)
    maps[..., 4, 8] = 1.0  # the right upper corner of the 5 x 5 that two 5 x 5 convolutions leave
    where = head(maps)
    torch.testing.assert_close(where[0, :2], torch.tensor([1.0, -1.0]), atol=0.05, rtol=0)


@pytest.mark.parametrize(("axis", "sees_time"), [("time", True), ("batch", False)])
def test_attention_looks_along_its_axis(axis: str, sees_time: bool) -> None:
    encoder = TemporalEncoder(16, layers=1, heads=2, feed_forward=32, attn_axis=axis).eval()  # type: ignore[arg-type]
    x = torch.rand(3, 5, 16)
    changed = x.clone()
    changed[0, 2] += 1.0
    with torch.no_grad():
        moved = (encoder(x) - encoder(changed)).abs().amax(dim=-1) > 1e-6
    assert bool(moved[0, 2])
    assert bool(moved[0, [0, 1, 3, 4]].all()) is sees_time, "the other frames of the video"
    assert bool(moved[1:, 2].all()) is not sees_time, "the same frame of the other videos"
    assert not bool(moved[1:, [0, 1, 3, 4]].any())


def test_padding_is_not_attended_to() -> None:
    encoder = FrameEncoder(EncoderConfig(**SMALL)).eval()  # type: ignore[arg-type]
    x = torch.rand(2, 7, encoder.backbone.dim)
    mask = torch.arange(7)[None] < torch.tensor([[7], [4]])
    other = x.masked_fill(~mask[..., None], 9.0)
    with torch.no_grad():
        torch.testing.assert_close(encoder(x, mask=mask), encoder(other, mask=mask))
        torch.testing.assert_close(encoder(x, mask=mask)[1, :4], encoder(x[1:, :4])[0])
        assert (encoder(x, mask=mask)[1, 4:] == 0).all()


def test_position_code_is_the_formula() -> None:
    code = sinusoidal_code(torch.tensor([[3.0]]), 6)[0, 0]
    expected = [
        torch.tensor(3.0 / 10000 ** (c / 6)).sin() if c % 2 == 0 else torch.tensor(3.0 / 10000 ** (c / 6)).cos()
        for c in range(6)
    ]
    torch.testing.assert_close(code, torch.stack(expected))
    mask = torch.arange(32)[None] < torch.tensor([[32], [8]])
    places = relative_positions(mask, 32)
    torch.testing.assert_close(places[0], torch.arange(32.0))
    torch.testing.assert_close(places[1, :8], torch.linspace(0, 31, 8))


def test_only_the_code_that_says_so_knows_absolute_time() -> None:
    for code, knows in (("absolute", True), ("relative", False), ("rope", False), ("none", False)):
        encoder = FrameEncoder(EncoderConfig(**SMALL, pos_enc=code)).eval()  # type: ignore[arg-type]
        x, steps = torch.rand(1, 6, encoder.backbone.dim), torch.arange(6.0)[None]
        with torch.no_grad():
            moved = not torch.allclose(encoder(x, steps=steps), encoder(x, steps=steps + 50), atol=1e-4)
        assert moved is knows, code


def test_input_dropout_drops_its_share_of_every_place() -> None:
    torch.manual_seed(0)
    dropout = InputDropout(0.1)
    x = torch.ones(4000, 16)
    y = dropout(x)
    share = 26 / 256
    assert y.unique().tolist() == pytest.approx([0.0, 1 / (1 - share)])
    per_place = (y == 0).float().mean(dim=0)
    assert ((per_place - share).abs() < 0.025).all(), "five standard deviations, also in the highest byte of a word"
    assert (x == 1).all()
    torch.manual_seed(0)
    assert torch.equal(dropout(x), y)
    assert torch.equal(dropout.eval()(x), x)
    wanted = torch.ones(100, 3, requires_grad=True)
    dropout.train()(wanted).sum().backward()
    assert wanted.grad is not None
    assert (InputDropout(0.999)(x) == 0).float().mean() > 0.9


def test_running_statistics_are_right_after_a_few_batches() -> None:
    norm, generator = BatchNorm(3), torch.Generator().manual_seed(0)
    rows = 5 + 2 * torch.randn(4, 200, 3, generator=generator)
    for batch in rows:
        norm(batch)
    assert norm.running_mean is not None
    torch.testing.assert_close(norm.running_mean, rows.mean((0, 1)), atol=1e-4, rtol=0)
    after = norm.eval()(rows.flatten(0, 1))
    torch.testing.assert_close(after.mean(0), torch.zeros(3), atol=0.01, rtol=0)
    torch.testing.assert_close(after.std(0), torch.ones(3), atol=0.02, rtol=0)


def test_carls_transformer_starts_as_carls() -> None:
    """Queries, keys and values are three matrices with Xavier's bound each, and biases are those of nn.Linear."""
    torch.manual_seed(0)
    layer = TemporalEncoder(256, layers=1, norm="pre").layers[0]
    assert isinstance(layer, EncoderLayer)
    for matrix in (*layer.qkv.weight.chunk(3), layer.out.weight):
        assert matrix.std().item() == pytest.approx(0.0625, rel=0.02)
        assert matrix.abs().max().item() <= (6 / 512) ** 0.5
    for bias in (layer.qkv.bias, layer.out.bias, layer.widen.bias):
        assert 0.9 / 16 < bias.abs().max().item() <= 1 / 16
    lac = TemporalEncoder(256, layers=1, norm="post").layers[0]
    assert isinstance(lac, EncoderLayer)
    assert lac.qkv.weight.std().item() == pytest.approx(0.0442, rel=0.02), "PyTorch's own layer has one matrix"
    assert lac.qkv.bias.abs().max() == 0
