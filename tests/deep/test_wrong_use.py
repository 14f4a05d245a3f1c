"""Wrong use: every mistake gets a sentence that names the node, the shapes and what to do."""

import numpy as np
import optax
import pytest

import pynodes as pn
from tests.deep.small import chain

deep = pn.deep
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(8, 3)), RNG.integers(0, 3, 8)
NETWORK = chain([3, 4], pn.CategoricalLayer(outcomes=3)).compile()
BINARY = chain([3], pn.BinaryLayer(shape=2)).compile()


def train(network=NETWORK, x=X, y=Y, callbacks=(), **options):
    training = deep.Training(**{"epochs": 1, "batch": 4, **options})
    return deep.train(network, {"x": x, "y": y}, training, callbacks=callbacks)


def join(above, below, coupling):
    graph = pn.Graph().add(x=pn.Layer(shape=above), y=pn.Layer(shape=below))
    return graph.couple("x", "y", coupling)


CODED = join(3, (3, 4), pn.Embedding(outcomes=5)).compile()


class Answer(deep.Callback):
    """One that says something at the end of an epoch."""

    def __init__(self, answer):
        self.answer = answer

    def on_epoch_end(self, event):
        return self.answer


class Deaf(deep.Callback):
    """One that waits for what never comes."""

    def on_epoch_finish(self, event):
        """Never called."""


def spoiled(field, value):
    numbers = np.array(NETWORK.parameters()[field])
    numbers.flat[0] = value
    network = pn.Network(labels=NETWORK.labels, program=NETWORK.program)
    place = network.labels.address(field)
    couplings = list(network.program.couplings)
    import dataclasses

    couplings[place.stack] = dataclasses.replace(couplings[place.stack], **{place.field: numbers})
    program = dataclasses.replace(network.program, couplings=tuple(couplings))
    return pn.Network(labels=network.labels, program=program)


WITH_NAN = X.copy()
WITH_NAN[0, 0] = np.inf

GAPS = X.copy()
GAPS[3, 1] = np.nan

