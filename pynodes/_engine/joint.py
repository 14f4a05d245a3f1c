"""Joint: nodes that array couplings join settle together, the others hear their children in turn.

One sweep lets every node hear its children once, at its prediction. Between arrays that is too little: a
layer of many units tells its parent what each of them heard, as if the others had heard nothing. Here
all that array couplings join moves together, by Gauss-Newton steps on the energy of the step.

Variables are the errors of free nodes, value minus what is predicted of it, in the order of levels, so
that a prior is as simple for a state with a past as for a layer in between. The curvature is D + J'CJ,
with D the precisions of predictions, J from errors to what comes in at the observed nodes, and C the
curvature of their energies there. Its inverse is the covariance of the errors: layers in between are
integrated out by reading the rows of the states alone. Where posteriors of states are skewed, their moments
are found from there (``marginals.py``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from pynodes._compiler.program import Program, places
from pynodes._core.arithmetic import log, reciprocal
from pynodes._core.beliefs import JointFacts, alongside
from pynodes._core.scheme import AbstractScheme
from pynodes._engine import sweeps
from pynodes._engine.edges import (
    Beliefs,
    ChildMessages,
    Evident,
    active_edges,
    apply_to_group,
    combine_and,
    combine_or,
    sum_inlets,
)
from pynodes._engine.energy import group_surprise
from pynodes._engine.feed import Seen
from pynodes._engine.gates import Gates
from pynodes._engine.marginals import weigh_marginals
from pynodes._engine.structured import evidence_apart
from pynodes._errors import GraphError, ParameterError
from pynodes._typing import Array, Scalar
from pynodes.couplings import AbstractArrayCoupling
from pynodes.nodes._volatile import Volatile, update_inner

SHARES = (1.0, 0.5, 0.25, 0.0625, 0.015625, 0.0)
"""Shares of a Gauss-Newton step, of which the largest that does not raise the energy is taken."""

ROUNDING = 1e-6
"""Share of a prediction's precision below which what is added to it is nothing."""

NODES = (1, 3, 5, 7)
"""Numbers of places along a line that may be asked for."""

INLETS = ("location", "drift")
"""What moves the predicted mean of a node with a past, as far as it is fed."""


@dataclasses.dataclass(frozen=True)
class JointNewton(AbstractScheme):
    """Nodes that array couplings join settle together in every step; the others as under ``ClosedForm``.

    For deep networks that observe states with a past. Layers are believed to be where the energy of the step
    is least, with the inverse of the Gauss-Newton curvature there. States with a past have mean and variance
    of their posterior, all else integrated out at a few places along a line each. In a linear Gaussian block
    that is the step of a Kalman filter. Volatility parents then hear the settled move as they hear any other.

    The surprise of a step is that of all its inputs together, by Laplace's approximation. ``unsettled``, a
    field of beliefs, is how far one more iteration would have moved a value, in posterior standard
    deviations; where that is more than a tenth, ``status`` says so.

    The cost of a step grows with the cube of the number of free units that are joined, times iterations and
    twice ``nodes`` for every element of a state among them.

    Parameters
    ----------
    iterations
        Gauss-Newton steps per step of time; 1 is exact where all functions are linear.
    nodes
        Places at which the posterior of every state with a past is looked at along a line of its own, which
        finds its mean and variance where it is skewed: 3, 5 or 7. With 1, mean and variance are those at the
        least energy.

    Raises
    ------
    ParameterError
        Iterations that are no whole number of at least 1, or another number of nodes.

    Source: Bell and Cathey (1993), doi 10.1109/9.250476, the iterated Kalman filter as a Gauss-Newton method;
    derived for graphs in docs/theory/deep.md.
    """

    iterations: int = 6
    nodes: int = 5

    def __post_init__(self) -> None:
        count = self.iterations
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ParameterError(
                f"JointNewton: iterations must be a whole number of at least 1, not {count!r}."
            )
        if isinstance(self.nodes, bool) or self.nodes not in NODES:
            raise ParameterError(f"JointNewton: nodes must be 1, 3, 5 or 7, not {self.nodes!r}.")

    def infer(
        self, program: Program, beliefs: Beliefs, seen: Seen, dt: Scalar, gates: Gates
    ) -> tuple[Beliefs, Evident]:
        block = find_block(program, frozenset(seen))
        if not block.free:
            return sweeps.update(program, beliefs, seen, dt, gates)
        found, informed = dict(beliefs), dict[int, Any]()
        for index in block.before:
            sweeps.update_group(program, index, found, informed, seen, dt, gates)
        outside = dict(informed) | dict.fromkeys((*block.free, *block.observed), False)
        joint = Joint(program, block, found, outside, seen, dt, gates)
        beliefs_of_block, heard = joint.posterior(joint.settle(self.iterations), self.nodes)
        found |= beliefs_of_block
        informed |= heard
        for index in block.after:
            sweeps.update_group(program, index, found, informed, seen, dt, gates)
        return found, informed

    def report(self, program: Program, index: int, belief: Any) -> dict[str, Array]:
        """How far one more step would have moved a value, in posterior standard deviations."""
        if index not in find_joined(program) or not program.nodes[index].learns:
            return {}
        settled = belief.settled
        still = jnp.zeros_like(belief.mean)
        return {"unsettled": still if settled is None else settled.remaining}

    def evidence_gain(self, beliefs: Beliefs) -> Array | None:
        found = [getattr(belief, "settled", None) for belief in beliefs.values()]
        gains = [jnp.sum(settled.gain) for settled in found if settled is not None]
        return sum(gains[1:], start=gains[0]) if gains else None


