"""Vectors of 16 lanes for numba kernels: their types, operators, and a few intrinsics, all generic LLVM vector IR.

LLVM maps them to whatever the machine has (AVX-512, two AVX2 registers, four of NEON). Importing this module needs
numba; nobody but the kernels imports it. What else float64 needs is in `dtw.vector.float64_lanes`.
"""

from __future__ import annotations

import inspect
import operator
import platform
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.core.datamodel import PrimitiveModel
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin

LANES = 16


class VectorType(types.Type):  # type: ignore[misc]
    """16 lanes of one LLVM scalar type."""

    def __init__(self, name: str, scalar: ir.Type, lane: Any) -> None:
        super().__init__(name=name)
        self.ir, self.lane = ir.VectorType(scalar, LANES), lane


F = VectorType("syncline_float32x16", ir.FloatType(), types.float32)
D = VectorType("syncline_float64x16", ir.DoubleType(), types.float64)
I = VectorType("syncline_int32x16", ir.IntType(32), types.int32)  # noqa: E741
M = VectorType("syncline_mask16", ir.IntType(1), types.boolean)


@register_default(VectorType)
class _VectorModel(PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: VectorType) -> None:
        super().__init__(manager, kind, kind.ir)


def inlined(function: Callable[..., Any]) -> Any:
    """A function that becomes part of the kernel that calls it."""
    return njit(forceinline=True, error_model="numpy")(function)


def arithmetic(symbol: Any, kind: VectorType, build: str) -> None:
    """``kind symbol kind`` is one LLVM instruction."""

    class Template(ConcreteTemplate):  # type: ignore[misc]
        cases = (signature(kind, kind, kind),)

    infer_global(symbol)(Template)

    @lower_builtin(symbol, kind, kind)  # type: ignore[untyped-decorator, unused-ignore]
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, build)(*args)


for _symbol, _of_f, _of_i in (
    (operator.add, "fadd", "add"),
    (operator.sub, "fsub", "sub"),
    (operator.mul, "fmul", "mul"),
    (operator.truediv, "fdiv", None),
):
    arithmetic(_symbol, F, _of_f)
    arithmetic(_symbol, D, _of_f)
    if _of_i:
        arithmetic(_symbol, I, _of_i)


def simple(result: Any, *kinds: Any) -> Callable[[Callable[..., Any]], Any]:
    """An intrinsic of fixed argument types from a function (builder, *values) -> value."""

    def decorate(build: Callable[..., Any]) -> Any:
        def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return build(builder, *args)

        def typed(typingctx: Any, *args: Any) -> Any:
            return signature(result, *kinds), codegen

        names = ["typingctx", *(f"a{k}" for k in range(len(kinds)))]
        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        typed.__signature__ = inspect.Signature([inspect.Parameter(name, keyword) for name in names])  # type: ignore[attr-defined]
        typed.__name__ = build.__name__
        return intrinsic(typed)

    return decorate


def call(builder: Any, name: str, result: ir.Type, *values: Any) -> Any:
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(result, [value.type for value in values]), name
    )
    return builder.call(function, values)


def constant(kind: VectorType, values: list[int]) -> ir.Constant:
    return ir.Constant(kind.ir, values)


def splatted(builder: Any, scalar: Any) -> Any:
    vector = ir.VectorType(scalar.type, LANES)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, constant(I, [0] * LANES))


@simple(F, types.float32)
def splat(builder: Any, scalar: Any) -> Any:
    return splatted(builder, scalar)


@simple(I, types.intp)
def splat_int(builder: Any, scalar: Any) -> Any:
    return splatted(builder, builder.trunc(scalar, ir.IntType(32)))


@simple(I)
def lanes(builder: Any) -> Any:
    return constant(I, list(range(LANES)))


