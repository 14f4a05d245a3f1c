"""Local scores: every child by itself, since the evidence of its parents is that of its own series.

Where each input is a regression on what is known, or on what other inputs were before, log evidences of
children add, and the evidence of a child depends on its own parents alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from pynodes._compiler.labels import Labels
from pynodes._compiler.program import Program
from pynodes._engine.feed import Feed
from pynodes._errors import InputError, quote
from pynodes._runtime.derivatives import total_surprise
from pynodes._runtime.inputs import read_inputs
from pynodes._runtime.parameters import replace_parameters
from pynodes._runtime.runs import name_inputs
from pynodes._typing import Array
from pynodes.couplings import Term
from pynodes.nodes import ConstantState, RegressionInput, Regressor
from pynodes.structure.regression import Regression, tabulate
from pynodes.structure.score import AbstractScore
from pynodes.structure.space import Space

LISTED = 16
"""Children with so many candidate parents have all sets of them listed."""

LANES = 64
"""Sets of edges that are filtered side by side."""


@dataclasses.dataclass(frozen=True, eq=False)
class Child:
    """An input with its candidate parents.

    Attributes
    ----------
    name
        Its name.
    edges
        Places of the edges to it among the candidates of the space.
    regression
        The sums of its series, terms that are certain first and candidates after them; None where strengths
        drift, so that each set of parents is filtered.
    certain
        How many terms are certain.
    """

    name: str
    edges: np.ndarray
    regression: Regression | None
    certain: int = 0

    def widen(self, masks: np.ndarray) -> np.ndarray:
        """Sets of candidates as sets of terms, those that are certain included."""
        return np.concatenate([np.ones((len(masks), self.certain), bool), masks], axis=1)


@dataclasses.dataclass(frozen=True, eq=False)
class LocalScore(AbstractScore):
    """Exact evidence of graphs whose children can be scored apart.

    Attributes
    ----------
    space
        The graphs.
    children
        Every input.
    given
        The series, times, and which observations count, for children that must be filtered.
    """

    space: Space
    children: tuple[Child, ...]
    given: tuple[Any, ...]

    @property
    def labels(self) -> Labels:
        """Names of the network with all edges."""
        return self.space.network.labels

    @property
    def program(self) -> Program:
        """The network with all edges."""
        return self.space.network.program

    @cached_property
    def feed(self) -> Feed:
        """What the filter is given."""
        return read_inputs(self.labels, *self.given)

    def how(self) -> tuple[str, ...]:
        """How every edge is scored."""
        return ("exact",) * len(self.space.edges)

    @cached_property
    def tables(self) -> tuple[np.ndarray, ...]:
        """Log evidence of every set of parents of every child, for children that have few candidates."""
        filtered = [child for child in self.children if child.regression is None]
        found = dict(zip([c.name for c in filtered], self.filter_tables(filtered), strict=True))
        alike: dict[tuple[int, int], dict[str, Regression]] = {}
        for child in self.children:
            if child.regression is not None:
                form = (child.certain, len(child.edges))
                alike.setdefault(form, {})[child.name] = child.regression
        for (certain, _), members in alike.items():
            tables = tabulate(list(members.values()), certain)
            found |= dict(zip(members, tables, strict=True))
        return tuple(found[child.name] for child in self.children)

    def filter_tables(self, children: list[Child]) -> list[np.ndarray]:
        """The same by filtering, all children at once: one mask has a set of parents of each."""
        if not children:
            return []
        most = max(len(child.edges) for child in children)
        masks = np.ones((2**most, len(self.space.edges)), bool)
        for child in children:
            count = len(child.edges)
            numbers = np.arange(2**most) % 2**count
            masks[:, child.edges] = to_bits(numbers, count)
        found = self.by_input(masks)
        return [found[child.name][: 2 ** len(child.edges)] for child in children]

    def by_input(self, masks: np.ndarray) -> dict[str, np.ndarray]:
        """Log evidence of every input under some sets of edges, by the filter."""
        names = strength_names(self.space)
        parts = []
        for first in range(0, len(masks), LANES):
            part = masks[first : first + LANES]
            padded = np.concatenate([part, np.repeat(part[-1:], LANES - len(part), axis=0)])
            surprise = filter_masks(
                self.program, self.feed, padded, labels=self.labels, names=names
            )
            parts.append(np.asarray(surprise, float)[: len(part)])
        whole = np.concatenate(parts)
        return {
            name: -np.asarray(column)
            for name, column in name_inputs(self.labels, self.feed, jnp.asarray(whole).T).items()
        }

    def evidence(self, masks: np.ndarray) -> np.ndarray:
        """Log evidence of some graphs."""
        masks = np.asarray(masks, bool)
        if all(len(child.edges) <= LISTED for child in self.children):
            numbers = [to_numbers_of(masks[:, child.edges]) for child in self.children]
            parts = zip(self.tables, numbers, strict=True)
            return np.sum([table[number] for table, number in parts], axis=0)
        total = np.zeros(len(masks))
        filtered = None
        for child in self.children:
            if child.regression is None:
                filtered = self.by_input(masks) if filtered is None else filtered
                total += filtered[child.name]
            else:
                total += child.regression.evidence(child.widen(masks[:, child.edges]))
        return total

    def strengths(self, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Posterior mean and variance of every strength in some graphs; not a number where they drift."""
        mean = np.full((len(masks), len(self.space.edges)), np.nan)
        variance = mean.copy()
        for child in self.children:
            if child.regression is not None:
                on = child.widen(masks[:, child.edges])
                found = child.regression.strengths(on)
                mean[:, child.edges], variance[:, child.edges] = (
                    part[:, child.certain :] for part in found
                )
        return mean, variance


