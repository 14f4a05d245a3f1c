"""Formulas: designs beside arrays by hand, and what cannot be read or computed said in a sentence."""

import functools

import numpy as np
import pandas as pd
import pytest

import pynodes as pn
from pynodes.fit import Agent, LogNormal, Normal, Trials
from pynodes.fit.group.formula import read_subject_covariates
from pynodes.fit.group.formula_columns import TABLE
from pynodes.fit.group.group_model import make_group_model
from tests.fit.cases import chooser

AGES = [20.0, 31.0, 24.0, 45.0, 36.0, 28.0]


@functools.cache
def study(parameters_per=None):
    """Six subjects of two groups and three sites, each with two sessions of three trials."""
    rows = [
        {
            "subject": f"s{subject}",
            "session": session,
            "u": 1.0,
            "y": 0.0,
            "age": AGES[subject],
            "group": "ab"[subject % 2],
            "site": "xyz"[subject // 2],
            "drug": ["placebo", "drug"][session],
            "trial": trial,
            "gap": np.nan if subject == 3 else 1.0,
            "same": "k",
        }
        for subject in range(6)
        for session in range(2)
        for trial in range(3)
    ]
    data = pd.DataFrame(rows)
    return Trials(
        data, inputs="u", actions="y", by=["subject", "session"], parameters_per=parameters_per
    )


def design(formula, parameters_per=None, parameter="x2.tonic_volatility"):
    found = make_group_model(chooser(), study(parameters_per), {parameter: formula})
    place = chooser().names.index(parameter)
    return found.population.designs[place], found


def test_columns_are_those_of_the_formula():
    """Groups differ from the first one by steps; scaled covariates have mean zero and deviation one."""
    found, _ = design("group + scale(age)")
    ages = (np.array(AGES) - np.mean(AGES)) / np.std(AGES)

    assert found.terms == ("Intercept", "group[T.b]", "scale(age)")
    np.testing.assert_allclose(
        found.fixed, np.stack([np.ones(6), np.arange(6) % 2, ages], axis=1), atol=1e-12
    )
    assert found.grouped == ()


def test_priors_are_per_step_and_per_deviation():
    """The intercept has the agent's prior; what a spread is a slope of depends on the column's unit."""
    found, _ = design("group + age")
    _, spread = -3.0, 2.0

    np.testing.assert_allclose(found.prior_means, [-3, 0, 0])
    np.testing.assert_allclose(found.prior_sds, [spread, spread, spread / np.std(AGES)])


def test_without_intercept_every_group_has_the_prior_of_one():
    found, _ = design("0 + group")

    assert found.terms == ("group[a]", "group[b]")
    np.testing.assert_allclose(found.prior_means, [-3, -3])
    np.testing.assert_allclose(found.prior_sds, [2, 2])
    np.testing.assert_allclose(found.fixed.sum(axis=1), 1)


def test_interactions_are_products():
    found, _ = design("group * scale(age)")

    assert found.terms == ("Intercept", "group[T.b]", "scale(age)", "group[T.b]:scale(age)")
    np.testing.assert_allclose(found.fixed[:, 3], found.fixed[:, 1] * found.fixed[:, 2])


@pytest.mark.parametrize("formula", ["I(age ** 2)", "{age ** 2}", "sqrt(age)", "log(age)"])
def test_functions_of_columns_are_computed(formula):
    expected = {"I": np.square, "{": np.square, "s": np.sqrt, "l": np.log}[formula[0]]
    found, _ = design(formula)

    np.testing.assert_allclose(found.fixed[:, 1], expected(AGES))


def test_levels_of_a_factor_have_effects_of_their_own():
    found, whole = design("(1|site)")
    (part,) = found.grouped

    assert (part.names, part.levels) == (("1|site",), 3)
    assert part.level.tolist() == [0, 0, 1, 1, 2, 2]
    np.testing.assert_allclose(part.values, 1)
    np.testing.assert_allclose(part.prior_sds, 2)
    assert whole.levels == {"x2.tonic_volatility:site": ("x", "y", "z")}
    spread_out = np.asarray(part.design_matrix())
    np.testing.assert_allclose(spread_out, np.repeat(np.eye(3), 2, axis=0))


def test_effects_of_columns_go_with_their_intercept():
    """``(1 + x|subject)``: both belong to the factor, with a deviation each."""
    found, _ = design("drug + (1 + drug|subject)", parameters_per="session")
    (part,) = found.grouped

    assert part.names == ("1|subject", "drug[T.placebo]|subject")
    assert part.level.tolist() == np.repeat(np.arange(6), 2).tolist()
    np.testing.assert_allclose(part.values, np.stack([np.ones(12), np.arange(12) % 2 == 0], axis=1))


def test_effects_of_units_are_their_scatter():
    """It is there anyway, and not twice."""
    assert design("(1|subject)")[0].grouped == ()
    assert design("(1|subject:session)", parameters_per="session")[0].grouped == ()
    assert len(design("(1|subject)", parameters_per="session")[0].grouped) == 1


def test_parameters_without_formula_have_an_intercept():
    _, whole = design("group")

    assert whole.formulas == {"x2.tonic_volatility": "group", "inverse_temperature": "1"}
    assert whole.population.designs[1].terms == ("Intercept",)
    np.testing.assert_allclose(whole.population.designs[1].prior_means, [1.0])
    assert whole.population.coefficient_names == (
        "x2.tonic_volatility:Intercept",
        "x2.tonic_volatility:group[T.b]",
        "inverse_temperature:Intercept",
    )


def test_priors_that_are_not_normal_lend_centre_and_spread():
    """The expected logarithm of a gamma variable, and its standard deviation."""
    free = {"inverse_temperature": pn.Gamma(2.0, 1.0)}
    agent = Agent(pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), free=free)
    found = make_group_model(agent, study()).population
    draws = np.log(np.random.default_rng(0).gamma(2.0, size=400_000))

    np.testing.assert_allclose(found.designs[0].prior_means, draws.mean(), atol=0.01)
    np.testing.assert_allclose(found.designs[0].prior_sds, draws.std(), atol=0.01)
    np.testing.assert_allclose(found.prior_sds, draws.std(), atol=0.01)


