"""Law 12 in a process of its own: without x64 everything is float32, of the same shapes, and near."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

import pynodes as pn
from tests.laws import cases
from tests.small import OUTCOMES, STEPS, binary, network

pytestmark = pytest.mark.slow

RUN = """
import json
import jax, jax.numpy as jnp, numpy as np
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
import pynodes as pn

def described(network, series, **options):
    beliefs = network.filter(series, **options)
    names = {k: v for k, v in network.parameters().items() if k in PARAMETERS}
    def surprise(values):
        return network.replace(values).surprise(series, **options)

    gradient = jax.jit(jax.grad(surprise))(names)
    fields = {
        f"{name}.{field}": np.asarray(getattr(beliefs[name], field))
        for name in beliefs for field in beliefs[name].fields
    }
    return {
        "fields": {name: [str(v.dtype), list(v.shape), v.tolist()] for name, v in fields.items()},
        "final": sorted({str(leaf.dtype) for leaf in jax.tree.leaves(beliefs.final)}),
        "surprise": [str(beliefs.surprise.dtype), float(network.surprise(series, **options))],
        "gradient": {name: float(g) for name, g in gradient.items()},
    }

with open(PATH) as file:
    given = json.load(file)
found = {}
for name, case in given.items():
    network = pn.Graph.from_dict(case["graph"]).compile()
    series = {k: np.array(v) for k, v in case["series"].items()}
    found[name] = described(network, series, dt=np.array(case["dt"]))
network = pn.models.binary_hgf().compile()
key = jax.random.key(0)
found["integers"] = described(network, {"u": np.array([1, 0, 1, 1, 0, 1])})
found["floats"] = described(network, {"u": np.array([1.0, 0, 1, 1, 0, 1])})
found["sampled"] = sorted({str(v.dtype) for v in network.sample(key, 3).values()})
print(json.dumps(found))
"""

PARAMETERS = ("x2.tonic_volatility", "x3.initial_precision", "x3->x2.strength")
"""The parameters of the binary network whose gradients are compared."""

GRAPHS = {"everything": cases.rich_graph(), "binary": binary().with_settings(expansion="enhanced")}
TIMES = [1.0, 0.5, 2.0, 1.0, 1.5, 1.0]


def series_of(graph):
    """A moderate series for every input, with a gap."""
    series = cases.series_for(graph, STEPS)
    last = graph.inputs[-1]
    return series | {last: np.where(np.arange(STEPS) == 2, np.nan, series[last])}


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """What a process without x64 computes, in which every warning is an error."""
    given = {
        name: {
            "graph": graph.to_dict(),
            "series": {k: v.tolist() for k, v in series_of(graph).items()},
            "dt": TIMES,
        }
        for name, graph in GRAPHS.items()
    }
    path = tmp_path_factory.mktemp("float32") / "given.json"
    path.write_text(json.dumps(given))
    code = RUN.replace("PATH", repr(str(path))).replace("PARAMETERS", repr(PARAMETERS))
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout)


@pytest.mark.parametrize("name", [*GRAPHS, "integers"])
def test_every_field_is_float32_and_has_its_shape(single, name):
    for field, (dtype, shape, _) in single[name]["fields"].items():
        assert dtype == ("bool" if field.endswith(".observed") else "float32"), field
        assert shape == [STEPS], field
    assert single[name]["final"] == ["float32"]
    assert single[name]["surprise"][0] == "float32"
    assert single["sampled"] == ["float32"]


@pytest.mark.parametrize("name", GRAPHS)
def test_float32_is_near_float64(single, name):
    """Six digits are what a few steps of float32 keep; errors are differences and keep fewer."""
    graph = GRAPHS[name]
    beliefs = network(graph).filter(series_of(graph), dt=np.array(TIMES))

    for field, (_, _, values) in single[name]["fields"].items():
        node, _, attribute = field.partition(".")
        expected = np.asarray(getattr(beliefs[node], attribute))
        assert expected.dtype == (bool if attribute == "observed" else np.float64)
        np.testing.assert_allclose(values, expected, rtol=3e-5, atol=3e-5, err_msg=field)
    np.testing.assert_allclose(single[name]["surprise"][1], np.sum(beliefs.surprise), rtol=1e-5)


def test_gradients_in_float32_are_near_those_in_float64(single):
    net, series, dt = network(GRAPHS["binary"]), series_of(GRAPHS["binary"]), np.array(TIMES)
    at = {name: float(net[name]) for name in PARAMETERS}

    gradient = jax.grad(lambda values: net.replace(values).surprise(series, dt=dt))(at)

    for name, value in gradient.items():
        found = single["binary"]["gradient"][name]
        np.testing.assert_allclose(found, value, rtol=1e-3, atol=1e-4, err_msg=name)


def test_integers_are_the_same_numbers(single):
    assert single["integers"] == single["floats"]
    mean = single["integers"]["fields"]["x2.mean"][2]
    expected = network(binary()).filter({"u": OUTCOMES})["x2"].mean
    np.testing.assert_allclose(mean, expected, rtol=1e-5)


@pytest.mark.parametrize("expansion", ["unbounded", "enhanced"])
def test_gradients_survive_a_state_that_does_not_move(expansion):
    """A growth of exp(-50), whose squared inverse no single holds; doubles say what is right."""
    series, gradients = np.sin(np.arange(6.0)), []
    for bits in (32, 64):
        with jax.enable_x64(bits == 64):
            graph = pn.models.continuous_hgf(levels=2, expansion=expansion)
            network = graph.revise(x1=pn.ContinuousState(tonic_volatility=-50.0)).compile()
            names = ["x1.tonic_volatility", "x2.tonic_volatility", "x2->x1.strength", "u.precision"]

            def surprise(values, network=network, names=names):
                return network.replace({tuple(names): values}).surprise({"u": series})

            gradients.append(np.asarray(jax.grad(surprise)(network.vector(names))))
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-3, atol=1e-5)
