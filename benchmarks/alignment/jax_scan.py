"""The same recursion as a JAX scan over anti-diagonals, jitted, with its gradient: what one would write in JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def value_and_gradient(gamma: float) -> Callable[..., Any]:
    """f(s (b, n, m), go, ge) -> (sum of scores, gradients). Raises ImportError where JAX is missing."""
    import jax
    import jax.numpy as jnp

    floor = -1e9

    def soft_max(*terms: Any) -> Any:
        return gamma * jax.nn.logsumexp(jnp.stack(terms) / gamma, axis=0)

    def score(s: Any, go: Any, ge: Any) -> Any:
        n, m = s.shape
        rows = jnp.arange(n)
        columns = jnp.arange(n + m - 1)[:, None] - rows
        inside = (columns >= 0) & (columns < m)
        skewed = jnp.where(inside, s[rows, jnp.clip(columns, 0, m - 1)], 0.0)
        nothing = jnp.full(n, floor)

        def above(cells: Any) -> Any:
            return jnp.concatenate([jnp.full(1, floor), cells[:-1]])

        def step(carry: Any, cells: Any) -> Any:
            (d2, d1, x2, x1, y2, y1), (values, valid) = carry, cells
            d = values + soft_max(jnp.zeros(n), above(d2), above(x2), above(y2))
            x = soft_max(d1 - go, x1 - ge)
            y = soft_max(above(d1) - go, above(x1) - go, above(y1) - ge)
            d, x, y = (jnp.where(valid, jnp.maximum(v, floor), floor) for v in (d, x, y))
            return (d1, d, x1, x, y1, y), d

        _, d = jax.lax.scan(step, (nothing,) * 6, (skewed, inside))
        return gamma * jax.nn.logsumexp(jnp.where(inside, d, floor).ravel() / gamma)

    def total(s: Any, go: Any, ge: Any) -> Any:
        return jax.vmap(score, in_axes=(0, None, None))(s, go, ge).sum()

    return jax.jit(jax.value_and_grad(total, argnums=(0, 1, 2)))
