"""ClosedForm: the scheme of temporal filters, one upward sweep."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from pynodes._compiler.program import Program
from pynodes._core.scheme import AbstractScheme
from pynodes._engine import sweeps
from pynodes._engine.edges import Beliefs, Evident
from pynodes._engine.feed import Seen
from pynodes._engine.gates import Gates
from pynodes._typing import Scalar


@dataclasses.dataclass(frozen=True)
class ClosedForm(AbstractScheme):
    """One sweep in closed form: every node is updated once, leaves first, by its expansion.

    Source: Mathys et al. (2011), doi 10.3389/fnhum.2011.00039; Weber et al. (2023), arXiv 2305.10937.
    """

    learns_in_part: ClassVar = True

    def infer(
        self, program: Program, beliefs: Beliefs, seen: Seen, dt: Scalar, gates: Gates
    ) -> tuple[Beliefs, Evident]:
        return sweeps.update(program, beliefs, seen, dt, gates)
