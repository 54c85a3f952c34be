"""Speed and memory of the soft Smith-Waterman beside other implementations: ``python -m benchmarks.alignment``."""