MISTAKES = {
    "labels as floats": (lambda: train(y=Y.astype(float)), r"'y' .*codes.*float64.*astype\(int\)"),
    "one class too many": (lambda: train(y=Y + 1), r"'y' has 3 outcomes.*0 to 2.*the code 3"),
    "a negative class": (lambda: train(y=Y - 1), r"'y' has 3 outcomes.*the code -1"),
    "rows that are no shares": (lambda: train(y=np.ones((8, 3))), r"Rows of 'y' must be shares"),
    "rows of another length": (
        lambda: train(y=np.ones((8, 4)) / 4),
        r"'y' .*rows of shape \(samples, 3\), not \(8, 4\)",
    ),
    "x and y swapped": (lambda: train(x=Y, y=X), r"'x' is a Layer of shape \(3,\).*not \(8,\)"),
    "images that are not flat": (
        lambda: deep.settle(chain([6], pn.Layer(shape=2)).compile(), {"x": np.ones((4, 2, 3))}),
        r"'x'.*\(samples, 6\), samples first, not \(4, 2, 3\).*reshape\(len\(values\), 6\)",
    ),
    "fewer samples of one": (lambda: train(y=Y[:5]), "same number of samples, not 'x' 8, 'y' 5"),
    "an unknown node": (lambda: deep.train(NETWORK, {"q": X}), "no node 'q'"),
    "no mapping": (lambda: deep.settle(NETWORK, X), "Give values by node name"),
    "texts": (lambda: deep.settle(NETWORK, {"x": np.array([["a", "b", "c"]])}), "real numbers"),
    "ragged rows": (lambda: deep.settle(NETWORK, {"x": [[1.0], [1.0, 2.0]]}), "different lengths"),
    "infinite data": (lambda: deep.settle(NETWORK, {"x": WITH_NAN}), "'x' holds infinite values"),
    "no probabilities": (
        lambda: deep.settle(BINARY, {"y": np.full((2, 2), 1.5)}),
        r"'y', a BinaryLayer, takes numbers from 0 to 1; element \[0, 0\] is 1.5",
    ),
    "a batch larger than the data": (lambda: train(batch=9), "batch of 9 is larger than the data"),
    "no data": (lambda: deep.train(NETWORK, {}), "There are no data"),
    "one sample": (lambda: train(x=X[0], y=Y[0]), "samples along the first axis"),
    "an empty iterable": (lambda: deep.train(NETWORK, []), "the iterable of data is empty"),
    "a batch that is an array": (lambda: deep.train(NETWORK, [X]), "(?s)Batch 0 is .*node name, or a pair"),
    "no iterable": (lambda: deep.train(NETWORK, 3), "arrays by node name"),
    "targets among the values": (
        lambda: deep.test(NETWORK, {"x": X, "y": Y}, {"y": Y}),
        "'y' cannot be given and predicted at once",
    ),
    "no targets": (lambda: deep.test(NETWORK, {"x": X}, {}), "There are no targets"),
    "targets of other samples": (
        lambda: deep.test(NETWORK, {"x": X}, {"y": Y[:3]}), "8 samples of the values and 3 of the"
    ),
    "weights that are NaN": (
        lambda: train(spoiled("x->h1.weights", np.nan)), "weights of x->h1 hold NaN"
    ),
    "an optimiser for states as that for weights": (
        lambda: deep.Training(optimiser=deep.Settle()), "optimiser moves weights.*optax.adam"
    ),
    "an optimiser for weights as the scheme": (
        lambda: deep.Training(scheme=optax.adam(1e-3)), "must be a scheme.*optimiser="
    ),
    "an optimiser that was not called": (
        lambda: deep.Training(optimiser=optax.adam), r"Call it: optax.adam\(1e-3\)"
    ),
    "a rule that is none": (lambda: deep.Settle(rule=0.1), "rule moves states"),
    "an unknown option": (lambda: deep.Training(epoch=3), "no option 'epoch'.*'epochs'"),
    "no epochs": (lambda: deep.Training(epochs=0), "epochs must be a whole number of at least 1"),
    "an unknown order": (lambda: deep.Settle(order="red"), "simultaneous, colours, upward"),
    "steps that are no number": (lambda: deep.Settle(steps=1.5), "steps must be a whole number"),
    "a negative step": (lambda: deep.Settle(step=-0.1), "step must be positive, not -0.1"),
    "a step as text": (lambda: deep.Settle(step="0.1"), "step must be a real number, not '0.1'"),
    "several steps": (
        lambda: train(scheme=deep.Settle(step=np.array([0.1, 0.2]))), "step must be one number, not an array"
    ),
    "a temperature below zero": (lambda: deep.Langevin(-1.0), "temperature must be positive"),
    "a nudge that pulls more than data": (lambda: deep.Nudged(beta=2.0), r"beta must lie in \[0.0, 1.0\]"),
    "a nudge of nothing": (lambda: deep.Nudged(scheme="settle"), "scheme must be a scheme on points"),
    "data that are NaN throughout": (
        lambda: train(x=np.full((8, 3), np.nan)), "'x' is NaN in all samples.*leave 'x' out"
    ),
    "labels that are all missing": (lambda: train(y=np.full((8, 3), np.nan)), "'y' is NaN in all samples"),
    "a column that is NaN throughout": (
        lambda: train(x=np.where(np.arange(3) == 1, np.nan, X)),
        r"1 of 3 elements of 'x' are NaN in all.*\[1\]",
    ),
    "a batch without labels": (
        lambda: deep.train(NETWORK, [{"x": X, "y": Y}, {"x": X}]),
        "Batch 1 gives 'x', and batch 0 gave 'x' and 'y'",
    ),
    "a batch with the first gaps": (
        lambda: deep.train(NETWORK, [{"x": X, "y": Y}, {"x": GAPS, "y": Y}]),
        "'x' has missing elements in batch 1",
    ),
    "targets that are missing": (
        lambda: deep.test(NETWORK, {"x": X}, {"y": np.where(X[:, :1] < 0, np.nan, np.eye(3)[Y])}),
        "Targets of 'y' hold NaN",
    ),
    "health of nothing": (
        lambda: deep.health(
            pn.Graph().add(x=pn.Layer(shape=2), y=pn.Layer(shape=2))
            .couple("x", "y", pn.Residual()).compile(), {"x": X[:, :2], "y": X[:, :2]},
        ),
        "No weights of this network learn",
    ),
    "a step in words": (lambda: deep.Errors(step="small"), "'auto' or a number"),
    "an unknown side": (lambda: deep.Nudged(side="left"), "positive, negative, centred"),
    "a callback that was not made": (
        lambda: deep.train(NETWORK, {"x": X, "y": Y}, callbacks=[deep.Display]), r"Make one: write \(\)"
    ),
    "a measure that is none": (
        lambda: deep.train(
            NETWORK, {"x": X, "y": Y}, deep.Training(epochs=2, batch=4),
            callbacks=deep.StopEarly("loss"),
        ),
        "watches 'loss', which is not among",
    ),
    "a graph": (lambda: deep.settle(NETWORK.labels.graph, {"x": X}), r"graph.compile\(key=0\)"),
    "an outcome that is to be found": (
        lambda: deep.settle(
            pn.Graph().add(y=pn.CategoricalLayer(outcomes=3), x=pn.Layer(shape=3))
            .couple("y", "x", pn.Dense(weights=np.eye(3))).compile(), {"x": X},
        ),
        "'y' is a CategoricalLayer that is not given.*make it a Layer",
    ),
    "not all values": (lambda: deep.energy(NETWORK, {"x": X, "y": Y}), "no value of 'h1'"),
    "steps of one sweep": (
        lambda: train(scheme=pn.ClosedForm(), record="steps"), "has no steps to record"
    ),
    # Ends of edges
    "weights turned around": (
        lambda: join(3, 4, pn.Dense(weights=np.ones((3, 4)))),
        r"'x' -> 'y': Dense: weights must have shape \(4, 3\), child first, not \(3, 4\)",
    ),
    "weights by name": (
        lambda: join(3, 4, pn.Dense(weights="glorot")), r"'glorot', which is no array.*initial="
    ),
    "an initialiser by name": (lambda: pn.Dense(initial="glorot"), "must be an initialiser, such as"),
    "a mask that is turned around": (
        lambda: join(3, 4, pn.Dense(mask=np.ones((3, 4), bool))), r"mask must have shape \(4, 3\)"
    ),
    "a kernel larger than the image": (
        lambda: join((1, 3, 3), (2, 1, 1), pn.Convolution(kernel=5, padding="valid")),
        r"'x' -> 'y': A window of \(5, 5\) is larger than the space of \(3, 3\).*smaller kernel",
    ),
    "a kernel larger than the image and its zeros": (
        lambda: join((1, 3, 3), (2, 1, 1), pn.Convolution(kernel=9, padding=1)),
        r"space of \(3, 3\) that it slides over, \(5, 5\) with the zeros",
    ),
    "a pool larger than the image": (
        lambda: join((1, 3, 3), (1, 1, 1), pn.Pooling(window=5)), r"A window of \(5, 5\) is larger"
    ),
    "channels last": (
        lambda: join((28, 28, 1), (28, 28, 8), pn.Convolution()), r"needs a child of shape \(28, 28, 1\)"
    ),
    "channels in no groups": (
        lambda: join((6, 4, 4), (6, 4, 4), pn.Normalisation(groups=4)),
        "6 channels do not fall into 4 groups. Choose",
    ),
    "one feature beside itself": (
        lambda: join(1, 1, pn.Normalisation()), r"shape \(1,\) would compare every element with itself"
    ),
    "a variance less than nothing": (
        lambda: pn.Normalisation(smallest=-1.0), "smallest.* must be a positive number, not -1.0"
    ),
    "heads that do not divide": (
        lambda: join((5, 6), (5, 6), pn.Attention(heads=4)), "width of 6 does not fall into 4 heads"
    ),
    "attention to one place": (
        lambda: join((1, 6), (1, 6), pn.Attention(causal=True)), r"only place of .* \(1, 6\).*Use Dense"
    ),
    "a switch in words": (lambda: pn.Attention(causal="yes"), "causal must be True or False, not 'yes'"),
    "parts without a shape between": (
        lambda: join(4, 5, pn.Compose(pn.Dense(), pn.Dense())), "Say which in through="
    ),
    # Codes
    "a code beyond the last": (
        lambda: deep.settle(CODED, {"x": np.full((2, 3), 5)}),
        r"'x' -> 'y': Embedding looks up 5 codes.*0 to 4, and element \[0, 0\] of 'x' is 5",
    ),
    "a code below zero": (lambda: deep.settle(CODED, {"x": np.full((2, 3), -1)}), "of 'x' is -1"),
    "half a code": (lambda: deep.settle(CODED, {"x": np.full((2, 3), 1.5)}), "whole numbers.*is 1.5"),
    "a code that is missing": (
        lambda: deep.settle(CODED, {"x": [[0, np.nan, 1]], "y": np.zeros((1, 3, 4))}), "none may be missing"
    ),
    "codes to be found": (
        lambda: deep.settle(CODED, {"y": np.zeros((2, 3, 4))}), "'x' holds codes.*Give 'x'"
    ),
    # Data
    "labels in a column": (lambda: train(y=Y[:, None]), r"codes of shape \(samples,\).*not \(8, 1\)"),
    "labels that are objects": (lambda: train(y=np.array([0, None] * 4, object)), "real numbers, not object"),
    "a pair of arrays": (lambda: deep.train(NETWORK, (X, Y)), "tuple of arrays. Give them by node name"),
    "arrays one by one": (lambda: deep.train(NETWORK, X, Y), "Give data as {'x': ..., 'y': ...}"),
    "a generator for two epochs": (
        lambda: deep.train(NETWORK, ((X, Y) for _ in range(2)), deep.Training(epochs=2)),
        "generator, which can be gone through once.*2 epochs",
    ),
    "an empty batch": (lambda: deep.train(NETWORK, [(X[:0], Y[:0])]), "'x' holds no samples"),
    "a batch of three": (lambda: deep.train(NETWORK, [(X, Y, Y)]), "(?s)Batch 0 is .*or a pair"),
    "nothing to learn from": (
        lambda: deep.train(NETWORK, {"x": X}, deep.Training(batch=4)),
        "Nothing can be learned from 'x' alone.*'x->h1' and 'h1->y'"
    ),
    "a link that is silent at zero": (
        lambda: deep.models.generative([4, 3], 2, link="relu"), "'relu' is flat at 0.*'leaky_relu'"
    ),
    # Training
    "a rate in words": (lambda: deep.Training(rate="0.1"), "rate must be a positive number, not '0.1'"),
    "rates in a list": (lambda: deep.Training(rate_steps=[1, 2]), r"rate_steps must be .*\{10: 0.1\}"),
    "a rate below zero": (lambda: deep.Training(rate_steps={1: -0.1}), "rate_steps of epoch 1 must be a pos"),
    "a fraction as the seed": (lambda: deep.Training(key=0.5), "key must be a whole number .*not 0.5"),
    "no in words": (lambda: deep.Training(shuffle="no"), "shuffle must be True or False"),
    "held back without targets": (
        lambda: deep.Training(validate_with={"x": X}), "validate_with must be a pair of values and targets"
    ),
    "held back of another shape": (
        lambda: train(validate_with=({"x": X[:, :2]}, {"y": Y})), r"'x' is a Layer .*not \(8, 2\)"
    ),
    "measures of nothing": (lambda: deep.Training(measures=["accuracy"]), "measures must be functions"),
    "an unknown arithmetic": (lambda: deep.Training(arithmetic="half"), "precision of products.*'half'"),
    "precisions learned twice": (
        lambda: deep.Training(scheme=pn.ClosedForm(), precisions="learned"), "VolatileLayer learns those"
    ),
    # Callbacks
    "a callback that answers in words": (
        lambda: train(callbacks=Answer("stop")), r"Answer.on_epoch_end returned 'stop'.*True to ask"
    ),
    "a hook that is none": (
        lambda: train(callbacks=Deaf()), "'on_epoch_finish'.*is ever called.*'on_epoch_end'"
    ),
    "a file in no folder": (lambda: deep.Checkpoint("/no/such/run"), "no folder '/no/such'"),
    "a file that is a folder": (lambda: deep.Log("/"), "'/' is a folder"),
    "no file": (lambda: deep.Checkpoint(None), "needs the name of a file"),
    # Questions
    "a start of what is given": (
        lambda: deep.settle(NETWORK, {"x": X, "y": Y}, start={"x": X}), "start says where 'x' begins"
    ),
    "a start of other samples": (
        lambda: deep.settle(NETWORK, {"x": X, "y": Y}, start={"h1": np.ones((3, 4))}),
        "start has 3 samples and the values 8",
    ),
    "a seed in words": (lambda: deep.settle(NETWORK, {"x": X}, key="a"), "key must be a whole number"),
    "batches of nothing": (lambda: deep.test(NETWORK, {"x": X}, {"y": Y}, batch=0), "batch must be a whole"),
    "a series of layers without a prior": (
        lambda: NETWORK.filter({"x": X, "y": Y}), "'x' is a layer without parents and without a prior"
    ),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_a_sentence(mistake):
    call, words = MISTAKES[mistake]
    with pytest.raises(pn.PynodesError, match=words):
        call()


def test_a_diverging_step_and_diverging_weights_are_told_apart():
    wide = chain([3, 30, 30], pn.Layer(shape=3), function="identity").compile()
    far = {"x": X, "y": 10 * RNG.normal(size=(8, 3))}
    states = deep.Training(epochs=3, batch=4, scheme=deep.Settle(steps=400, step=1.0))
    with pytest.raises(deep.TrainingError, match=r"States grew.*smaller step"):
        deep.train(wide, far, states)
    weights = deep.Training(
        epochs=60, batch=4, scheme=deep.Backpropagation(), optimiser=optax.sgd(5.0)
    )
    with pytest.raises(deep.TrainingError, match=r"Weights grew.*smaller rate"):
        deep.train(wide, far, weights)
    kept = deep.train(wide, far, deep.Training(**{**vars(weights), "throw": False}))
    assert kept.ended == "diverged"
