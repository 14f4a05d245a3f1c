"""Newton's searches: few workers find what as many workers as searches find."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pynodes._inference.newton import minimise, minimise_in_turn
from tests.few import few

STARTS = jnp.array(
    [[-1.2, 1.0], [3.0, -2.0], [0.0, 10.0], [1.0, 1.0], [-4.0, -4.0], [2.0, 2.0], [0.1, 0.0]]
)
BENDS = jnp.array([100.0, 1.0, 3.0, 100.0, 20.0, 5.0, 0.1])
"""How narrow the valley of every lane is."""


@functools.cache
def find_expected():
    return jax.jit(lambda start: minimise(lambda at: valley(at, BENDS), start, 100))(STARTS)


def valley(at, bend):
    x, y = at[..., 0], at[..., 1]
    bend = jnp.broadcast_to(bend, x.shape)
    return (1 - x) ** 2 + bend * (y - x**2) ** 2


@pytest.mark.parametrize(
    ("workers", "by_differences"),
    [*few([(3, False), (1, False), (7, False), (50, False)], 1), (3, True)],
)
def test_searches_in_turn_end_where_those_side_by_side_do(workers, by_differences):
    """Each with the data of its own lane, whoever worked on it before; also by differences."""
    expected = find_expected()

    def own(at, lane):
        return valley(at, BENDS[lane])

    ways = {"workers": workers, "by_differences": by_differences}
    found = jax.jit(lambda start: minimise_in_turn(own, start, 100, **ways))(STARTS)

    assert bool(jnp.all(found.converged))
    np.testing.assert_allclose(found.place, expected.place, atol=1e-9)
    np.testing.assert_allclose(
        found.hessian, expected.hessian, rtol=1e-4 if by_differences else 1e-7
    )
    assert by_differences or found.steps.tolist() == expected.steps.tolist()


def test_a_search_that_is_given_up_leaves_its_place_to_the_next():
    """The first needs many steps, the others two."""

    def slow(at, lane):
        return jnp.where(lane == 0, jnp.sqrt(1 + at[..., 0] ** 4), at[..., 0] ** 2)

    found = minimise_in_turn(slow, jnp.full((4, 1), 3.0), 5, workers=2)

    assert found.converged.tolist() == [False, True, True, True]
    assert found.steps.tolist() == [5, 2, 2, 2]


def test_a_search_keeps_out_of_where_derivatives_overflow():
    """Its first step leads to a lower place beyond two, where there are values but no derivatives."""

    def cut(at, lane):
        x = at[..., 0]
        return jnp.sqrt(1 + (x - 1.9) ** 2) + 0.0 * jnp.sqrt(jnp.maximum(2.0 - x, 0.0))

    found = minimise_in_turn(cut, jnp.array([[-1.0], [3.0]]), 50, workers=2)

    assert found.converged.tolist() == [True, False]
    assert found.place[0, 0] == pytest.approx(1.9, abs=1e-7)
    assert found.value[1] == jnp.inf
