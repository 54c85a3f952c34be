"""What a loss is shown: temporal sampling, augmentation, pairing, batches."""