@simple(F, F, F, F)
def fma(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """a b + c, rounded once."""
    return call(builder, "llvm.fma.v16f32", F.ir, a, b, c)


@simple(F, F)
def nearest(builder: Any, a: Any) -> Any:
    return call(builder, "llvm.nearbyint.v16f32", F.ir, a)


@simple(I, F)
def to_int(builder: Any, a: Any) -> Any:
    return builder.fptosi(a, I.ir)


@simple(F, I)
def to_float(builder: Any, a: Any) -> Any:
    return builder.sitofp(a, F.ir)


@simple(I, F)
def bits(builder: Any, a: Any) -> Any:
    return builder.bitcast(a, I.ir)


@simple(F, I)
def from_bits(builder: Any, a: Any) -> Any:
    return builder.bitcast(a, F.ir)


@simple(I, I)
def up23(builder: Any, a: Any) -> Any:
    """a << 23: an exponent into its place."""
    return builder.shl(a, constant(I, [23] * LANES))


@simple(I, I)
def down23(builder: Any, a: Any) -> Any:
    """a >> 23, keeping the sign: the exponent field of a float that is not negative."""
    return builder.ashr(a, constant(I, [23] * LANES))


@simple(I, I, I)
def larger(builder: Any, a: Any, b: Any) -> Any:
    return call(builder, "llvm.smax.v16i32", I.ir, a, b)


@simple(F, F, F)
def larger_float(builder: Any, a: Any, b: Any) -> Any:
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@simple(M, F, F)
def not_below(builder: Any, a: Any, b: Any) -> Any:
    """not a < b: true where either is NaN."""
    return builder.fcmp_unordered(">=", a, b)


@simple(M, I, I)
def below_unsigned(builder: Any, a: Any, b: Any) -> Any:
    """a < b with a negative a above everything: 0 <= a < b in one comparison."""
    return builder.icmp_unsigned("<", a, b)


@simple(M, M, M)
def either(builder: Any, a: Any, b: Any) -> Any:
    return builder.or_(a, b)


@simple(types.boolean, M)
def any_lane(builder: Any, a: Any) -> Any:
    return builder.icmp_unsigned("!=", builder.bitcast(a, ir.IntType(LANES)), ir.Constant(ir.IntType(LANES), 0))


@simple(F, M, F, F)
def choose(builder: Any, mask: Any, a: Any, b: Any) -> Any:
    return builder.select(mask, a, b)


@simple(I, M, I, I)
def choose_int(builder: Any, mask: Any, a: Any, b: Any) -> Any:
    return builder.select(mask, a, b)


def shift_up(builder: Any, a: Any, entering: Any) -> Any:
    index = [LANES, *range(LANES - 1)]
    return builder.shuffle_vector(a, splatted(builder, entering), constant(I, index))


def shift_down(builder: Any, a: Any, entering: Any) -> Any:
    index = [*range(1, LANES), LANES]
    return builder.shuffle_vector(a, splatted(builder, entering), constant(I, index))


@simple(F, F, types.float32)
def from_above(builder: Any, a: Any, entering: Any) -> Any:
    """Lane l gets lane l - 1; lane 0 the scalar."""
    return shift_up(builder, a, entering)


@simple(I, I, types.int32)
def from_above_int(builder: Any, a: Any, entering: Any) -> Any:
    return shift_up(builder, a, entering)


@simple(F, F, types.float32)
def from_below(builder: Any, a: Any, entering: Any) -> Any:
    """Lane l gets lane l + 1; the last lane the scalar."""
    return shift_down(builder, a, entering)


def lane(builder: Any, a: Any, which: int) -> Any:
    return builder.extract_element(a, ir.Constant(ir.IntType(32), which))


@simple(types.float32, F)
def first(builder: Any, a: Any) -> Any:
    return lane(builder, a, 0)


@simple(types.float32, F)
def last(builder: Any, a: Any) -> Any:
    return lane(builder, a, LANES - 1)


@simple(types.int32, I)
def last_int(builder: Any, a: Any) -> Any:
    return lane(builder, a, LANES - 1)


def vector_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any, kind: VectorType) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), kind.ir.as_pointer())


