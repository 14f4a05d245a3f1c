"""Compare pynodes with pyhgf 0.3.2, side by side in one run, and print a table of ratios.

usage: python tests/benchmarks/compare.py [--rounds 5] [--schemes unbounded eHGF] [--fan 10]

Makes the peer's virtual environments on first use (``.peer/``: one with the JAX that pyhgf pins, one
with the newest). Then, in every round, each side runs all workloads in a fresh process, turn by turn;
the ratios are of medians over the rounds. Needs Python 3.12 or later for the peer.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEER = "pyhgf==0.3.2"

DEMANDS = [
    ("full trajectories, user-level call, against Rust", "filter", "filter_rust", 1),
    ("full trajectories, user-level call, against JAX", "filter", "filter", 10),
    ("surprise", "surprise", "surprise", 2),
    ("value and gradient, 3 parameters", "gradient", "gradient", 2),
    ("value and gradient, 3 parameters, peer on new JAX", "gradient", "gradient_new", "–"),
    ("1,024 subjects, value and gradient", "cohort", "cohort", "–"),
    ("import to first result", "start", "start", "–"),
    ("fan of 21 nodes, first result", "fan_first", "fan_first", 20),
    ("fan of 21 nodes, 300 steps", "fan", "fan", 30),
    ("fan of 21 nodes, 300 steps, peer on new JAX", "fan", "fan_new", 30),
]
"""What is compared: a name, our figure, the peer's, and the ratio aimed at."""


def python_for_peer() -> str:
    """An interpreter that pyhgf supports."""
    if (3, 12) <= sys.version_info < (3, 14):
        return sys.executable
    for version in ("3.13", "3.12"):
        found = shutil.which(f"python{version}")
        if (
            found
            and subprocess.run([found, "-c", "pass"], capture_output=True, check=False).returncode
            == 0
        ):
            return found
    sys.exit("The peer needs Python 3.12 or 3.13: run this script with one, or put it on the path.")


def environment(name: str, *packages: str) -> Path:
    """The interpreter of a virtual environment, made if it is not there."""
    folder = ROOT / ".peer" / name
    if not (folder / "bin" / "python").exists():
        print(f"making {folder.relative_to(ROOT)}: {' '.join(packages)}", file=sys.stderr)
        subprocess.run([python_for_peer(), "-m", "venv", folder], check=True)
        for package in packages:
            subprocess.run([folder / "bin" / "pip", "install", "-q", *package.split()], check=True)
    return folder / "bin" / "python"


def figures(python: Path | str, script: str, *options: str) -> dict[str, float]:
    """What one process measured."""
    place = {**os.environ, "PYTHONPATH": str(HERE), "PYTHONWARNINGS": "ignore"}
    if script == "ours.py":
        place["PYTHONPATH"] = os.pathsep.join([str(HERE), str(ROOT)])
    call = [str(python), str(HERE / script), *options]
    done = subprocess.run(call, check=True, capture_output=True, text=True, env=place)
    return json.loads(done.stdout.strip().splitlines()[-1])


def compared(
    scheme: str, rounds: int, fan: int, pythons: dict[str, Path | str]
) -> dict[str, list[float]]:
    """Every figure of both sides, over the rounds: ours by name, the peer's after ``peer ``."""
    kept: dict[str, list[float]] = {}
    options = ["--scheme", scheme, "--fan", str(fan)]
    for _ in range(rounds):
        ours = figures(pythons["ours"], "ours.py", *options)
        peer = figures(pythons["pinned"], "peer.py", *options)
        new = figures(pythons["new"], "peer.py", *options, "--only-gradient")
        peer |= {f"{name}_new": value for name, value in new.items() if name in ("gradient", "fan")}
        for side, found in (("", ours), ("peer ", peer)):
            found["start"] = found["import"] + found["first_filter"]
            for name, value in found.items():
                if isinstance(value, float):
                    kept.setdefault(side + name, []).append(value)
    return kept


def report(scheme: str, kept: dict[str, list[float]]) -> None:
    """The table of one scheme."""
    print(f"\n### {scheme}\n")
    print("| workload | pynodes | peer | ratio | range | aim |")
    print("|---|---|---|---|---|---|")
    for name, mine, theirs, aim in DEMANDS:
        ours, peer = kept.get(mine), kept.get("peer " + theirs)
        if not ours or not peer:
            continue
        ratios = sorted(p / o for p, o in zip(peer, ours, strict=True))
        middle = statistics.median(peer) / statistics.median(ours)
        print(
            f"| {name} | {short(statistics.median(ours))} | {short(statistics.median(peer))} | "
            f"**{middle:.1f}** | {ratios[0]:.1f} to {ratios[-1]:.1f} | {aim} |"
        )


def short(seconds: float) -> str:
    """A time in a unit that suits it."""
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.2f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f} µs"


def main() -> None:
    """Make the environments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--schemes", nargs="+", default=["unbounded", "eHGF"])
    parser.add_argument("--fan", type=int, default=10)
    parser.add_argument("--python", default=sys.executable, help="interpreter that runs pynodes")
    options = parser.parse_args()
    pythons: dict[str, Path | str] = {
        "ours": options.python,
        "pinned": environment("pinned", PEER),
        "new": environment("new", PEER, "-U jax jaxlib"),
    }
    for scheme in options.schemes:
        report(scheme, compared(scheme, options.rounds, options.fan, pythons))


if __name__ == "__main__":
    main()
