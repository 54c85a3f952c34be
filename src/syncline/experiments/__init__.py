"""Bench: methods x seeds -> JSONL -> tables."""
