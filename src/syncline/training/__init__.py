"""Config, loop, checkpoint."""