@dataclasses.dataclass(frozen=True)
class JointBlock:
    """What settles together, by the numbers of groups, and what is updated before and after it.

    Attributes
    ----------
    free
        Groups that move, parents first.
    observed
        Groups that were seen and that a free one predicts.
    before, after
        The other groups, children first: those below a free one, and all others.
    """

    free: tuple[int, ...]
    observed: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def find_joined(program: Program) -> set[int]:
    """The groups that array couplings join."""
    schedule, joined = program.schedule, set[int]()
    for index in schedule.upward:
        for bundle in schedule.groups[index].down:
            coupling = program.couplings[bundle.couplings.sources[0]]
            if isinstance(coupling, AbstractArrayCoupling) and not bundle.lagged:
                joined |= {index, *bundle.ends.sources}
    return joined


def find_block(program: Program, seen: frozenset[int]) -> JointBlock:
    """The groups that array couplings join, as far as something is seen below them.

    Raises
    ------
    GraphError
        A free group of them is a volatility parent, whose children it hears by another rule.
    """
    schedule = program.schedule
    joined, told, below = find_joined(program), set[int](), set[int]()
    for index in schedule.upward:  # children first
        group = schedule.groups[index]
        ends = {end for bundle in group.up if not bundle.lagged for end in bundle.ends.sources}
        if index in seen or ends & told:
            told.add(index)
    free = tuple(
        index
        for index in schedule.downward
        if index in joined and index in told - seen and program.nodes[index].learns
    )
    for index in free:
        if any(bundle.volatile for bundle in schedule.groups[index].up):
            raise GraphError(
                "JointNewton: an array that predicts others is a volatility parent too, and hears its "
                "children by two rules. Put a state in between, or use ClosedForm()."
            )
    for index in schedule.downward:
        ends = {end for bundle in schedule.groups[index].down for end in bundle.ends.sources}
        if ends & (below | set(free)):
            below.add(index)
    observed = tuple(i for i in schedule.downward if i in joined & seen & below)
    rest = [index for index in schedule.upward if index not in free]
    return JointBlock(
        free=free,
        observed=observed,
        before=tuple(index for index in rest if index in below),
        after=tuple(index for index in rest if index not in below),
    )


