"""Matrices -> scores, gradients, paths: the differentiable operators and the hard ones.

Knows torch and numpy, nothing of video.
"""
