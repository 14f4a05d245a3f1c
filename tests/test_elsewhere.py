"""The page that says how models of other toolboxes are written: its expressions are what they say."""

import re

import pynodes as pn
from tests.pages import ROOT

TEXT = (ROOT / "docs" / "elsewhere.md").read_text(encoding="utf-8")
EXPRESSIONS = sorted(set(re.findall(r"`(pn\.[^`]+)`", TEXT)))
ROWS = re.findall(r"^\| (.+?) \|", TEXT, flags=re.MULTILINE)

PERCEPTUAL = [
    *("hgf_binary", "ehgf_binary", "hgf_ar1_binary", "ehgf_ar1_binary", "hgf_binary_pu"),
    *("ehgf_binary_pu", "hgf_binary_pu_tbt", "ehgf_binary_pu_tbt", "hgf_binary_mab"),
    *("hgf_ar1_binary_mab", "hgf_ar1_mab", "hgf", "ehgf", "hgf_ar1", "hgf_jget", "ehgf_jget"),
    *("hgf_categorical", "hgf_categorical_norm", "hgf_whatworld", "hgf_whichworld"),
    *("rw_binary", "rw_binary_dual", "ph_binary", "sutton_k1_binary", "kf", "hmm", "hhmm"),
]
RESPONSES = [
    *("unitsq_sgm", "unitsq_sgm_mu3", "softmax_binary", "softmax", "softmax_2beta"),
    *("softmax_mu3", "softmax_wld", "softmax_mu3_wld", "cdfgaussian_obs", "condhalluc_obs"),
    *("condhalluc_obs2", "condhalluc_obs3", "gaussian_obs", "gaussian_obs_offset", "beta_obs"),
    *("logrt_linear_binary", "logrt_linear_binary_minimal", "logrt_linear_whatworld"),
    *("rs_belief", "rs_precision", "rs_surprise", "rs_precision_whatworld", "bayes_optimal"),
    *("bayes_optimal_binary", "bayes_optimal_categorical", "bayes_optimal_whatworld"),
    *("bayes_optimal_whichworld", "squared_pe"),
]


def test_expressions_can_be_written():
    assert len(EXPRESSIONS) > 50
    assert not [one for one in EXPRESSIONS if eval(one, {"pn": pn}) is None]


def test_every_model_of_the_toolbox_has_a_row():
    models = PERCEPTUAL + RESPONSES

    assert not [model for model in models if not any(f"`{model}`" in row for row in ROWS)]


def test_as_many_as_the_toolbox_has():
    """27 perceptual models, and 28 response models."""
    assert len(PERCEPTUAL) == len(set(PERCEPTUAL)) == 27
    assert len(RESPONSES) == len(set(RESPONSES)) == 28
