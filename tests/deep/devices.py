"""Train on several devices, by which a batch is shared out; run in a process of its own."""

import sys

import jax
import numpy as np
import optax

import pynodes as pn
from tests.deep.small import chain


def main(devices):
    jax.config.update("jax_enable_x64", True)
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(16, 3)), "y": rng.integers(0, 3, 16)}
    if devices > 1:
        assert len(jax.devices()) == devices
        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("samples",))
        spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("samples"))
        data = {name: jax.device_put(value, spread) for name, value in data.items()}
    network = chain([3, 8, 8], pn.CategoricalLayer(outcomes=3)).compile()
    training = pn.deep.Training(
        epochs=3, batch=8, scheme=pn.deep.Settle(steps=5), optimiser=optax.adam(0.01)
    )
    numbers = pn.deep.train(network, data, training).network.parameters()
    learned = [np.ravel(numbers[name]) for name in sorted(numbers) if "->" in name]
    sys.stdout.write(" ".join(repr(float(x)) for x in np.concatenate(learned)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
