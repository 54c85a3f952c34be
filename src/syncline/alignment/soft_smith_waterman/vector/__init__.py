"""The vector kernel: 16 cells at a time in float32, written with explicit vectors for numba.

`entry` is what the operator calls, `strip` the recursion over 16 rows, `forward`, `backward` and `tangent` the passes,
`types` the vectors. All but `entry` import numba.
"""
