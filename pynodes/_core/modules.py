"""Modules: frozen dataclasses that are pytrees. Parameters are leaves, choices are structure."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import numbers
from collections.abc import Callable, Mapping
from typing import Any, dataclass_transform

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from pynodes._boundary import as_if, boundary
from pynodes._core.besides import Besides, read_besides
from pynodes._errors import ParameterError, format_value, nearest


def parameter(
    default: Any,
    *,
    symbol: str = "",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    positive: bool = False,
    infinite: bool = False,
    rank: int | None = 0,
    whole: bool = False,
) -> Any:
    """Declare a real-valued field that may be fitted, replaced and differentiated.

    Parameters
    ----------
    default
        Its value when none is given; nested tuples for an array, None for a parameter that may be absent,
        True for one that is drawn unless it is None or False.
    symbol
        How the literature writes it, for equations and summaries.
    bounds
        Closed interval of allowed values.
    positive
        Whether zero and below are forbidden.
    infinite
        Whether an infinite value means something.
    rank
        Its number of dimensions: 0 for a number, 1 for a vector, 2 for a matrix; None for an array of any.
    whole
        Whether only whole numbers are meant, such as the code of an option.
    """
    spec = {
        "symbol": symbol,
        "bounds": bounds,
        "positive": positive,
        "infinite": infinite,
        "rank": rank,
        "whole": whole,
        "optional": default is None or default is True,
        "drawn": default is True,
    }
    return dataclasses.field(default=default, metadata={"parameter": spec})


def index(default: int | None = None) -> Any:
    """Declare a whole number that says which one of several is meant.

    It is a leaf, so that nodes or couplings that differ only in it are computed together; but no
    parameter: it cannot be fitted or replaced.
    """
    return dataclasses.field(default=default, metadata={"index": True})


def choice(default: Any = dataclasses.MISSING) -> Any:
    """Declare a static field: hashable, part of the structure, never traced."""
    if default is dataclasses.MISSING:
        return dataclasses.field(metadata={"static": True})
    return dataclasses.field(default=default, metadata={"static": True})


def aside() -> Any:
    """Declare a field that lies beside the tree: JAX neither sees it nor carries it along.

    What comes out of a transformation has None in its place. For what explains a result and cannot be
    part of its structure, such as the call that made it.
    """
    return dataclasses.field(default=None, metadata={"aside": True})


@dataclasses.dataclass(frozen=True)
class Undrawn:
    """Stands for an array whose numbers are drawn when its graph is compiled.

    A graph so holds the size of its weights and how they begin, never the weights: it is small however
    large they are. JAX takes it for an abstract array (``jax.eval_shape``).

    Attributes
    ----------
    shape
        Shape of the array.
    """

    shape: tuple[int, ...]

    @property
    def dtype(self) -> Any:
        """Type of the numbers: floating-point ones in the precision of the moment."""
        return jnp.result_type(float)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers there will be."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        return f"undrawn of shape {self.shape}"


@dataclass_transform(frozen_default=True, kw_only_default=True)
@dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Module:
    """Base of everything that holds numbers: a subclass becomes a frozen dataclass and a pytree.

    Fields declared with :func:`choice` belong to the structure; every other field is a leaf or a
    subtree. Fields are given by name only.
    """

    # JAX compares the structures of two dataclasses by their static fields, not by their classes (seen
    # in 0.10 and 0.12), and could take the compiled code of one kind for another's. So the class is one.
    _class: type | None = choice(None)  # noqa: RUF009

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__annotations__ = {**cls.__annotations__, "_class": type}
        cls._class = choice(cls)
        own = "__init__" in vars(cls)
        dataclasses.dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)
        cls.__init__ = by_name(cls, cls.__init__, own)
        fields = dataclasses.fields(cls)
        static = [field.name for field in fields if field.metadata.get("static")]
        beside = [field.name for field in fields if field.metadata.get("aside")]
        leaves = [field.name for field in fields if field.name not in (*static, *beside)]
        jax.tree_util.register_dataclass(cls, leaves, static, drop_fields=beside)

    def __repr__(self) -> str:
        shown = (
            f"{field.name}={short(getattr(self, field.name))}"
            for field in dataclasses.fields(self)
            if field.name != "_class" and not is_default(getattr(self, field.name), field.default)
        )
        return f"{type(self).__name__}({', '.join(shown)})"

    def _repr_html_(self) -> str:
        from pynodes._core.html import module_to_html

        return module_to_html(self)


def by_name(cls: type[Module], init: Callable[..., None], own: bool) -> Callable[..., None]:
    """A constructor that names the fields it does not know, and the nearest one it does.

    Many are made in every call of a network, and at every step that is traced: most of them by JAX, from
    all fields at once. So names are looked at only once something is wrong.
    """
    fields = dataclasses.fields(cls)
    arrays = [
        (field.name, field.default)
        for field in fields
        if field.metadata.get("parameter", {"rank": 0})["rank"] != 0
    ]
    checked = own or bool(arrays) or hasattr(cls, "__post_init__")
    defaults = {
        field.name: field.default for field in fields if field.default is not dataclasses.MISSING
    }
    required = {field.name for field in fields} - defaults.keys()

    @functools.wraps(init)
    def named(self: Module, *args: Any, **values: Any) -> None:
        __tracebackhide__ = True
        if not (checked or args) and values.keys() >= required:
            found = defaults | values
            if len(found) == len(fields):  # no other names: all at once, which is much faster
                object.__setattr__(self, "__dict__", found)
                return
        for name, default in arrays:
            given = values.get(name, default)
            # Whole numbers that JAX puts in the place of arrays are axes: only a user's is a value.
            whole = type(given) is int and "_class" not in values
            values[name] = as_array(float(given) if whole else given)
        try:
            init(self, *args, **values)
        except TypeError:
            mistake = find_mistake(cls, args, values)
            if mistake is None:
                raise
            raise mistake from None

    return boundary(named) if checked else as_if(named, init)


def find_mistake(
    cls: type[Module], args: tuple[Any, ...], values: Mapping[str, Any]
) -> ParameterError | None:
    """What a constructor cannot take: fields that are not given by name, or under names of none."""
    known = [field.name for field in dataclasses.fields(cls) if field.name != "_class"]
    if args:
        return ParameterError(
            f"{cls.__name__} takes its fields by name, as in "
            f"{cls.__name__}({known[0] if known else 'name'}=...)."
        )
    for name in values:
        if name not in known and name != "_class":
            return ParameterError(
                f"{cls.__name__} has no parameter {name!r}. {nearest(name, known)}"
            )
    return None


def same_module(one: Module, other: Module) -> bool:
    """Whether two modules are of one kind and agree in every choice and number."""
    if one is other:
        return True
    if type(one) is not type(other) or is_traced((one, other)):
        return False
    if any(getattr(one, name) != getattr(other, name) for name in choices_of(one)):
        return False
    leaves, others = jax.tree.leaves(one), jax.tree.leaves(other)
    return len(leaves) == len(others) and all(
        np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(leaves, others, strict=True)
    )


def parameters_of(module: Module | type[Module]) -> dict[str, dict[str, Any]]:
    """Name and specification of every parameter that a module declares, and of those of its parts."""
    own = {
        field.name: field.metadata["parameter"]
        for field in dataclasses.fields(module)
        if "parameter" in field.metadata
    }
    parts = () if isinstance(module, type) else getattr(module, "parts", ())
    return own | {
        parameter_name_of_part(number, name): spec
        for number, part in enumerate(parts)
        for name, spec in parameters_of(part).items()
    }


def parameter_name_of_part(number: int, name: str) -> str:
    """The name of a parameter of one of the modules that a module is made of: ``"1.weights"``."""
    return f"{number}.{name}"


def split_part_name(name: str) -> tuple[int, str]:
    """The number of a part, and the name of its parameter."""
    number, _, rest = name.partition(".")
    return int(number), rest


def parameters_in(module: Module) -> dict[str, dict[str, Any]]:
    """The same for those that a module has: optional ones that were not given are left out."""
    return {
        name: spec
        for name, spec in parameters_of(module).items()
        if getattr(module, name) is not None
    }


def indices_of(module: Module | type[Module]) -> list[str]:
    """Names of the fields that say which one of several is meant."""
    return [field.name for field in dataclasses.fields(module) if field.metadata.get("index")]


def choices_of(module: Module | type[Module]) -> list[str]:
    """Names of the static fields of a module."""
    static = [field.name for field in dataclasses.fields(module) if field.metadata.get("static")]
    return [name for name in static if name != "_class"]


def checked_value(owner: str, name: str, value: Any, spec: dict[str, Any]) -> None:
    """Refuse a parameter value that cannot be right; of a traced one only its type and shape are known.

    Raises
    ------
    ParameterError
        Not a real number, of the wrong shape, not finite, or outside its range.
    """
    rank = spec["rank"]
    if (spec["optional"] and value is None) or isinstance(value, Undrawn):
        return
    if not is_real(value):
        expected = "a real number" if rank == 0 else "an array of real numbers"
        raise ParameterError(f"{owner}: {name} must be {expected}, not {format_value(value)}.")
    if rank is not None and np.ndim(value) != rank:
        expected = (
            f"have {rank} dimensions, not shape" if rank else "be one number, not an array of shape"
        )
        raise ParameterError(
            f"{owner}: {name} must {expected} {np.shape(value)}. To run many values at once, use jax.vmap "
            "over network.replace."
        )
    if not is_traced(value):
        what = f"{owner}: {name}"
        array = np.asarray(to_float(what, value) if isinstance(value, int) else value)
        wrong = array[~in_range(array, spec)]
        if wrong.size:
            check_in_range(what, float(wrong.flat[0]), spec)


def to_float(what: str, number: Any) -> float:
    """A number as a floating-point one.

    Raises
    ------
    ParameterError
        A whole number beyond all of these.
    """
    try:
        return float(number)
    except OverflowError as error:
        raise ParameterError(f"{what} is a whole number beyond what a number can be.") from error


def in_range(values: Any, spec: dict[str, Any]) -> Any:
    """Which numbers are in the range of their parameter; of a NaN none is."""
    low, high = spec["bounds"]
    fine = (values >= low) & (values <= high)
    if not spec["infinite"]:
        fine &= abs(values) < math.inf
    if spec["positive"]:
        fine &= values > 0
    return fine & (values == values.round()) if spec["whole"] else fine


def blank_invalid(values: Any, spec: dict[str, Any]) -> Any:
    """Traced numbers with NaN for those that would be refused if they were known.

    A filter that meets a NaN stops there, with an infinite surprise of gradient zero.
    """
    narrow = spec["positive"] or spec["whole"] or max(map(abs, spec["bounds"])) < math.inf
    return jnp.where(in_range(values, spec), values, jnp.nan) if narrow else values


def check_in_range(what: str, number: float, spec: dict[str, Any]) -> None:
    """Refuse a number outside the range of its parameter."""
    low, high = spec["bounds"]
    if math.isnan(number) or (math.isinf(number) and not spec["infinite"]):
        raise ParameterError(f"{what} must be finite, not {number}.")
    if spec["positive"] and number <= 0:
        raise ParameterError(f"{what} must be positive, not {number}.")
    if spec["whole"] and number != math.floor(number):
        raise ParameterError(f"{what} must be a whole number, not {number}.")
    if not low <= number <= high:
        raise ParameterError(f"{what} must lie in [{low}, {high}], not {number}.")


def as_array(value: Any) -> Any:
    """Nested sequences of numbers as an array; anything else as it is, for the checks to refuse."""
    if not isinstance(value, list | tuple) or is_traced(value):
        return jnp.asarray(value) if isinstance(value, list | tuple) else value
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return value


def is_real(value: Any) -> bool:
    """Whether a value is a real number, or an array of them, and no truth value."""
    if isinstance(value, np.generic | np.ndarray | jax.Array):
        return value.dtype.kind in "fiu"
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def plain(value: Any) -> Any:
    """A number, or an array as numbers in lists."""
    return np.asarray(value, dtype=float).tolist()


MOST_SHOWN = 20
"""Numbers of an array that a repr shows."""


def short(value: Any) -> str:
    """A field's value as a repr shows it: plain numbers rather than arrays."""
    if isinstance(value, np.ndarray | np.generic | jax.Array) and not is_traced(value):
        large = f"array of shape {value.shape}"
        return large if value.size > MOST_SHOWN else repr(np.asarray(value).tolist())
    return getattr(value, "__name__", None) or repr(value)


