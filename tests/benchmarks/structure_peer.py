"""PCMCI and PCMCI+ of tigramite on the series of tests/benchmarks/structure.py.

    python tests/benchmarks/structure_peer.py SERIES.npz

Run by the interpreter of an environment that has tigramite; pynodes is not imported. Reads sets of series and
which edges were there, and prints F1, precision, recall and what a set costs, for two levels and for the rate
of false discoveries (Benjamini and Hochberg).
"""

import sys
import time

import numpy as np
from tigramite import data_processing
from tigramite.independence_tests.parcorr import ParCorr
from tigramite.pcmci import PCMCI


def main():
    """Every method on every set."""
    given = np.load(sys.argv[1])
    series, truth, lags = given["series"], given["truth"], int(given["lags"])
    for method in ("PCMCI", "PCMCI+"):
        found, cost = {}, []
        for x in series:
            began = time.perf_counter()
            for name, matrix in search(x, method, lags).items():
                found.setdefault(name, []).append(matrix)
            cost.append(time.perf_counter() - began)
        for name, every in found.items():
            on = np.array(every)
            hits = np.sum(on & truth)
            precision, recall = hits / max(on.sum(), 1), hits / truth.sum()
            f1 = 2 * hits / (on.sum() + truth.sum())
            print(
                f"{method}, {name}: F1 {f1:.3f} (precision {precision:.3f}, recall {recall:.3f}),",
                f"{np.median(cost) * 1e3 / len(found):.0f} ms a set",
            )


def search(x, method, lags):
    """Edges from the past at some levels, as (lag, from, to)."""
    frame = data_processing.DataFrame(x)
    pcmci = PCMCI(dataframe=frame, cond_ind_test=ParCorr(), verbosity=0)
    if method == "PCMCI+":
        found = {}
        for level in (0.01, 0.05):
            graph = pcmci.run_pcmciplus(tau_min=0, tau_max=lags, pc_alpha=level)["graph"]
            found[f"level {level}"] = edges(graph == "-->", lags)
        return found
    outcome = pcmci.run_pcmci(tau_min=1, tau_max=lags, pc_alpha=0.05, alpha_level=0.05)
    p = outcome["p_matrix"]
    rates = pcmci.get_corrected_pvalues(p_matrix=p, tau_min=1, tau_max=lags, fdr_method="fdr_bh")
    found = {f"level {level}": edges(p < level, lags) for level in (0.01, 0.05)}
    return found | {"false discovery rate 0.05": edges(rates < 0.05, lags)}


def edges(matrix, lags):
    """Lags first."""
    return np.moveaxis(matrix[:, :, 1 : lags + 1], 2, 0)


if __name__ == "__main__":
    main()
