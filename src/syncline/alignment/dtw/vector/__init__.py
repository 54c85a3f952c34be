"""The vector kernel of soft-DTW: 16 rows at a time in float64, written with explicit vectors for numba.

`entry` is what the operator calls, `sweeps` the passes over a matrix, `strip` the recursion over 16 rows, `doubles` the
vectors. All but `entry` import numba.
"""
