"""The public surface: its names, its contract, and what importing it does and does not do."""

import inspect
import json
import subprocess
import sys

import pytest

import pynodes as pn

pytestmark = pytest.mark.versions

CONTRACT = {
    "Graph": [
        "add",
        "couple",
        "compile",
        "to_json",
        "from_json",
        "to_networkx",
        "from_networkx",
        "plot",
        "summary",
        "repeat",
    ],
    "Network": ["filter", "smooth", "surprise", "replace", "step", "start", "sample", "parameters"],
    "Trajectories": ["messages", "surprise", "to_pandas", "to_xarray", "plot", "_repr_html_"],
    "NodeBeliefs": [
        "mean",
        "precision",
        "predicted_mean",
        "predicted_precision",
        "value_error",
        "volatility_error",
        "effective_precision",
        "surprise",
    ],
}
"""Names that other tools rely on."""

NAMES = [
    *("Citation", "Equations", "cache_programs", "cite"),
    *("coupling_term", "family_equation", "node_equations"),
    *("AbstractArrayCoupling", "AbstractScheme", "ClosedForm", "Dense", "VarianceParts"),
    *("Attention", "Compose", "Convolution", "Embedding", "Normalisation", "Pooling", "Residual"),
    *("AbstractBelief", "AbstractCoupling", "AbstractExpansion", "AbstractLearner", "AbstractNode"),
    *("AbstractVolatilityCoupling", "Forecast", "Interaction", "LearnerBelief", "index"),
    *("Array", "BatchError", "BinaryInput", "BinaryState", "ConstantState", "ContinuousInput"),
    *("CategoricalInput", "CategoricalState", "Category", "Emission", "VolatileState"),
    "CheckpointError",
    *("ContinuousState", "CouplingError", "CycleError", "DataError", "Drift", "DuplicateNodeError"),
    *(
        "Enhanced",
        "Evidence",
        "FieldError",
        "FilterError",
        "FormatError",
        "FormulaError",
        "Gaussian",
        "Graph",
    ),
    *("GraphError", "ChildEvidence", "Inlets", "InputError", "MissingExtraError", "Network"),
    *("NodeBeliefs", "Noise", "Observation", "ParameterError", "Probability", "PynodesError"),
    *("Regressor", "Scalar", "Standard", "State", "StateError", "Status"),
    *(
        "Structured",
        "Trajectories",
        "Unbounded",
        "UnknownEdgeError",
        "UnknownNodeError",
        "UnknownPanelError",
    ),
    "PrecisionWarning",
    *("SamplingError", "SamplingWarning", "SmoothingError", "Volatility", "VolatilityMessage"),
    *(
        "DualRescorlaWagner",
        "EdgeBeliefs",
        "HiddenMarkov",
        "JointNewton",
        "KalmanFilter",
        "NoisyBinaryInput",
    ),
    *("RegressionInput", "Term"),
    *("BinaryLayer", "CategoricalLayer", "Layer", "VolatileLayer"),
    *("DeltaRule", "PearceHall", "RescorlaWagner", "SuttonK1"),
    *(
        "AbstractFamily",
        "DirichletProcessState",
        "ExponentialFamilyState",
        "PseudoCount",
        "Statistic",
    ),
    *("choice", "load", "parameter", "save"),
    *(
        "Agent",
        "Beta",
        "Fixed",
        "Gamma",
        "HalfNormal",
        "LogNormal",
        "LogitNormal",
        "Normal",
        "Trials",
    ),
    *(
        "check_priors",
        "compare",
        "compare_groups",
        "design_analysis",
        "fit_em",
        "fit_map",
        "fit_nuts",
        "fit_pathfinder",
        "fit_smc",
        "model_recovery",
        "parameter_average",
        "parameter_recovery",
    ),
    *("prior_predictive", "random_effects_bms", "simulate"),
]
"""Every public name. Adding one is a decision, so it is added here too."""

PACKAGES = [
    *(
        "agents",
        "couplings",
        "data",
        "deep",
        "environments",
        "families",
        "fit",
        "models",
        "nodes",
        "plotting",
    ),
    *("responses", "structure", "testing"),
]
"""Public subpackages."""


def test_the_public_names_are_these():
    found = dir(pn)

    assert [name for name in found if not inspect.ismodule(getattr(pn, name))] == sorted(NAMES)
    assert set(PACKAGES) <= set(found)


def undocumented(name: str) -> list[str]:
    """A public name, and every public method and property of it, that say not what they are."""
    found = getattr(pn, name)
    members = vars(found).items() if inspect.isclass(found) else ()
    called = [
        member
        for member, value in members
        if not member.startswith("_")
        and (callable(value) or isinstance(value, property | classmethod))
    ]
    silent = [] if inspect.getdoc(found) else [name]
    return silent + [f"{name}.{one}" for one in called if not inspect.getdoc(getattr(found, one))]


