"""What one does with embeddings, one file a verb: align, sync, search, transfer, deviate."""