def is_default(value: Any, default: Any) -> bool:
    """Whether a field still has the value it was declared with."""
    if isinstance(value, np.ndarray) and value.ndim:
        return np.array_equal(value, np.asarray(default, dtype=float))
    if isinstance(value, np.ndarray | np.generic):
        value = value.item()
    return value is default or (isinstance(value, float | int | str) and value == default)


class StaticFunction(Module):
    """A function of the user's, part of the structure: another function is another program."""

    function: Callable[..., Any] = choice()
    besides: Besides = choice(())

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.function(*arguments, **named)


def carry_function(function: Callable[..., Any]) -> Any:
    """A function as JAX can carry it: modules as they are, with their numbers; others as structure."""
    if isinstance(function, Module):
        return function
    return StaticFunction(function=function, besides=read_besides(function))


def unwrap_function(function: Any) -> Callable[..., Any]:
    """The function of the user's that is carried."""
    return function.function if isinstance(function, StaticFunction) else function


def namespace_of(*arrays: Any) -> Any:
    """NumPy for arrays on the host, ``jax.numpy`` for all others.

    Results of plain calls lie on the host; to look at them should neither copy nor compile anything.
    """
    return np if all(isinstance(array, np.ndarray | np.generic) for array in arrays) else jnp


def is_traced(tree: Any) -> bool:
    """Whether any leaf of a tree is known only while tracing."""
    if isinstance(tree, Tracer):
        return True
    if tree is None or isinstance(tree, np.ndarray):  # asked for every series of every call
        return False
    return any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(tree))


def evaluate_now(tree: Any) -> contextlib.AbstractContextManager[Any]:
    """Where known numbers are made into arrays even while JAX traces a function around it.

    What is made once and kept must not belong to a trace that happens to be under way.
    """
    return contextlib.nullcontext() if is_traced(tree) else jax.ensure_compile_time_eval()