def _kind_of(array: Any) -> VectorType:
    return {types.float32: F, types.float64: D}.get(array.dtype, I)


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def load(typingctx: Any, array: Any, index: Any) -> Any:
    """array[index : index + 16] of a flat array."""
    kind = _kind_of(array)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        value = builder.load(vector_pointer(context, builder, sig.args[0], args[0], args[1], kind))
        value.align = 4
        return value

    return kind(array, types.intp), codegen


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def store(typingctx: Any, array: Any, index: Any, value: Any) -> Any:
    """array[index : index + 16] = value of a flat array."""
    kind = _kind_of(array)

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = vector_pointer(context, builder, sig.args[0], args[0], args[1], kind)
        builder.store(args[2], pointer).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, kind), codegen


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def load_within(typingctx: Any, array: Any, index: Any, mask: Any) -> Any:
    """As `load` where the mask is true, 0 elsewhere; nothing else is touched."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = vector_pointer(context, builder, sig.args[0], args[0], args[1], F)
        align = ir.Constant(ir.IntType(32), 4)
        return call(
            builder, "llvm.masked.load.v16f32.p0", F.ir, pointer, align, args[2], ir.Constant(F.ir, [0.0] * LANES)
        )

    return F(array, types.intp, M), codegen


@intrinsic  # type: ignore[untyped-decorator, unused-ignore]
def store_within(typingctx: Any, array: Any, index: Any, value: Any, mask: Any) -> Any:
    """As `store` where the mask is true; nothing else is touched."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = vector_pointer(context, builder, sig.args[0], args[0], args[1], F)
        align = ir.Constant(ir.IntType(32), 4)
        call(builder, "llvm.masked.store.v16f32.p0", ir.VoidType(), args[2], pointer, align, args[3])
        return context.get_dummy_value()

    return types.void(array, types.intp, F, M), codegen


SIXTEEN = types.UniTuple(F, LANES)


@simple(SIXTEEN, SIXTEEN)
def transposed(builder: Any, rows: Any) -> Any:
    """16 vectors as a 16 x 16 block, transposed: quarters change places, then quarters of quarters, ..."""
    vectors = [builder.extract_value(rows, k) for k in range(LANES)]
    for size in (8, 4, 2, 1):
        low = [j if j & size == 0 else LANES + j - size for j in range(LANES)]
        high = [j + size if j & size == 0 else LANES + j for j in range(LANES)]
        for k in (k for k in range(LANES) if k & size == 0):
            a, b = vectors[k], vectors[k + size]
            vectors[k] = builder.shuffle_vector(a, b, constant(I, low))
            vectors[k + size] = builder.shuffle_vector(a, b, constant(I, high))
    result = rows
    for k, vector in enumerate(vectors):
        result = builder.insert_value(result, vector, k)
    return result


_FLUSH = {"x86_64": 0x8040, "AMD64": 0x8040, "aarch64": 1 << 24, "arm64": 1 << 24}.get(platform.machine())
"""Bits of the control register that make denormal numbers 0: MXCSR's FTZ and DAZ, FPCR's FZ."""


@simple(types.int64)
def flush_denormals(builder: Any) -> Any:
    """Denormals are 0 for this thread from here on; returns the state for `restore_denormals`."""
    if _FLUSH is None:
        return ir.Constant(ir.IntType(64), 0)
    if _FLUSH == 1 << 24:
        old = call(builder, "llvm.aarch64.get.fpcr", ir.IntType(64))
        call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), builder.or_(old, ir.Constant(ir.IntType(64), _FLUSH)))
        return old
    slot = cgutils.alloca_once(builder, ir.IntType(32))
    pointer = builder.bitcast(slot, ir.IntType(8).as_pointer())
    call(builder, "llvm.x86.sse.stmxcsr", ir.VoidType(), pointer)
    old = builder.load(slot)
    builder.store(builder.or_(old, ir.Constant(ir.IntType(32), _FLUSH)), slot)
    call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), pointer)
    return builder.zext(old, ir.IntType(64))


@simple(types.void, types.int64)
def restore_denormals(builder: Any, state: Any) -> Any:
    if _FLUSH == 1 << 24:
        call(builder, "llvm.aarch64.set.fpcr", ir.VoidType(), state)
    elif _FLUSH is not None:
        slot = cgutils.alloca_once(builder, ir.IntType(32))
        builder.store(builder.trunc(state, ir.IntType(32)), slot)
        call(builder, "llvm.x86.sse.ldmxcsr", ir.VoidType(), builder.bitcast(slot, ir.IntType(8).as_pointer()))
    return ir.Constant(ir.IntType(8).as_pointer(), None)
