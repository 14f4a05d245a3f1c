"""Columns: what formulas compute of covariates, as plain values that compute it again for others.

Whatever a function takes from the data, such as the mean by which it centres, is a number here. So a design
can be kept in a file, and says what it expects of others without its formula being read again.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.interpolate import BSpline, CubicSpline, PPoly

from pynodes._errors import FormulaError, quote
from pynodes.fit.data.frames import Columns

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in (
        *("abs", "absolute", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2"),
        *("arctanh", "cbrt", "ceil", "cos", "cosh", "exp", "exp2", "expm1", "fabs", "floor"),
        *("hypot", "log", "log10", "log1p", "log2", "logaddexp", "maximum", "minimum", "mod"),
        *("power", "reciprocal", "rint", "sign", "sin", "sinh", "sqrt", "square", "tan", "tanh"),
        "trunc",
    )
}
"""Functions of numbers, one for one, by the name that they have in ``np``."""

OPERATORS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "**": np.power,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "positive": np.positive,
    "negative": np.negative,
}
"""What stands between numbers, or before one."""

COMPARED = {"==": np.equal, "!=": np.not_equal}
"""What compares numbers, or texts."""

TABLE = ELEMENTWISE | OPERATORS | COMPARED
"""All that may be computed."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class AbstractColumns(abc.ABC):
    """One or several columns that are computed of covariates."""

    @abc.abstractmethod
    def compute(self, columns: Columns) -> np.ndarray:
        """The column, of shape (rows,), or columns, of shape (rows, columns)."""


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class NamedColumn(AbstractColumns):
    """A column as it is, by name."""

    name: str

    def compute(self, columns: Columns) -> np.ndarray:
        """The column.

        Raises
        ------
        FormulaError
            It is not there.
        """
        if self.name not in columns:
            raise FormulaError(f"The formula needs a column {self.name!r}, which is not given.")
        return np.asarray(columns[self.name])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class ConstantColumn(AbstractColumns):
    """A number or a text that a formula says."""

    value: float | str

    def compute(self, columns: Columns) -> np.ndarray:
        """The value, of shape ()."""
        del columns
        return np.asarray(self.value)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Elementwise(AbstractColumns):
    """A function of columns, row by row.

    Attributes
    ----------
    function
        Its name in the table of all that may be computed.
    parts
        What it is a function of.
    """

    function: str
    parts: tuple[AbstractColumns, ...]

    def __post_init__(self) -> None:
        if self.function not in TABLE:
            raise FormulaError(f"{self.function!r} is no function that a formula knows.")
        kind: Any = TABLE[self.function]
        if len(self.parts) != kind.nin:
            raise FormulaError(
                f"{self.function!r} is a function of {kind.nin} columns, not of {len(self.parts)}."
            )

    def compute(self, columns: Columns) -> np.ndarray:
        """The function's values."""
        values = [part.compute(columns) for part in self.parts]
        if self.function in COMPARED:
            return np.asarray(TABLE[self.function](*values)).astype(float)
        numbers = [to_float_column(value, self.function) for value in values]
        with np.errstate(all="ignore"):
            return np.asarray(TABLE[self.function](*numbers), float)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Scaled(AbstractColumns):
    """A column less a mean, in units of a standard deviation."""

    part: AbstractColumns
    mean: float
    sd: float

    def compute(self, columns: Columns) -> np.ndarray:
        """The scaled column."""
        with np.errstate(all="ignore"):
            return (to_float_column(self.part.compute(columns), "scale") - self.mean) / self.sd


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Polynomials(AbstractColumns):
    """Polynomials that are orthonormal over the data, without the constant.

    Each is ``(x - shift) previous - weight previous-but-one``, of a norm; shifts are of shape (degree,) and
    norms of shape (degree + 1,).
    """

    part: AbstractColumns
    shifts: np.ndarray
    norms: np.ndarray

    def compute(self, columns: Columns) -> np.ndarray:
        """The polynomials, of shape (rows, degree)."""
        values = to_float_column(self.part.compute(columns), "poly")
        found = [np.ones_like(values)]
        for degree, shift in enumerate(self.shifts):
            after = (values - shift) * found[-1]
            if degree:
                after = after - self.norms[degree] / self.norms[degree - 1] * found[-2]
            found.append(after)
        return np.stack(found[1:], axis=-1) / np.sqrt(self.norms[1:])


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Powers(AbstractColumns):
    """The powers of a column from the first on."""

    part: AbstractColumns
    degree: int

    def compute(self, columns: Columns) -> np.ndarray:
        """The powers, of shape (rows, degree)."""
        values = to_float_column(self.part.compute(columns), "poly")
        return values[:, None] ** np.arange(1, self.degree + 1)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Spline(AbstractColumns):
    """Functions that are polynomials between breaks, and beyond them those of the ends or periodic.

    Attributes
    ----------
    breaks
        In ascending order, of shape (pieces + 1,).
    coefficients
        Of powers of the distance from the break before, the highest first: shape (order, pieces, columns).
    periodic
        Whether they begin again after the last break.
    """

    part: AbstractColumns
    breaks: np.ndarray
    coefficients: np.ndarray
    periodic: bool = False

    def compute(self, columns: Columns) -> np.ndarray:
        """The functions' values, of shape (rows, columns)."""
        return self.evaluate(to_float_column(self.part.compute(columns), "a spline"))

    def evaluate(self, values: np.ndarray) -> np.ndarray:
        """The functions at some values."""
        beyond = "periodic" if self.periodic else True
        return PPoly(self.coefficients, self.breaks, extrapolate=beyond)(values)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Coded(AbstractColumns):
    """A factor as columns, by its level.

    Attributes
    ----------
    levels
        All levels that there are.
    codes
        A row per level, of shape (levels, columns).
    """

    part: AbstractColumns
    levels: tuple[str | int | float | bool, ...]
    codes: np.ndarray

    def __post_init__(self) -> None:
        if np.shape(self.codes)[:1] != (len(self.levels),):
            raise FormulaError(f"There is not one row of codes for each of {quote(self.levels)}.")

    def compute(self, columns: Columns) -> np.ndarray:
        """The columns, of shape (rows, columns).

        Raises
        ------
        FormulaError
            A level that the data do not have.
        """
        places = {level: place for place, level in enumerate(self.levels)}
        values = self.part.compute(columns).tolist()
        for value in values:
            if value not in places:
                raise FormulaError(
                    f"The formula cannot be computed for {value!r}, which the data do not have: there are "
                    f"{quote(self.levels)}."
                )
        return np.asarray(self.codes, float)[[places[value] for value in values]]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Product(AbstractColumns):
    """All products of the columns of some parts; one without parts."""

    parts: tuple[AbstractColumns, ...] = ()

    def compute(self, columns: Columns) -> np.ndarray:
        """The products, of shape (rows, columns), those of the last part next to one another."""
        rows = len(next(iter(columns.values())))
        found = np.ones((rows, 1))
        for part in self.parts:
            values = to_float_column(part.compute(columns), "a term").reshape(rows, -1)
            found = (found[:, :, None] * values[:, None, :]).reshape(rows, -1)
        return found


