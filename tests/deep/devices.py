"""Train on several devices, by which a batch is shared out; run in processes of their own.

python -m tests.deep.devices [address number-of-processes number-of-this-one file]

With a file, the run is also killed half way, and taken up again from it.
"""

import contextlib
import sys

import jax
import numpy as np
import optax

import pynodes as pn
from tests.deep.small import chain


class Kill(pn.deep.Callback):
    """What a run meets whose processes end."""

    def on_epoch_start(self, event):
        if event.epoch == 2:
            raise RuntimeError("killed")


def main(address="", processes="1", number="0", path=""):
    jax.config.update("jax_enable_x64", True)
    if address:
        jax.distributed.initialize(address, int(processes), int(number))
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=(16, 3)), "y": rng.integers(0, 3, 16)}
    if jax.device_count() > 1:
        mesh = jax.sharding.Mesh(np.array(jax.devices()), ("samples",))
        spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("samples"))
        data = {
            name: jax.make_array_from_callback(value.shape, spread, value.__getitem__)
            for name, value in data.items()
        }
    network = chain([3, 8, 8], pn.CategoricalLayer(outcomes=3)).compile()
    training = pn.deep.Training(
        epochs=3, batch=8, scheme=pn.deep.Settle(steps=5), optimiser=optax.adam(0.01)
    )
    learned = read_weights(pn.deep.train(network, data, training))
    if path:
        keep = pn.deep.Checkpoint(path)
        with contextlib.suppress(pn.deep.TrainingError):
            pn.deep.train(network, data, training, callbacks=[keep, Kill()])
        again = pn.deep.train(network, data, training, callbacks=keep, resume=path)
        np.testing.assert_array_equal(read_weights(again), learned)
        assert again.history.epochs == 3
    told = [jax.device_count(), *map(float, learned)]
    sys.stdout.write(" ".join(map(repr, told)) + "\n")


def read_weights(run):
    numbers = run.network.parameters()
    return np.concatenate([np.ravel(numbers[name]) for name in sorted(numbers) if "->" in name])


if __name__ == "__main__":
    main(*sys.argv[1:])
