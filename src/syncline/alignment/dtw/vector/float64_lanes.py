"""Vectors of 16 float64 lanes for numba kernels: adds to `load`, `store` and arithmetic of `float32_lanes`.

exp and log are polynomials, good to a few units in the last place over what a soft minimum needs of them.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from syncline.alignment.soft_smith_waterman.vector.float32_lanes import (
    LANES,
    D,
    M,
    call,
    inlined,
    lane,
    shift_down,
    shift_up,
    simple,
    splatted,
)

_INTEGER = ir.VectorType(ir.IntType(64), LANES)
_MAGIC = 1.5 * 2.0**52
"""Added to a float64 below 2^51 in size, it leaves the nearest whole number in the low bits."""
_PER_E, _PER_E_REST = 1.4426950408889634, 2.0355273740931033e-17  # 1 / ln 2 in two parts
_E0, _E1, _E2, _E3, _E4, _E5, _E6, _E7, _E8, _E9, _E10 = (
    1.0, 0.6931471805599508, 0.24022650695909092, 0.055504108664398616, 0.009618129107976986, 0.001333355823829697,
    0.00015403529975199277, 1.5252652374251532e-05, 1.3215679017393582e-06, 1.0209653825396262e-07,
    7.0311498037964075e-09,
)  # fmt: skip  # of 2^r through the Chebyshev points of [-1/2, 1/2]: 3e-16
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = (
    1.9999999999999987, 0.6666666666676572, 0.3999999998200825, 0.2857142993396446, 0.22222174101561873,
    0.18182472929627602, 0.153899963569286, 0.13055880384135995, 0.14842652940412343,
)  # fmt: skip  # of 2 atanh(r) / r in r^2, for t = sqrt(3) (1 + r) / (1 - r) in [1, 3]: 4e-16
_MIDDLE = math.sqrt(3.0)
_LEAST = -708.0
"""exp of less is taken as that of it, 3e-308."""


@simple(D, types.float64)
def splat(builder: Any, scalar: Any) -> Any:
    return splatted(builder, scalar)


@simple(D, D, D, D)
def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    return call(builder, "llvm.fma.v16f64", D.ir, a, b, c)


@simple(D, D, D)
def smaller(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@simple(D, D, D)
def larger(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@simple(M, D, D)
def below(builder: Any, a: Any, b: Any) -> Any:
    return builder.fcmp_ordered("<", a, b)


@simple(D, M, D, D)
def choose(builder: Any, mask: Any, a: Any, b: Any) -> Any:
    return builder.select(mask, a, b)


@simple(D, D, types.float64)
def from_above(builder: Any, a: Any, entering: Any) -> Any:
    """Lane l gets lane l - 1; lane 0 the scalar."""
    return shift_up(builder, a, entering)


@simple(D, D, types.float64)
def from_below(builder: Any, a: Any, entering: Any) -> Any:
    """Lane l gets lane l + 1; the last lane the scalar."""
    return shift_down(builder, a, entering)


@simple(types.float64, D)
def first(builder: Any, a: Any) -> Any:
    return lane(builder, a, 0)


@simple(D, D, D)
def times_power(builder: Any, a: Any, whole: Any) -> Any:
    """a 2^whole of a whole number with `_MAGIC` added; that of at least -1022."""
    bits = builder.add(builder.bitcast(whole, _INTEGER), ir.Constant(_INTEGER, [1023] * LANES))
    power = builder.bitcast(builder.shl(bits, ir.Constant(_INTEGER, [52] * LANES)), D.ir)
    return builder.fmul(a, power)


@inlined
def exp(v: Any) -> Any:
    """exp(v) of v <= 0, 3e-308 at least; that too of NaN."""
    v = larger(v, splat(_LEAST))
    magic = fma(v, splat(_PER_E), splat(_MAGIC))
    whole = magic - splat(_MAGIC)
    r = fma(v, splat(_PER_E_REST), fma(v, splat(_PER_E), splat(0.0) - whole))
    r2 = r * r
    r4 = r2 * r2
    low = fma(fma(r, splat(_E3), splat(_E2)), r2, fma(r, splat(_E1), splat(_E0)))
    middle = fma(fma(r, splat(_E7), splat(_E6)), r2, fma(r, splat(_E5), splat(_E4)))
    high = fma(splat(_E10), r2, fma(r, splat(_E9), splat(_E8)))
    return times_power(fma(fma(high, r4, middle), r4, low), magic)


@inlined
def log(t: Any) -> Any:
    """log(t) of t in [1, 3], by the series of the inverse hyperbolic tangent."""
    r = (t - splat(_MIDDLE)) / (t + splat(_MIDDLE))
    s = r * r
    s2 = s * s
    low = fma(fma(splat(_L3), s, splat(_L2)), s2, fma(splat(_L1), s, splat(_L0)))
    high = fma(fma(splat(_L7), s, splat(_L6)), s2, fma(splat(_L5), s, splat(_L4)))
    s4 = s2 * s2
    return fma(r, fma(fma(splat(_L8), s4, high), s4, low), splat(math.log(_MIDDLE)))


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def load_wide(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index : index + 16] of a flat array of float32 or float64, as float64."""
    single = array.dtype == types.float32

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        data = context.make_array(sig.args[0])(context, builder, args[0]).data
        kind = ir.VectorType(ir.FloatType(), LANES) if single else D.ir
        value = builder.load(builder.bitcast(builder.gep(data, [args[1]]), kind.as_pointer()))
        value.align = 4
        return builder.fpext(value, D.ir) if single else value

    return D(array, types.intp), codegen