class Joint:
    """The energy of one step along the errors of a block, and its least."""

    def __init__(
        self,
        program: Program,
        block: JointBlock,
        beliefs: Beliefs,
        outside: Evident,
        seen: Seen,
        dt: Scalar,
        gates: Gates,
    ) -> None:
        self.program, self.block, self.beliefs = program, block, beliefs
        self.seen, self.dt, self.gates = seen, dt, gates
        start = {i: jnp.zeros_like(beliefs[i].predicted_mean) for i in block.free}
        self.start, self.unravel = ravel_pytree(start)
        self.precisions = self.flat(self.own_precision)
        self.moves = self.flat(lambda i: gates.get(i, True))
        self.center = self.flat(lambda i: beliefs[i].predicted_mean)
        # Children that are no part of the block say what they say in closed form.
        told = {i: sum_value_evidence(program, i, beliefs, outside, dt) for i in block.free}
        self.told = {i: heard.flag for i, heard in told.items()}
        self.pull = self.flat(lambda i: told[i].gradient)
        self.stiffness = self.flat(lambda i: told[i].curvature)
        self.apart = sum((heard.apart for heard in told.values()), start=jnp.zeros(()))

    def flat(self, part: Callable[[int], Any]) -> Array:
        """One number for every error, from those of groups."""
        kind = self.start.dtype
        parts = []
        for index in sorted(self.block.free):
            mean = self.beliefs[index].predicted_mean
            value = jnp.asarray(part(index))
            parts.append(jnp.ravel(jnp.broadcast_to(alongside(value, mean), jnp.shape(mean))))
        return jnp.concatenate(parts).astype(kind)

    def own_precision(self, index: int) -> Array:
        """Precision of a group around what its parents in the block make of it."""
        belief = self.beliefs[index]
        inner = self.depends(index)
        return 1 / (belief.conditional_variance if inner else belief.predicted_variance)

    def depends(self, index: int) -> bool:
        """Whether a group has parents in the block that move its mean."""
        return any(
            end in self.block.free
            for bundle in self.program.schedule.groups[index].down
            if not bundle.lagged
            for end in bundle.ends.sources
        )

    def reach(self, errors: Array) -> tuple[Array, Array]:
        """What comes in at observed groups, and the values of free ones, each as a vector."""
        view, values, parts = dict(self.beliefs), {}, self.unravel(errors)
        for index in self.block.free:
            node = self.program.nodes[index]
            values[index] = self.mean(index, view) + parts[index]
            known_as = apply_to_group(self.program, index, type(node).known_as)
            view[index] = known_as(node, self.beliefs[index], values[index])
        inlets = {i: self.inlets(i, view) for i in self.block.observed}
        return ravel_pytree(inlets)[0], ravel_pytree(values)[0]

    def mean(self, index: int, view: Mapping[int, Any]) -> Array:
        """What a group's parents predict of it, at their values."""
        belief, node = self.beliefs[index], self.program.nodes[index]
        if not self.depends(index):
            return belief.predicted_mean
        inlet = sum_inlets(self.program, index, view, self.dt)
        if not node.has_memory:
            rule = apply_to_group(self.program, index, predict_afresh)
            return rule(node, inlet, self.dt)
        before = sum_inlets(self.program, index, self.beliefs, self.dt)
        reach = self.dt if belief.interval is None else alongside(belief.interval, belief.mean)
        moved = [inlet[name] - before[name] for name in INLETS if name in inlet]
        return belief.predicted_mean + reach * sum(moved, start=jnp.zeros(()))

    def inlets(self, index: int, view: Mapping[int, Any]) -> dict[str, Array]:
        """What comes in at an observed group."""
        found = sum_inlets(self.program, index, view, self.dt)
        return {name: jnp.asarray(sent, self.start.dtype) for name, sent in found.items()}

    def leaf_energy(self, came: Array) -> Array:
        """Energy of what was observed, by what comes in there."""
        like = {i: self.inlets(i, self.beliefs) for i in self.block.observed}
        inlets = ravel_pytree(like)[1](came)
        total = jnp.zeros(())
        for index in self.block.observed:
            node, (value, observed) = self.program.nodes[index], self.seen[index]
            mean = self.beliefs[index].predicted_mean
            if observed is not True:  # a number that is there, so that no slope is lost to NaN
                value = jnp.where(alongside(observed, mean), value, mean)
            term = apply_to_group(self.program, index, node_energy)(node, value, inlets[index])
            if observed is not True:
                term = jnp.where(alongside(observed, term), term, 0.0)
            total = total + jnp.sum(term)
        return total

    def energy(self, errors: Array) -> Array:
        """Energy of the step: of predictions, of what was observed, and of other children."""
        came, values = self.reach(errors)
        away = values - self.center
        own = 0.5 * jnp.sum(self.precisions * errors**2)
        others = jnp.sum(away * (0.5 * self.stiffness * away - self.pull))
        return own + others + self.leaf_energy(came)

    def linearise(self, errors: Array) -> tuple[Array, Array, Array]:
        """Slope and Gauss-Newton curvature along errors, and how values follow from them."""
        came, values = self.reach(errors)
        inward, onward = jax.jacfwd(self.reach)(errors)
        slope = jax.grad(self.leaf_energy)

        def bend(direction: Array) -> Array:
            return jax.jvp(slope, (came,), (direction,))[1]

        bent = jax.vmap(bend, in_axes=1, out_axes=1)(inward)
        away = values - self.center
        along = self.precisions * errors + inward.T @ slope(came)
        along = along + onward.T @ (self.stiffness * away - self.pull)
        curvature = jnp.diag(self.precisions) + inward.T @ bent
        curvature = curvature + onward.T @ (self.stiffness[:, None] * onward)
        # What a closed gate holds has a curvature of its own and no slope.
        held = self.moves[:, None] * self.moves[None, :]
        curvature = held * curvature + jnp.diag(1 - self.moves)
        return self.moves * along, curvature, onward

    def settle(self, iterations: int) -> Array:
        """Errors of least energy, after so many steps that never raise it."""
        shares = jnp.asarray(SHARES, self.start.dtype)

        def step(_: Any, errors: Array) -> Array:
            slope, curvature, _ = self.linearise(errors)
            direction = -jax.scipy.linalg.solve(curvature, slope, assume_a="pos")
            reached = jax.vmap(lambda share: self.energy(errors + share * direction))(shares)
            fine = (reached <= self.energy(errors)).at[-1].set(True)
            return errors + shares[jnp.argmax(fine)] * direction

        return jax.lax.fori_loop(0, iterations, step, self.start)

    def heard(self, index: int, elements: Array) -> Any:
        """Whether a group learned something, given which of its elements anything observed depends on."""
        seen: Any = self.told[index]
        for leaf in self.block.observed:
            observed = self.seen[leaf][1]
            seen = combine_or(seen, observed if isinstance(observed, bool) else jnp.any(observed))
        seen = combine_and(seen, self.gates.get(index, True))
        return seen if isinstance(seen, bool) else combine_and(seen, elements)

    def gain(self, errors: Array, curvature: Array) -> Array:
        """What the inputs say together, less what each says by itself, by Laplace's approximation."""
        flat = (self.precisions <= 0) | (self.moves == 0)
        own = jnp.sum(log(jnp.where(flat, 1.0, self.precisions)))
        joint = 0.5 * (own - jnp.linalg.slogdet(curvature)[1]) - self.energy(errors)
        for index in self.block.observed:
            surprise = group_surprise(self.program, index, self.beliefs[index], self.seen[index][1])
            joint = joint + jnp.sum(surprise)
        return joint - self.apart

    def find_remembered(self) -> np.ndarray:
        """Where among all free elements those with a past are."""
        found, first = list[int](), 0
        for index in sorted(self.block.free):
            last = first + jnp.size(self.beliefs[index].predicted_mean)
            if self.program.nodes[index].has_memory:
                found.extend(range(first, last))
            first = last
        return np.array(found, int)

    def expand(self, errors: Array) -> tuple[Array, Array, Array]:
        """The energy, its slope and its curvature."""
        return self.energy(errors), *self.linearise(errors)[:2]

    def posterior(self, errors: Array, nodes: int) -> tuple[Beliefs, dict[int, Any]]:
        """Beliefs of free groups, and who learned something."""
        slope, curvature, onward = self.linearise(errors)
        covariance = jnp.linalg.inv(curvature) * self.moves[None, :]
        spread = jnp.sum(onward @ covariance * onward, axis=1)
        told = jnp.diag(curvature) > self.precisions * (1 + ROUNDING)
        means, variances = self.reach(errors)[1], spread
        states = self.find_remembered()
        if nodes > 1 and states.size:
            rows = onward[states]
            moved, own = weigh_marginals(self.expand, errors, covariance, rows, nodes)
            means, variances = means.at[states].add(moved), spread.at[states].set(own)
        means, variances = self.unravel(means), self.unravel(variances)
        elements = self.unravel(told.astype(spread.dtype))
        step = jnp.abs(onward @ (covariance @ slope)) * jnp.sqrt(reciprocal(spread))
        remaining = self.unravel(jnp.where(spread > 0, step, 0.0))
        gain = self.gain(errors, curvature) / len(self.block.free)
        found, heard = {}, {}
        for index in self.block.free:
            node, belief = self.program.nodes[index], self.beliefs[index]
            flag = heard[index] = self.heard(index, elements[index] > 0)
            learned = belief.updated(means[index], variances[index])
            if isinstance(learned, Volatile):
                rule = apply_to_group(self.program, index, update_inner_level)
                learned = rule(node, learned)
            learned = learned if flag is True else learned.where(flag)
            rank = places(self.program.schedule.groups[index].size, 1)
            share = jnp.full(rank, gain / self.program.schedule.groups[index].size)
            settled = JointFacts(remaining=remaining[index], gain=share)
            learned = dataclasses.replace(learned, settled=settled)
            apart = jnp.ndim(flag) > len(rank)
            found[index] = dataclasses.replace(learned, evident=flag) if apart else learned
        return found, heard


