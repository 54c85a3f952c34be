"""The vector kernel: 16 cells at a time in float32, written with explicit vectors for numba.

`vector_backend` is what the operator calls, `strip` the recursion over 16 rows, `forward`, `backward` and `tangent`
the passes, `float32_lanes` the vectors. All but `vector_backend` import numba.
"""
