"""Recovery: whether parameters and models of a learning study come out again.

A hundred subjects are simulated with parameters from the priors of a binary HGF of three levels, in 320
trials of a probabilistic association whose probability changes, and fitted. Then subjects of three models
are simulated, and each is fitted by all three. Takes a minute or two; prints tables.

    python examples/recovery.py --out figures
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import jax
import matplotlib.pyplot as plt

import pynodes as pn


def table(frame: object, title: str) -> None:
    """A frame as a table of Markdown."""
    columns = list(frame.columns)  # type: ignore[attr-defined]
    print(f"\n{title}\n")
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for row in frame.itertuples(index=False):  # type: ignore[attr-defined]
        cells = [f"{cell:.2f}" if isinstance(cell, float) else str(cell) for cell in row]
        print("| " + " | ".join(cells) + " |")


def main(arguments: list[str] | None = None) -> None:
    """Simulate, fit, say how long it took, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("figures"), help="folder for the figures")
    parser.add_argument("--subjects", type=int, default=100, help="subjects per model")
    parser.add_argument("--trials", type=int, default=320, help="trials per subject, at most 320")
    parser.add_argument("--seed", type=int, default=1, help="of everything random")
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    jax.config.update("jax_enable_x64", True)

    outcomes = pn.data.association().outcomes[: given.trials]
    design = pn.Trials({"u": outcomes}, inputs="u")
    agents = {
        "HGF, 3 levels": pn.agents.binary_hgf(3),
        "HGF, 2 levels": pn.agents.binary_hgf(2),
        "Rescorla-Wagner": pn.agents.rescorla_wagner(),
    }

    begun = time.perf_counter()
    recovery = pn.parameter_recovery(
        agents["HGF, 3 levels"], design, n=given.subjects, seed=given.seed
    )
    table(recovery.metrics, f"Parameters of {given.subjects} subjects in {given.trials} trials:")
    confusion = pn.model_recovery(agents, design, n=given.subjects, seed=given.seed)
    table(confusion.confusion.reset_index(), "Model with the most evidence, by simulated model:")
    table(confusion.inversion.reset_index(), "Simulated model, by the one with the most evidence:")
    print(f"\n{time.perf_counter() - begun:.0f} seconds")

    for name, found in {"parameter_recovery": recovery, "model_recovery": confusion}.items():
        panels = found.plot()
        panels.savefig(given.out / f"{name}.png", dpi=150)
        plt.close(panels.figure)
        print(f"Wrote {given.out / f'{name}.png'}")


if __name__ == "__main__":
    main()
