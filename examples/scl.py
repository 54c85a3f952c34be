"""SCL (the sequence contrastive loss of CARL) on a folder of videos, in plain PyTorch.

    python examples/scl.py videos/ --out runs/scl

Two views of one video; the similarities of a frame to the frames of the other view follow a Gaussian around its own
time. The encoder has a projection head while it trains, and none afterwards.
"""

from __future__ import annotations

import argparse

import torch

from syncline.data import open_videos
from syncline.encoder import FeatureCache, FrameEncoder, embed_features
from syncline.evaluation import kendall_tau
from syncline.losses import SCLLoss
from syncline.training import own_encoder
from syncline.views import FeatureViews, ViewConfig


def main(words: list[str] | None = None) -> list[float]:
    """Trains, saves, and returns the loss of every step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", help="a folder of videos of one activity, or a manifest (.csv)")
    parser.add_argument("--out", default="runs/scl", help="where the encoder is saved")
    parser.add_argument("--steps", type=int, default=800, help="steps of the optimiser")
    parser.add_argument("--frames", type=int, default=32, help="frames of a view")
    parser.add_argument("--batch", type=int, default=8, help="videos a step")
    parser.add_argument("--lr", type=float, default=3e-4, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--copies", type=int, default=1, help="1 plain copy of the features, the others augmented")
    parser.add_argument("--cache", help="folder of the feature cache")
    parser.add_argument("--backbone", default="tf_efficientnet_lite0", help="any timm model")
    parser.add_argument("--weights", help="of the backbone: a file, or none; its own pretrained ones by default")
    options = parser.parse_args(words)
    torch.manual_seed(options.seed)

    # The frozen backbone sees every frame once; its feature maps are kept on disk, and training decodes nothing.
    config = own_encoder("scl", backbone=options.backbone, weights=options.weights)
    encoder = FrameEncoder(config)
    cache = FeatureCache(options.cache, encoder.backbone, copies=options.copies)
    features = [cache.features(video).features for video in open_videos(options.source)]
    encoder.calibrate([maps[0] for maps in features])

    # Two views of each video: random frames of a crop, at up to three times the speed.
    shown = ViewConfig(num_frames=options.frames, batch_size=options.batch, pairing="views", region=3.0)
    views = FeatureViews(
        features, shown, seed=options.seed, contexts=config.contexts, context_stride=config.context_stride
    )
    loss_of = SCLLoss()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=options.lr, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, options.steps)
    losses = []
    for step in range(options.steps):
        batch = views.batch(step)
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
