"""Metrics, controls, protocols, statistics."""