@partial(jax.jit, static_argnames=("labels", "names"))
def filter_masks(
    program: Program, feed: Feed, masks: Array, *, labels: Labels, names: tuple[str, ...]
) -> Array:
    """Surprise of every input under some sets of edges, of shape (masks, inputs)."""

    def one(mask: Array) -> Array:
        revised = replace_parameters(program, labels, {names: mask.astype(float)})
        return total_surprise(revised, feed, None, "input")

    return jax.vmap(one)(masks)


def strength_names(space: Space) -> tuple[str, ...]:
    """Names of the parameters that the candidates' masks multiply."""
    return tuple(f"{name}.strength" for name in space.edges)


def to_bits(numbers: np.ndarray, count: int) -> np.ndarray:
    """Binary digits of some numbers, the highest first."""
    return (numbers[:, None] >> np.arange(count)[::-1]) & 1 > 0


def to_numbers_of(bits: np.ndarray) -> np.ndarray:
    """The numbers of some binary digits."""
    return bits.astype(int) @ (1 << np.arange(bits.shape[1])[::-1])


def is_local(space: Space) -> bool:
    """Whether every input is a regression on what is known, and nothing else is integrated."""
    graph = space.graph
    if space.free or space.strength:
        return False
    known = (Regressor, ConstantState)
    parents = {parent for parent, _, _ in graph.edges}
    return all(
        isinstance(node, RegressionInput) or (isinstance(node, known) and name in parents)
        for name, node in graph.nodes.items()
    ) and all(isinstance(coupling, Term) for _, _, coupling in graph.edges)


def make_local_score(
    space: Space,
    series: Mapping[str, np.ndarray],
    dt: Any,
    observed: Mapping[str, np.ndarray] | None,
    frozen: np.ndarray | None,
) -> LocalScore:
    """The scores of a space whose children can be scored apart."""
    given = (dict(series), dt, observed, frozen)
    if set(series) != set(space.graph.inputs) or not all(map(is_plain, series.values())):
        read_inputs(space.network.labels, *given)  # which says what is wrong
        per_step = [name for name in series if name not in space.graph.nodes]
        if per_step:
            raise InputError(
                f"{quote(per_step)} is known per step, which exact scores of regressions do not take. Leave "
                "it out, or integrate strengths by Laplace's method: space(..., strength=pn.Normal(0, 1))."
            )
    children = make_children(space, series, observed or {}, frozen)
    return LocalScore(space=space, children=children, given=given)


