"""LAC (local-alignment contrastive learning) on a folder of videos, in plain PyTorch: what `syncline train` does.

    python examples/lac.py videos/ --out runs/lac

A contrastive loss draws two views of one video together; a soft Smith-Waterman with learned gap prices aligns them.
`--preset cross_video` also carries positions across videos; `paper` and `released` are as published, and the loss of
`released` is often not finite (docs/formulas.md).
"""

from __future__ import annotations

import argparse

import torch

from syncline.data import open_videos
from syncline.encoder import FeatureCache, FrameEncoder, embed_features
from syncline.evaluation import kendall_tau
from syncline.training import make_loss, method_config, settled
from syncline.views import FeatureViews


def main(words: list[str] | None = None) -> list[float]:
    """Trains, saves, and returns the loss of every step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder of videos of one activity, or a manifest (.csv)")
    parser.add_argument("--out", default="runs/lac", help="where the encoder is saved")
    parser.add_argument("--preset", help="corrected, cross_video, paper, released, released_vec (default: training's)")
    parser.add_argument("--steps", type=int, default=800, help="steps of the optimiser")
    parser.add_argument("--frames", type=int, default=32, help="frames of a view")
    parser.add_argument("--batch", type=int, default=8, help="videos a step")
    parser.add_argument("--lr", type=float, default=3e-4, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copies", default="auto", help="of the features, the first plain, the others augmented")
    parser.add_argument("--cache", help="folder of the feature cache")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0", help="any timm model")
    parser.add_argument("--weights", help="of the backbone: a file, or none; its own pretrained ones by default")
    options = parser.parse_args(words)
    torch.manual_seed(options.seed)

    # The default settings; how many frames a second and how many augmented copies is measured on the folder.
    videos = open_videos(options.source).videos
    copies = options.copies if options.copies == "auto" else int(options.copies)
    config = method_config(
        preset=options.preset, steps=options.steps, lr=options.lr, copies=copies,
        encoder={"backbone": options.backbone, "weights": options.weights},
        views={"num_frames": options.frames, "batch_size": options.batch},
    )  # fmt: skip
    config = settled(videos, config, options.cache).config
    sampling = config.encoder.sampling

    # The frozen backbone sees every frame once; its feature maps are kept on disk, and training decodes nothing.
    encoder = FrameEncoder(config.encoder)
    cache = FeatureCache(options.cache, encoder.backbone, sampling, config.copies, flip=config.views.flip)
    features = [cache.features(video).features for video in videos]
    encoder.calibrate([maps[0] for maps in features])
    views = FeatureViews(features, config.views, seed=options.seed)
    loss_of = make_loss(config, rate_hz=sampling.rate_hz)
    gaps = {"params": loss_of.parameters(), "lr": loss_of.gap_lr or options.lr}
    optimizer = torch.optim.Adam([{"params": encoder.parameters()}, gaps], lr=options.lr, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    losses = []
    for step in range(options.steps):
        batch = views.batch(step)
        loss_of.at(step / options.steps)
        z = encoder(batch.inputs.flatten(0, 1), mask=batch.masks.flatten(0, 1), steps=batch.steps.flatten(0, 1))
        x, y = z.unflatten(0, batch.video.shape).unbind(dim=1)
        told = {"steps": batch.steps, "frames": batch.frames, "mask": batch.masks, "video": batch.video}
        sides = {f"{name}_{side}": part[:, i] for name, part in told.items() for i, side in enumerate("xy")}
        loss = loss_of(x, y, **sides)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 10.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
        if step % 50 == 0 or step + 1 == options.steps:
            print(f"step {step}: loss {loss.item():.4f}")
    tau = kendall_tau([embed_features(encoder, maps[0]) for maps in features])
    encoder.save_pretrained(options.out)
    print(f"Kendall's tau {tau:.3f} (time alone has 1); now: syncline evaluate {options.out} {options.source}")
    return losses


if __name__ == "__main__":
    main()
