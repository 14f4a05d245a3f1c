"""A deep network under volatile states: in one sweep, at the mode, and weighed; beside particles.

    python tests/benchmarks/hybrid.py [seeds] [particles]

Two states whose pace jumps every 100 steps show in 64 pixels through 32 hidden units. Some particles are
told the pace, others infer it by the walk that the graph takes it for; hidden noise is integrated out around
each of them.
"""

import sys
import time

import numpy as np

import pynodes as pn

STEPS, UNITS, PIXELS = 400, 32, 64
KEPT, HIDDEN = 0.97, 100.0
GROWTH, PACE = (
    -3.5,
    -1.5,
)  # log variances of a step of the states and of their pace, as the graph takes them


class World:
    """States, pace and pixels of one seed."""

    def __init__(self, seed, noise):
        rng = np.random.default_rng(seed)
        self.noise = noise
        self.inward, self.bias = rng.normal(size=(UNITS, 2)), rng.normal(size=UNITS)
        self.outward = rng.normal(size=(PIXELS, UNITS)) / np.sqrt(UNITS)
        self.pace = np.where((np.arange(STEPS) // 100) % 2, -2.0, -5.0)
        self.states, now = np.zeros((STEPS, 2)), np.zeros(2)
        for step, pace in enumerate(self.pace):
            now = KEPT * now + np.exp(pace / 2) * rng.normal(size=2)
            self.states[step] = now
        hidden = self.states @ self.inward.T + self.bias
        hidden = hidden + rng.normal(size=hidden.shape) / np.sqrt(HIDDEN)
        pixels = np.tanh(hidden) @ self.outward.T
        self.pixels = pixels + noise * rng.normal(size=pixels.shape)

    def graph(self):
        """The graph that filters it; it does not know when the pace jumps."""
        return (
            pn.Graph()
            .add(
                pace=pn.ContinuousState(tonic_volatility=PACE),
                x=pn.ContinuousState(
                    shape=2, tonic_volatility=GROWTH, autoconnection=KEPT, initial_precision=100.0
                ),
                h=pn.Layer(shape=UNITS, precision=HIDDEN),
                y=pn.ContinuousInput(shape=PIXELS, precision=1 / self.noise**2),
            )
            .couple("pace", "x", pn.Volatility())
            .couple("x", "h", pn.Dense(weights=self.inward, bias=self.bias))
            .couple("h", "y", pn.Dense(weights=self.outward, bias=None, function="tanh"))
        )

    def score(self, mean, variance):
        """Root mean square error, and mean squared z-score."""
        error = np.asarray(mean) - self.states
        return np.sqrt(np.mean(error**2)), np.mean(error**2 / np.asarray(variance))


def filter_particles(world, count, *, told, seed=100):
    """Means and variances of particles that are told the pace, or have one each."""
    rng = np.random.default_rng(seed)
    particles, means = np.zeros((count, 2)), np.zeros((STEPS, 2))
    variances, paces = np.zeros((STEPS, 2)), rng.normal(size=count)
    for step in range(STEPS):
        paces = paces + np.exp(PACE / 2) * rng.normal(size=count)
        log_growth = np.full(count, world.pace[step]) if told else GROWTH + paces
        moves = np.exp(log_growth / 2)[:, None] * rng.normal(size=particles.shape)
        particles = KEPT * particles + moves
        weights = weigh(world, particles, world.pixels[step])
        means[step] = weights @ particles
        variances[step] = weights @ (particles - means[step]) ** 2
        teeth = (np.arange(count) + rng.uniform()) / count
        chosen = np.searchsorted(np.cumsum(weights), teeth).clip(max=count - 1)
        particles, paces = particles[chosen], paces[chosen]
    return means, variances


def weigh(world, particles, pixels):
    """Likelihood of pixels at particles, hidden noise integrated out to first order; by Woodbury."""
    units = np.tanh(particles @ world.inward.T + world.bias).astype("f4")
    errors = (pixels - units @ world.outward.T).astype("f4")
    slopes = (1 - units**2)[:, None, :] * world.outward[None].astype("f4")
    inner = np.swapaxes(slopes, 1, 2) @ slopes / np.float32(world.noise**2)
    inner = inner + np.float32(HIDDEN) * np.eye(UNITS, dtype="f4")
    heard = np.einsum("pik,pi->pk", slopes, errors) / world.noise**2
    solved = np.linalg.solve(inner, heard[..., None])[..., 0]
    size = np.sum(errors**2, 1) / world.noise**2 - np.sum(heard * solved, 1)
    log_weights = -0.5 * (size + np.linalg.slogdet(inner)[1])
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum()


def compare(seeds=1, particles=5000):
    """Every seed and both noises, one line each."""
    for noise in (0.3, 1.0):
        for seed in range(seeds):
            world, said = World(seed, noise), []
            for name, scheme in (
                ("one sweep", pn.ClosedForm()),
                ("at the mode", pn.JointNewton(nodes=1)),
                ("weighed", pn.JointNewton()),
            ):
                begin = time.perf_counter()
                found = (
                    world.graph()
                    .compile(scheme=scheme, expansion="unbounded")
                    .filter({"y": world.pixels})
                )
                error, z = world.score(found["x"].mean, 1 / found["x"].precision)
                with_pace = np.corrcoef(found["pace"].mean, world.pace)[0, 1]
                spent = time.perf_counter() - begin
                said.append(f"{name} {error:.3f}, z {z:.2f}, pace {with_pace:.2f} ({spent:.0f} s)")
            for told in (True, False):
                error, z = world.score(*filter_particles(world, particles, told=told))
                said.append(
                    f"particles {'told the pace' if told else 'of the graph'} {error:.3f}, z {z:.2f}"
                )
            print(f"noise {noise} seed {seed}: " + "; ".join(said), flush=True)


if __name__ == "__main__":
    compare(*map(int, sys.argv[1:]))