def is_plain(values: np.ndarray) -> bool:
    """Whether a series is one of numbers and gaps."""
    return values.ndim == 1 and len(values) > 0 and not np.isinf(values).any()


def make_children(
    space: Space,
    series: Mapping[str, np.ndarray],
    observed: Mapping[str, np.ndarray],
    frozen: np.ndarray | None,
) -> tuple[Child, ...]:
    """Every input with the sums of its series; those that are observed at the same steps share them."""
    nodes: dict[str, Any] = dict(space.graph.nodes)
    names = [name for name, node in nodes.items() if isinstance(node, RegressionInput)]
    steps = len(next(iter(series.values())))
    parents = [name for name, node in nodes.items() if isinstance(node, Regressor | ConstantState)]
    columns = [
        series[name]
        if isinstance(nodes[name], Regressor)
        else np.full(steps, float(np.asarray(nodes[name].value)))
        for name in parents
    ]
    seen = {name: find_seen(name, series, observed, frozen) for name in names}
    patterns = {mask.tobytes(): mask for mask in seen.values()}
    sums = {}
    for pattern, mask in patterns.items():
        whole = np.stack([*columns, *(series[n] for n in names)], axis=1)[mask]
        sums[pattern] = whole.T @ whole
    places = {name: place for place, name in enumerate([*parents, *names])}
    edges = divide_edges(space)
    return tuple(
        make_child(space, name, edges[name], places, sums[seen[name].tobytes()], seen[name])
        for name in names
    )


def divide_edges(space: Space) -> dict[str, tuple[list[str], np.ndarray]]:
    """Names of the certain edges of every child, and places of its candidates."""
    found: dict[str, tuple[list[str], list[int]]] = {name: ([], []) for name in space.graph.inputs}
    for place, (_, child, _) in enumerate(space.keys):
        found[child][1].append(place)
    candidates = set(space.edges)
    for edge, (_, child, _) in space.named.items():
        if edge not in candidates:
            found[child][0].append(edge)
    return {name: (sure, np.array(maybe, int)) for name, (sure, maybe) in found.items()}


def find_seen(
    name: str,
    series: Mapping[str, np.ndarray],
    observed: Mapping[str, np.ndarray],
    frozen: np.ndarray | None,
) -> np.ndarray:
    """At which steps an input is observed."""
    seen = np.isfinite(series[name])
    if name in observed:
        seen = seen & np.asarray(observed[name], bool)
    return seen if frozen is None else seen & ~np.asarray(frozen, bool)


def make_child(
    space: Space,
    name: str,
    edges: tuple[list[str], np.ndarray],
    places: Mapping[str, int],
    sums: np.ndarray,
    seen: np.ndarray,
) -> Child:
    """One input, its sums taken out of those of all parents and inputs."""
    node: Any = space.graph.nodes[name]
    sure, candidates = edges
    if float(np.asarray(node.tonic_volatility)) > -np.inf:
        return Child(name, candidates, None)
    order = [space.named[edge] for edge in [*sure, *(space.edges[i] for i in candidates)]]
    terms = np.array([places[parent] for parent, _, _ in order], int)
    factors = np.array([float(np.asarray(c.strength)) for _, _, c in order])  # type: ignore[attr-defined]
    components = np.array([int(coupling.component) for _, _, coupling in order], int)  # type: ignore[attr-defined]
    own = places[name]
    regression = Regression.from_sums(
        node,
        gram=sums[np.ix_(terms, terms)] * np.outer(factors, factors),
        moment=sums[terms, own] * factors,
        square=float(sums[own, own]),
        count=float(seen.sum()),
        places=components,
    )
    return Child(name, candidates, regression, len(sure))
