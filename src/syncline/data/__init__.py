"""Which videos, which frames of them, which labels, which split; synthetic videos with known correspondence."""
