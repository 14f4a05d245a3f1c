"""Groups: populations, formulas, and Laplace-EM."""
