"""Training: what is learned, and what is kept of it."""

import os
import socket
import subprocess
import sys

import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

import pynodes as pn
from tests.deep.small import chain, leaves
from tests.deep.small import dag as make_dag
from tests.few import few

SCHEMES = {
    "settled": pn.deep.Settle(steps=20, step=0.1),
    "colours": pn.deep.Settle(steps=6, step=0.3, order="colours"),
}


@pytest.fixture(scope="module")
def digits():
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    images, labels = images[order] / 16, labels[order]
    return (images[360:], labels[360:]), (images[:360], labels[:360])


@pytest.mark.parametrize("name", few(SCHEMES, 1))
def test_digits_are_learned(digits, name):
    """By predictive coding as by its twin; labels are never given when testing."""
    (x, y), (held_x, held_y) = digits
    network = chain([64, 64, 32], pn.CategoricalLayer(outcomes=10)).compile()
    training = pn.deep.Training(
        epochs=6, batch=64, scheme=SCHEMES[name], optimiser=optax.adam(3e-3), drop_last=True
    )

    run = pn.deep.train(network, {"x": x, "y": y}, training)
    report = pn.deep.test(run.network, {"x": held_x}, {"y": held_y})

    assert report.accuracy > 0.94
    assert report.confusion.sum() == len(held_y)
    assert np.trace(report.confusion) == round(report.accuracy * len(held_y))
    assert run.history.per_epoch["accuracy"][-1] > run.history.per_epoch["accuracy"][0]
    assert len(run.history.per_batch["energy"]) == 6 * (len(x) // 64)


def test_targets_change_no_prediction(digits):
    _, (x, y) = digits
    network = chain([64, 8], pn.CategoricalLayer(outcomes=10)).compile()
    one = pn.deep.test(network, {"x": x}, {"y": y})
    other = pn.deep.test(network, {"x": x}, {"y": np.roll(y, 1)})
    np.testing.assert_array_equal(one.predictions["y"], other.predictions["y"])
    with pytest.raises(pn.InputError, match="cannot be given and predicted"):
        pn.deep.test(network, {"x": x, "y": y}, {"y": y})


def test_one_step_of_weights_is_the_slope_at_what_was_settled():
    """A batch of all samples and plain descent, beside the slopes by themselves."""
    network, values = make_dag().compile(), leaves(6)
    scheme = pn.deep.Settle(steps=10, step=0.1)
    training = pn.deep.Training(
        epochs=1, batch=6, scheme=scheme, optimiser=optax.sgd(0.5), shuffle=False
    )
    run = pn.deep.train(network, values, training)
    slopes = pn.deep.gradients(network, values, scheme)
    before, after = network.parameters(), run.network.parameters()
    for name, slope in slopes.items():
        np.testing.assert_allclose(after[name], before[name] - 0.5 * slope, rtol=1e-12, atol=1e-14)


# Going on, and what is told


def noisy(count=12):
    rng = np.random.default_rng(4)
    return {"x": rng.normal(size=(count, 3)), "y": rng.integers(0, 3, count)}


def small_training(**options):
    given = {"epochs": 4, "batch": 4, "scheme": pn.deep.Settle(steps=3, step=0.1)}
    return pn.deep.Training(**{**given, "optimiser": optax.adam(0.01), "key": 5, **options})


class Kill(pn.deep.Callback):
    """What a run meets whose process ends."""

    def __init__(self, epoch, batch=None):
        self.at = epoch, batch

    def on_epoch_start(self, event):
        if self.at == (event.epoch, None):
            raise RuntimeError("killed")

    def on_batch_start(self, event):
        if self.at == (event.epoch, event.batch):
            raise RuntimeError("killed")


def weights_of(run):
    return {n: np.asarray(v) for n, v in run.network.parameters().items() if "->" in n}


@pytest.mark.parametrize("at", [(2, None), (1, 2)], ids=["between epochs", "within one"])
@pytest.mark.parametrize("iterated", [False, True], ids=["arrays", "batches"])
def test_a_run_that_was_killed_goes_on_to_the_same_bits(tmp_path, at, iterated):
    network, path = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile(), tmp_path / "run"
    data = noisy()
    if iterated:
        data = [{name: value[i : i + 4] for name, value in data.items()} for i in (0, 4, 8)]
    keep = pn.deep.Checkpoint(path, batches=1)
    whole = pn.deep.train(network, data, small_training(), callbacks=[pn.deep.Callback(), keep])
    with pytest.raises(
        pn.deep.TrainingError, match=r"ended in epoch \d by RuntimeError: killed"
    ) as met:
        pn.deep.train(network, data, small_training(), callbacks=[keep, Kill(*at)])
    assert met.value.run.history.epochs == at[0]

    again = pn.deep.train(network, data, small_training(), callbacks=keep, resume=path)

    for name, value in weights_of(whole).items():
        np.testing.assert_array_equal(weights_of(again)[name], value)
    for name in ("energy", "accuracy", "status"):
        np.testing.assert_array_equal(again.history.per_batch[name], whole.history.per_batch[name])
        np.testing.assert_array_equal(again.history.per_epoch[name], whole.history.per_epoch[name])


def test_another_training_is_refused_by_name(tmp_path):
    network, path = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile(), tmp_path / "run"
    pn.deep.train(network, noisy(), small_training(), callbacks=pn.deep.Checkpoint(path))
    other = small_training(optimiser=optax.adam(0.02))
    with pytest.raises(pn.CheckpointError, match=r"optimiser was .*0\.01.* and is .*0\.02"):
        pn.deep.train(network, noisy(), other, resume=path)
    with pytest.raises(pn.CheckpointError, match="is of other data"):
        pn.deep.train(network, noisy(16), small_training(), resume=path)
    with pytest.raises(pn.CheckpointError, match="no checkpoint"):
        pn.deep.train(network, noisy(), small_training(), resume=tmp_path / "none")
    bent = chain([3, 4], pn.CategoricalLayer(outcomes=3), function="relu").compile()
    with pytest.raises(
        pn.CheckpointError, match=r"another network: h1->y was .*tanh.* and is .*relu"
    ):
        pn.deep.train(bent, noisy(), small_training(), resume=path)
    longer = pn.deep.train(network, noisy(), small_training(epochs=5), resume=path)
    assert longer.history.epochs == 5


class Listen(pn.deep.Callback):
    """Notes every hook."""

    def __init__(self):
        self.heard = []


def hook(name):
    def listen(self, event):
        self.heard.append((name, event.epoch, event.batch, event.step))

    return listen


for name in [name for name in vars(pn.deep.Callback) if name.startswith("on_")]:
    setattr(Listen, name, hook(name))


def test_callbacks_hear_of_everything_in_order(tmp_path):
    network, listen = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile(), Listen()
    log = tmp_path / "log.csv"
    training = small_training(epochs=2, batch=6, rate_steps={1: 0.5})
    pn.deep.train(network, noisy(), training, callbacks=[listen, pn.deep.Log(log)])
    steps = [("on_inference_step", 0, 0, step) for step in range(4)]
    assert listen.heard[:9] == [
        ("on_train_start", 0, None, None),
        ("on_epoch_start", 0, None, None),
        ("on_batch_start", 0, 0, None),
        *steps,
        ("on_learning_step", 0, 0, None),
        ("on_batch_end", 0, 0, None),
    ]
    assert ("on_rate_changed", 1, None, None) in listen.heard
    assert listen.heard[-1] == ("on_train_end", 2, None, None)
    rows = log.read_text().splitlines()
    assert len(rows) == 3
    assert rows[0].startswith("epoch,energy")


def test_batch_by_batch_is_the_same_training():
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
    one = pn.deep.train(network, noisy(), small_training())
    other = pn.deep.train(network, noisy(), small_training(), callbacks=Listen())
    for name, value in weights_of(one).items():
        np.testing.assert_allclose(weights_of(other)[name], value, rtol=1e-12)


def test_training_stops_when_nothing_becomes_better():
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
    training = small_training(epochs=50, optimiser=optax.sgd(1e-12))
    run = pn.deep.train(
        network, noisy(), training, callbacks=pn.deep.StopEarly(patience=3, improvement=1e-3)
    )
    assert run.ended == "stopped"
    assert run.history.epochs == 4


def test_the_display_shows_energies_by_layer():
    from io import StringIO

    from rich.console import Console

    out = StringIO()
    display = pn.deep.Display(Console(file=out, force_terminal=True, width=80))
    network = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
    pn.deep.train(network, noisy(), small_training(), callbacks=display)
    for words in ("epoch 4 of 4", "energy of h1", "accuracy", "time left"):
        assert words in out.getvalue()


def test_other_rates_and_weights_compile_nothing():
    from tests.compilations import count_compilations

    data = noisy()
    graph = chain([3, 4], pn.CategoricalLayer(outcomes=3), seed=1)
    pn.deep.train(graph.compile(), data, small_training())
    other = chain([3, 4], pn.CategoricalLayer(outcomes=3), seed=2).compile()
    scheme = pn.deep.Settle(steps=4, step=0.05)
    with count_compilations() as count:
        training = small_training(rate=0.3, scheme=scheme, optimiser=optax.adam(0.01))
        run = pn.deep.train(other, data, training)
    assert count.programs == 0
    assert run.history.epochs == 4


def begin(*arguments, devices):
    """A process that trains, with so many devices."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, "-m", "tests.deep.devices", *map(str, arguments)],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_several_devices_and_processes_train_to_the_same_weights(tmp_path):
    """Two processes of two devices each beside one device; killed, both go on to the same bits."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    shared_out = [begin(address, 2, n, tmp_path / "run", devices=2) for n in range(2)]
    runs = [begin(devices=1), *shared_out]
    told = [run.communicate(timeout=300) for run in runs]
    assert [run.returncode for run in runs] == [0, 0, 0], [errors for _, errors in told]
    alone, *shared = (np.array(output.splitlines()[-1].split(), float) for output, _ in told)
    assert [found[0] for found in (alone, *shared)] == [1, 4, 4]
    for found in shared:
        np.testing.assert_allclose(found[1:], alone[1:], rtol=1e-12, atol=1e-14)


def test_a_hierarchy_over_the_noise_of_a_layer_remembers_over_batches():
    """Twenty units, noise alone, fourfold in its second half: what is believed at the end is of that."""
    rng, count, units = np.random.default_rng(0), 512, 20
    scale = np.where(np.arange(count) < count // 2, 0.5, 2.0)
    data = {"x": rng.normal(size=(count, 3)), "y": scale[:, None] * rng.normal(size=(count, units))}
    graph = pn.Graph(expansion="unbounded").add(
        pace=pn.ContinuousState(tonic_volatility=-3.0),
        noise=pn.ContinuousState(tonic_volatility=-2.0),
        x=pn.Layer(shape=3),
        y=pn.Layer(shape=units),
    )
    graph = graph.couple("x", "y", pn.Dense()).couple("noise", "y", pn.Noise())
    network = graph.couple("pace", "noise", pn.Volatility()).compile(key=0)
    training = pn.deep.Training(
        epochs=1, batch=32, scheme=pn.ClosedForm(), optimiser=optax.sgd(1e-3), shuffle=False
    )
    quiet, both = (
        pn.deep.train(network, {name: rows[:end] for name, rows in data.items()}, training)
        for end in (count // 2, count)
    )

    assert set(both.beliefs) == {"pace", "noise"}
    rise = both.beliefs["noise"].mean - quiet.beliefs["noise"].mean
    deviation = np.sqrt(both.beliefs["noise"].variance + quiet.beliefs["noise"].variance)
    assert abs(rise - np.log(16)) < 1.5 * deviation
    assert both.beliefs["pace"].mean > quiet.beliefs["pace"].mean + 0.5