@dataclasses.dataclass
class Said:
    """What children that are no part of a block say of a group.

    Attributes
    ----------
    gradient, curvature
        Of their log density, at the group's prediction.
    apart
        Log evidence of each child by itself, summed.
    flag
        Which nodes heard any.
    """

    gradient: Any = 0.0
    curvature: Any = 0.0
    apart: Any = 0.0
    flag: Any = False


def sum_value_evidence(
    program: Program, index: int, beliefs: Beliefs, informed: Evident, dt: Scalar
) -> Said:
    """What the value children say that learned something, each by its coupling."""
    said, belief = Said(), beliefs[index]
    for bundle, wiring in zip(program.schedule.groups[index].up, program.up[index], strict=True):
        flags = active_edges(program, index, bundle, wiring, informed)
        if bundle.lagged or flags is False:
            continue
        children = ChildMessages(program, index, bundle, wiring, beliefs, flags)
        sent = children.edge_evidence(dt)
        said.gradient = said.gradient + children.sum_edges(sent.gradient)
        said.curvature = said.curvature + children.sum_edges(sent.curvature)
        said.apart = said.apart + jnp.sum(evidence_apart(children, sent, belief, dt))
        said.flag = combine_or(said.flag, children.any_active())
    return said


def predict_afresh(node: Any, inlet: Any, dt: Scalar) -> Array:
    """What a node without a past is predicted to be."""
    return node.predict(node.init(), inlet, dt).predicted_mean


def node_energy(node: Any, value: Array, inlet: Any) -> Array:
    """Energy of a node at a value."""
    return node.energy(value, inlet)


def update_inner_level(node: Any, belief: Any) -> Any:
    """A belief with an inner level that has heard the move."""
    return update_inner(node.expansion, belief)