def test_public_names_say_what_they_are():
    """Methods and properties too, or what they override."""
    names = {*NAMES, *PACKAGES} - {"Array", "Scalar", "Inlets"}

    assert not [silent for name in sorted(names) for silent in undocumented(name)]


def test_public_functions_of_subpackages_say_what_they_do():
    for name in ["agents", "models", "data", "plotting", "responses", "testing"]:
        package = getattr(pn, name)
        found = {n: getattr(package, n) for n in dir(package) if n[0] != "_"}
        public = {n: v for n, v in found.items() if inspect.isfunction(v)}

        assert public, name
        assert not [n for n, function in public.items() if not inspect.getdoc(function)], name


def test_the_contract_is_kept():
    promised = [(name, member) for name, members in CONTRACT.items() for member in members]

    assert not [(name, one) for name, one in promised if not hasattr(getattr(pn, name), one)]


def test_the_arguments_of_the_contract_are_there():
    def arguments(function):
        return list(inspect.signature(function).parameters)[1:]

    kinds = inspect.signature(pn.Network.filter).parameters
    assert arguments(pn.Network.filter) == [
        "inputs",
        "dt",
        "time",
        "observed",
        "frozen",
        "gate",
        "start",
        "record",
        "throw",
    ]
    assert all(
        kinds[name].kind is kinds[name].KEYWORD_ONLY for name in arguments(pn.Network.filter)[1:]
    )
    assert arguments(pn.Network.step)[:3] == ["state", "inputs", "dt"]
    assert arguments(pn.Network.sample)[:2] == ["key", "steps"]
    assert {"expansion", "marginalise"} <= set(arguments(pn.Graph.compile))
    assert {"binary_hgf", "continuous_hgf", "jget"} <= set(dir(pn.models))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'HGF'"):
        _ = pn.HGF
    with pytest.raises(AttributeError, match=r"'load_fit'. It is now pynodes.load"):
        _ = pn.load_fit
    for now in pn._RENAMED.values():
        assert hasattr(pn, now.split(",")[0].removeprefix("pynodes."))


IMPORT = """
import json, os, sys
import jax
before = dict(jax.config.values)
environment = dict(os.environ)
import pynodes
{then}
print(json.dumps({{
    "modules": sorted(sys.modules),
    "changed": [name for name, value in jax.config.values.items() if before.get(name) != value],
    "environment": dict(os.environ) == environment,
}}))
"""


def after(then: str) -> dict[str, object]:
    """What a fresh process looks like once pynodes was imported and used."""
    code = IMPORT.format(then=then)
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    return json.loads(run.stdout)


def test_importing_changes_nothing_and_loads_only_what_is_used():
    found = after("")

    loaded = {name.partition(".")[0] for name in found["modules"]}
    assert not loaded & {"matplotlib", "pandas", "xarray", "networkx", "seaborn", "pytest"}
    assert "pynodes.plotting" not in found["modules"]
    assert found["changed"] == []
    assert found["environment"]


@pytest.mark.slow
def test_the_first_figure_of_beliefs_loads_no_fitting():
    found = after(
        "import pynodes.plotting; beliefs = pynodes.models.binary_hgf().compile().filter({'u': [1, 0]});"
        "import matplotlib; matplotlib.use('agg'); beliefs.plot()"
    )

    assert "pynodes.plotting.beliefs" in found["modules"]
    assert not [name for name in found["modules"] if name.startswith("pynodes.fit")]


def test_filtering_loads_no_tables_and_no_plots_and_changes_no_setting():
    found = after(
        "beliefs = pynodes.models.binary_hgf().compile().filter({'u': [1, 0, 1]});"
        "str(beliefs), beliefs['x2'].mean, beliefs.surprise"
    )

    loaded = {name.partition(".")[0] for name in found["modules"]}
    assert not loaded & {"matplotlib", "pandas", "xarray", "networkx"}
    assert found["changed"] == []
    assert found["environment"]


def test_the_version_is_that_of_the_distribution():
    numbers = pn.__version__.split(".")

    assert len(numbers) == 3
    assert all(number.isdigit() for number in numbers)


def test_fitting_loads_what_it_needs_when_it_needs_it():
    """Frames, samplers, formulas and files come with an extra, and are imported when they are used."""
    found = after("import pynodes.fit, pynodes.agents; pynodes.Normal, pynodes.fit_nuts")

    loaded = {name.partition(".")[0] for name in found["modules"]}
    extras = {"arviz_base", "arviz_stats", "blackjax", "formulae", "h5netcdf", "h5py"}
    assert not loaded & (extras | {"pandas", "xarray", "matplotlib"})
    assert found["changed"] == []