WRONG = {
    "unknown column": ("agee", "Did you mean 'age'"),
    "changes within a subject": ("drug", "subject 's0' has 'placebo' and 'drug'"),
    "changes between sessions": ("drug", "parameters_per='session'"),
    "missing value": ("gap", "missing from row 18, of subject 's3'"),
    "left side": ("y ~ age", "right of '~'"),
    "bare left side": ("~ age", "right of '~'"),
    "unfinished": ("age +", "cannot be read"),
    "no operator": ("age group", "Write '\\+' between"),
    "number and name": ("group \\+ 3age".replace("\\", ""), "Write '\\+' between"),
    "power": ("age**2", "I\\(column"),
    "bar outside": ("1|site", "in parentheses"),
    "two bars": ("(1|site|group)", "one bar"),
    "unclosed": ("(1|site", "cannot be read"),
    "empty": ("", "must be a text"),
    "no text": (3, "must be a text"),
    "unknown function": ("foo(age)", "calls 'foo'"),
    "function of a module": ("np.f2py.os.system('ls')", "calls 'np.f2py.os.system'"),
    "function in parentheses": ("(np.f2py.os.system)('ls')", "calls"),
    "function in braces": ("{np.load('file')}", "calls 'np.load'"),
    "function of Python's": ("scale(eval('age'))", "calls 'eval'"),
    "text scaled": ("scale(site)", "cannot be computed"),
    "no number": ("log(age - 20)", "no number for some subjects"),
    "one group": ("same", "same for all subjects"),
    "one level": ("(1|same)", "same for all subjects"),
    "same twice": ("group + C(group)", "made up of those before it"),
    "slope of units": ("(1 + age|subject)", "has its own"),
    "offset": ("offset(age)", "no coefficient"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_formula_is_said(name):
    formula, said = WRONG[name]

    with pytest.raises(pn.FormulaError, match=said):
        design(formula)


EVERY_SORT = """
1
0 + group
group * scale(age)
center(age) + C(group, Treatment('b'))
(age + group) ** 2
S(site) + age
T(site, 'y'):age
binary(group, 'b')
I(group == 'b')
np.hypot(age, 2)
poly(age, 2)
poly(age, degree=3, raw=True)
bs(age, df=4)
bs(age, df=3, degree=2)
0 + bs(age, df=3, degree=2, center=False)
cr(age, df=3)
0 + cr(age, df=4, center=False)
cc(age, 30, df=3)
poly(log(age), 2):group
{-(age + 1) / 2 ** 0.5} + (1|site)
""".strip().split("\n")


@pytest.mark.parametrize("formula", EVERY_SORT)
def test_columns_are_computed_again_from_plain_numbers(formula):
    """For the units themselves, and for any of them alone: nothing is taken from the new data."""
    found, whole = design(formula)
    part = whole.parts["x2.tonic_volatility"]
    columns = read_subject_covariates(study(), ["age", "group", "site"], "x2.tonic_volatility")

    np.testing.assert_allclose(part.columns_for(columns), found.fixed, rtol=1e-10, atol=1e-12)
    for row in range(6):
        alone = {name: values[row : row + 1] for name, values in columns.items()}
        np.testing.assert_allclose(
            part.columns_for(alone), found.fixed[row : row + 1], rtol=1e-10, atol=1e-12
        )


def columns_of(formula, ages):
    """The columns of a formula of age without an intercept, for some ages."""
    part = design(f"0 + {formula}")[1].parts["x2.tonic_volatility"]
    return part.columns_for({"age": np.asarray(ages, float)})


def left_over(basis, target):
    """What of a function no sum of some columns is."""
    weights = np.linalg.lstsq(basis, target, rcond=None)[0]
    return np.abs(basis @ weights - target).max()


def test_polynomials_are_orthonormal_and_span_the_powers():
    basis = columns_of("poly(age, 3)", AGES)
    ages = np.linspace(10, 60, 30)

    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-9)
    several = np.column_stack([np.ones(30), columns_of("poly(age, 3)", ages)])
    for power in range(4):
        assert left_over(several, (ages / 30) ** power) < 1e-9


def test_splines_span_what_they_should():
    """B-splines sum to one and span all cubics; natural ones all straight lines, and are such outside."""
    ages, outside = np.linspace(20, 45, 40), np.linspace(60, 90, 7)
    every = columns_of("bs(age, df=5, center=False)", ages)
    natural = columns_of("cr(age, df=4, center=False)", ages)

    np.testing.assert_allclose(every.sum(axis=1), 1, atol=1e-12)
    for power in range(4):
        assert left_over(every, (ages / 30) ** power) < 1e-9
    for power in range(2):
        assert left_over(natural, (ages / 30) ** power) < 1e-9
    bend = np.diff(columns_of("cr(age, df=4, center=False)", outside), n=2, axis=0)
    np.testing.assert_allclose(bend, 0, atol=1e-9)


def test_splines_are_centred_over_the_data_and_cyclic_ones_come_back():
    for formula in ("bs(age, df=4)", "cr(age, df=3)", "cc(age, 30, df=3)"):
        np.testing.assert_allclose(columns_of(formula, AGES).sum(axis=0), 0, atol=1e-10)
    ages = np.linspace(20, 45, 9)
    np.testing.assert_allclose(
        columns_of("cc(age, 30, df=3)", ages),
        columns_of("cc(age, 30, df=3)", ages + 60),
        atol=1e-10,
    )


HOSTILE = {
    "quotes that end elsewhere": (
        """I('a" == group) + np.lib.npyio.os.system("touch mark") + I(group == 'a')""",
        "different quotes",
    ),
    "module behind a module": ("np.lib.npyio.os.system('touch mark')", "calls 'np.lib.npyio"),
    "name in backquotes": ("`np.f2py.os.system`('touch mark')", "calls what is no name"),
    "globals of a mark": ("C.__globals__.clear()", "calls 'C.__globals__.clear'"),
    "globals of a transform": ("scale.__init__.__globals__.get('np')", "calls 'scale.__init__"),
    "call of a call": ("C(group)(age)", "calls what is no name"),
    "letters that look like others": ("\uff45val('1')", "calls"),
    "getattr": ("getattr(np, 'os')", "calls 'getattr'"),
    "function that writes": ("np.exp(age, out=age)", "nothing by name"),
    "transform that is not listed": ("proportion(age, 60)", "calls 'proportion'"),
    "subscript": ("group['a']", "in brackets"),
    "subscript in a call": ("I(age[0])", "cannot be read"),
    "list comprehension": ("[x for x in age]", "cannot be read"),
    "lambda": ("I(lambda: age)", "':' inside of a call"),
    "text with a prefix": ("f'{age}'", "nothing between"),
    "text for a term": ("'age'", "is no term"),
    "number for a term": ("2 + age", "2 is no term"),
    "comparison for a term": ("age == 20", "between terms"),
    "numbers without end": ("I(age * 9 ** 9 ** 9 ** 9 ** 9 ** 9 ** 9 ** 9)", "no number for some"),
    "power of a sum": ("(age + group) ** 9999", "from 1 to 10"),
    "products without end": ("*".join(f"`{n}`" for n in range(12)), "4096 terms, more than 500"),
    "degree without end": ("poly(age, 100000000)", "asks for 100000000 columns"),
    "columns without end": ("bs(age, df=1000000000)", "asks for 1000000000 columns"),
    "digits without end": ("I(age * 1" + "0" * 5000 + ")", "cannot be read"),
    "keyword that is none": ("bs(age, df=3, knots=7)", "takes 'x', 'df'"),
    "argument that is given twice": ("bs(age, 3, df=3)", "each once"),
    "argument that is absent": ("cc(age)", "must be given 'period'"),
    "argument that is a column": ("bs(age, df=age)", "must be a number or a text"),
    "contrast that is none": ("C(group, scale(age))", "Levels are compared by"),
    "word for a bound": ("cr(age, 3, lower_bound='a')", "cannot be computed"),
    "degree that is a truth": ("poly(age, degree=True)", "whole number of columns, not True"),
    "number without columns": ("I(3)", "same for all subjects"),
    "text in a sum": ("I(age + 'a')", "takes numbers"),
    "deep": ("(" * 200 + "age" + ")" * 200, "cannot be read.*recursion"),
    "deeper": ("-" * 3000 + "1", "may have 500"),
    "long": ("+".join(["age"] * 3000), "may have 500"),
    "effects of effects": ("((1|site)|group)", "cannot be read"),
    "character that is none": ("age\x00", "cannot be read"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_formula_runs_nothing_but_what_is_listed(name, tmp_path, monkeypatch):
    """Whatever it says, it is refused in a sentence, at once, and leaves no mark."""
    monkeypatch.chdir(tmp_path)
    formula, said = HOSTILE[name]

    with pytest.raises(pn.FormulaError, match=said):
        design(formula)

    assert list(tmp_path.iterdir()) == []


def test_every_function_that_may_be_called_is_one_of_numbers():
    """No name that is allowed leads anywhere but to an elementwise function of numbers."""
    assert all(isinstance(function, np.ufunc) for function in TABLE.values())


def test_the_group_that_others_are_compared_with_may_be_named():
    found, _ = design("C(group, Treatment('b')) + I(age ** 2)")

    np.testing.assert_allclose(found.fixed[:, 1], np.arange(6) % 2 == 0)
    assert found.terms[1].endswith("[T.a]")


def test_what_lies_between_quotes_is_left_alone():
    """A space or a sign in a name is no mistake."""
    data = study().columns | {"body mass": study().columns["age"]}
    named = Trials(data, inputs="u", actions="y", by=["subject", "session"])
    found = make_group_model(
        chooser(), named, {"x2.tonic_volatility": "scale(`body mass`)"}
    ).population

    np.testing.assert_allclose(found.designs[0].fixed[:, 1], design("scale(age)")[0].fixed[:, 1])


def test_a_formula_without_formulae_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "formulae", None)

    with pytest.raises(pn.MissingExtraError, match=r"\.\[fit\]"):
        design("group")


def test_intercepts_alone_need_no_formulae(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "formulae", None)

    assert design("1")[0].terms == ("Intercept",)


def test_free_values_are_those_of_the_agent():
    free = {"inverse_temperature": LogNormal(0, 1), "x2.tonic_volatility": Normal(-3, 1)}
    agent = Agent(pn.models.binary_hgf(2), pn.responses.UnitSquareSigmoid(), free=free)

    with pytest.raises(pn.ParameterError, match="Did you mean 'inverse_temperature'"):
        make_group_model(agent, study(), {"inverse_temperatur": "group"})
