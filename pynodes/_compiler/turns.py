"""Turns: in which order nodes predict, and are heard, where inputs are taken one after another."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pynodes._compiler.program import Group, Turn


def order_turns(groups: Sequence[Group], is_input: Callable[[int], bool]) -> tuple[Turn, ...]:
    """The turns of one step, each group being one node.

    Going down, a node predicts from what its parents believe now. Its inputs follow at once, as soon as all
    of their parents have predicted; each is heard by its parents before the next is predicted. What a node
    has heard from its inputs its own parents then hear, before any other of its children predicts. A node
    without inputs is heard once all of its children were.
    """
    parents = [
        {end for bundle in g.down if not bundle.lagged for end in bundle.ends.sources}
        for g in groups
    ]
    children = [{i for i, above in enumerate(parents) if n in above} for n in range(len(groups))]
    turns: list[Turn] = []
    predicted: set[int] = set()
    heard: set[int] = set()

    def hear(index: int) -> None:
        if index not in heard:
            heard.add(index)
            turns.append(Turn(index, predicts=False))
        for parent in sorted(parents[index]):
            if parent not in heard and children[parent] <= heard:
                hear(parent)

    def visit(index: int) -> None:
        predicted.add(index)
        turns.append(Turn(index, predicts=True))
        ready = [c for c in sorted(children[index]) if parents[c] <= predicted]
        inputs = [child for child in ready if is_input(child)]
        for child in inputs:
            predicted.add(child)
            turns.append(Turn(child, predicts=True))
            hear(child)
        if inputs or not children[index]:
            hear(index)
        for child in sorted(set(ready) - set(inputs), reverse=True):
            if child not in predicted:
                visit(child)

    for index in reversed(range(len(groups))):
        if index not in predicted and not parents[index]:
            visit(index)
    return tuple(turns)
