"""Compose: couplings one after the other, with nothing in between that has a belief."""

from __future__ import annotations

import dataclasses
from typing import Any, Self

from pynodes._core.modules import choice, parameter_name_of_part, split_part_name
from pynodes._errors import CouplingError
from pynodes._typing import Array
from pynodes.couplings._array import AbstractArrayCoupling, fold_name
from pynodes.couplings.initial import ALONE, EdgePlace


class Compose(AbstractArrayCoupling):
    """Composition of array couplings, one after the other.

    ``Compose(Normalisation(), Attention(heads=4))``. Parameters of the parts go by their numbers:
    ``"x->y.1.weights"``.

    Parameters
    ----------
    parts
        Array couplings, in order; given without a name.
    through
        Shapes between them, one fewer than parts. None where a part says itself what it makes, as Pooling,
        Normalisation and Residual do; by default so everywhere.
    learned, name, inlet, curvature
        As for every array coupling; the parts say themselves how they begin and whether they are learned.

    Raises
    ------
    CouplingError
        Parts that are no array couplings, or shapes that do not fit.

    Source: predictive coding with transition functions of several layers, as in Salvatori et al. (2022),
    arXiv 2211.03481.
    """

    parts: tuple[Any, ...] = ()
    through: tuple[Any, ...] | None = choice(None)

    def __init__(self, *parts: AbstractArrayCoupling, **values: Any) -> None:
        for one in parts:
            if not isinstance(one, AbstractArrayCoupling):
                raise CouplingError(
                    f"Compose takes array couplings, as in Compose(Normalisation(), Dense()), not {one!r}."
                )
        inner = {name: values.pop(name) for name in list(values) if "." in name}
        values["parts"] = replace_in_parts(parts or values.get("parts", ()), inner)
        for field in dataclasses.fields(self):
            object.__setattr__(self, field.name, values.pop(field.name, field.default))
        if values:
            raise TypeError(f"unknown fields {list(values)}")
        self.__post_init__()

    def __post_init__(self) -> None:
        super().__post_init__()
        through = self.through
        if through is not None:
            shapes = tuple(one if one is None else as_shape(one) for one in through)
            object.__setattr__(self, "through", shapes)

    def __getattr__(self, name: str) -> Any:
        if "." not in name:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        number, rest = split_part_name(name)
        return getattr(self.parts[number], rest)

    @property
    def codes(self) -> int | None:
        return self.parts[0].codes if self.parts else None

    @property
    def learnable(self) -> tuple[str, ...]:
        """Names of the parameters that training changes: those of all parts, if they are ``learned``."""
        if not self.learned:
            return ()
        return tuple(
            parameter_name_of_part(number, name)
            for number, part in enumerate(self.parts)
            for name in part.learnable
        )

    def contribution(self, x: Array) -> Array:
        for part in self.parts:
            x = part.contribution(x)
        return x

    def fit(self, parent: tuple[int, ...], child: tuple[int, ...]) -> Self:
        if not self.parts:
            raise CouplingError("Compose needs couplings, as in Compose(Normalisation(), Dense()).")
        shapes = [parent, *self.between(parent), child]
        parts = tuple(
            part.fit(shapes[number], shapes[number + 1]) for number, part in enumerate(self.parts)
        )
        return dataclasses.replace(self, parts=parts)

    def between(self, parent: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Shapes of what goes from one part to the next."""
        count = len(self.parts) - 1
        through = (None,) * count if self.through is None else self.through
        if len(through) != count:
            raise CouplingError(
                f"Compose of {count + 1} parts needs {count} shapes between them in through=, "
                f"not {len(through)}."
            )
        found = [parent]
        for number, (part, shape) in enumerate(zip(self.parts, through, strict=False)):
            known = part.output_shape(found[-1]) if shape is None else shape
            if known is None:
                raise CouplingError(
                    f"Compose: {type(part).__name__} number {number} could make an array of any shape. Say "
                    "which in through=, as in Compose(Dense(), Dense(), through=(64,))."
                )
            found.append(known)
        return found[1:]

    def draw(self, key: Array, place: EdgePlace = ALONE) -> Self:
        last = len(self.parts) - 1
        parts = []
        for number, part in enumerate(self.parts):
            ends = number == last
            own = EdgePlace(
                depth=place.depth,
                first=place.first and number == 0,
                last=place.last and ends,
                merges=place.merges and ends,
            )
            parts.append(part.draw(fold_name(key, str(number)), own))
        return dataclasses.replace(self, parts=tuple(parts))


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape from one number or several."""
    return (shape,) if isinstance(shape, int) else tuple(shape)


def replace_in_parts(parts: tuple[Any, ...], inner: dict[str, Any]) -> tuple[Any, ...]:
    """Parts with some of their parameters changed, by number and name."""
    changes: dict[int, dict[str, Any]] = {}
    for name, value in inner.items():
        number, rest = split_part_name(name)
        changes.setdefault(number, {})[rest] = value
    return tuple(
        dataclasses.replace(part, **changes[number]) if number in changes else part
        for number, part in enumerate(parts)
    )