def to_float_column(values: np.ndarray, taker: str) -> np.ndarray:
    """Values as floating-point numbers.

    Raises
    ------
    FormulaError
        They are something else.
    """
    if values.dtype.kind not in "biuf":
        raise FormulaError(f"{taker} takes numbers, not such as {values.ravel()[:1].tolist()}.")
    return values.astype(float)


def fit_scale(part: AbstractColumns, columns: Columns, *, by_sd: bool) -> Scaled:
    """A column, centred by its mean and in units of its standard deviation if that is wanted."""
    values = to_float_column(part.compute(columns), "scale" if by_sd else "center")
    sd = float(np.std(values)) if by_sd else 1.0
    return Scaled(part=part, mean=float(np.mean(values)), sd=sd)


def fit_polynomials(
    part: AbstractColumns, columns: Columns, degree: int, *, raw: bool
) -> AbstractColumns:
    """Polynomials up to a degree: powers, or orthonormal over the data."""
    values = to_float_column(part.compute(columns), "poly")
    check_column_count("poly", degree, values)
    if raw:
        return Powers(part=part, degree=degree)
    shifts: list[float] = []
    found, norms = [np.ones_like(values)], [float(len(values))]
    for step in range(degree):
        shifts.append(float(np.sum(values * found[-1] ** 2)) / norms[-1])
        after = (values - shifts[-1]) * found[-1]
        if step:
            after = after - norms[-1] / norms[-2] * found[-2]
        found.append(after)
        norms.append(float(np.sum(after**2)))
    return Polynomials(part=part, shifts=np.array(shifts), norms=np.array(norms))


def fit_bspline(
    part: AbstractColumns, columns: Columns, df: int, degree: int, *, center: bool, **ends: Any
) -> Spline:
    """B-splines whose knots are quantiles of the data."""
    values, (low, high) = spline_values("bs", part, columns, df, ends)
    if not 0 <= degree <= 10:
        raise FormulaError(f"bs: degree must be a whole number from 0 to 10, not {degree}.")
    inner = df - degree - 1 + center
    if inner < 0:
        raise FormulaError(f"bs: df must be {df - inner} at least for degree={degree}, not {df}.")
    knots = np.clip(np.quantile(values, np.linspace(0, 1, inner + 2)[1:-1]), low, high)
    every = np.concatenate([[low] * (degree + 1), knots, [high] * (degree + 1)])
    basis = BSpline(every, np.eye(len(every) - degree - 1), degree)
    breaks = np.unique(every)
    powers = range(degree, -1, -1)
    coefficients = np.stack([basis(breaks[:-1], nu=k) / math.factorial(k) for k in powers])
    return centre_spline(part, values, breaks, coefficients, center=center)


