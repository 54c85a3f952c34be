"""The vector kernel of soft-DTW: 16 rows at a time in float64, written with explicit vectors for numba.

`vector_backend` is what the operator calls, `sweeps` the passes over a matrix, `strip` the recursion over 16 rows,
`float64_lanes` the vectors. All but `vector_backend` import numba.
"""
