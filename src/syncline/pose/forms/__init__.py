"""Keypoint files as other programs write them, one module a program; each gives `Detections`."""