def fit_natural_spline(
    part: AbstractColumns, columns: Columns, df: int, *, center: bool, **ends: Any
) -> Spline:
    """Cubic splines that are straight lines beyond their ends, each one at a knot and zero at others."""
    values, (low, high) = spline_values("cr", part, columns, df, ends)
    knots = place_knots("cr", values, df + center - 2, low, high)
    spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    slopes, heights = spline([low, high], 1), spline([low, high])
    flat = np.zeros((2, 1, len(knots)))
    left = np.concatenate([flat, slopes[None, :1], (heights - slopes)[None, :1]])
    right = np.concatenate([flat, slopes[None, 1:], heights[None, 1:]])
    coefficients = np.concatenate([left, spline.c, right], axis=1)
    breaks = np.concatenate([[low - 1], knots, [high + 1]])
    return centre_spline(part, values, breaks, coefficients, center=center)


def fit_cyclic_spline(
    part: AbstractColumns, columns: Columns, period: float, df: int, *, center: bool, **ends: Any
) -> Spline:
    """Cubic splines that begin again after a period."""
    if not 0 < period < math.inf:
        raise FormulaError(f"cc: period must be a positive number, not {period}.")
    values = to_float_column(part.compute(columns), "cc")
    check_column_count("cc", df, values)
    low = float(np.min(values) if ends["lower_bound"] is None else ends["lower_bound"])
    wrapped = low + np.mod(values - low, period)
    knots = place_knots("cc", wrapped, df + center - 1, low, low + period)
    free = np.eye(len(knots) - 1)
    spline = CubicSpline(knots, np.concatenate([free, free[:1]]), bc_type="periodic")
    return centre_spline(part, wrapped, spline.x, spline.c, center=center, periodic=True)


def spline_values(
    name: str, part: AbstractColumns, columns: Columns, df: int, ends: Mapping[str, Any]
) -> tuple[np.ndarray, tuple[float, float]]:
    """What a spline is a function of, and between which ends."""
    values = to_float_column(part.compute(columns), name)
    check_column_count(name, df, values)
    low = float(np.min(values) if ends["lower_bound"] is None else ends["lower_bound"])
    high = float(np.max(values) if ends["upper_bound"] is None else ends["upper_bound"])
    if not low < high:
        raise FormulaError(f"{name}: the lower bound {low:g} is not below the upper one, {high:g}.")
    return values, (low, high)


def place_knots(name: str, values: np.ndarray, inner: int, low: float, high: float) -> np.ndarray:
    """Ends and quantiles of the different values between them."""
    inside = np.unique(values[(values > low) & (values < high)])
    if inner < 0 or len(inside) < inner:
        raise FormulaError(
            f"{name}: df asks for {inner} knots between the ends, and there are {len(inside)} different "
            "values."
        )
    knots = np.quantile(inside, np.linspace(0, 1, inner + 2)[1:-1]) if inner else np.zeros(0)
    return np.concatenate([[low], knots, [high]])


def centre_spline(
    part: AbstractColumns,
    values: np.ndarray,
    breaks: np.ndarray,
    coefficients: np.ndarray,
    *,
    center: bool,
    periodic: bool = False,
) -> Spline:
    """A spline, or as many columns less one as have sum zero over the data: beside an intercept."""
    spline = Spline(part=part, breaks=breaks, coefficients=coefficients, periodic=periodic)
    if not center:
        return spline
    means = spline.evaluate(values).mean(axis=0)
    rest = np.linalg.qr(means[:, None], mode="complete")[0][:, 1:]
    return dataclasses.replace(spline, coefficients=coefficients @ rest)


def check_column_count(name: str, size: object, values: np.ndarray) -> None:
    """How many columns are made is a whole number, and there are more values than columns.

    Raises
    ------
    FormulaError
        It is not, or there are not.
    """
    count = len(np.unique(values))
    if not isinstance(size, int) or isinstance(size, bool) or size < 1:
        raise FormulaError(f"{name} makes a whole number of columns, not {size!r}.")
    if not np.isfinite(values).all():
        raise FormulaError(f"{name} takes finite numbers.")
    if size >= count:
        raise FormulaError(
            f"{name} asks for {size} columns of what has {count} different values; it takes fewer columns."
        )
