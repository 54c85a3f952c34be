"""The smallest encoder that a bench trains."""

ENCODER = {
    "backbone": "test_resnet", "weights": "none", "grid": 1, "hidden": 16, "width": 16, "heads": 2, "feed_forward": 32,
    "embedding_dim": 8,
}  # fmt: skip
