"""The tensors of a model: their names, shapes and roles, in the one order that ``prepare`` fixes."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import limits
from .errors import Fault, TrainerError

Array = npt.NDArray[Any]
Named = dict[str, Array]
"""Arrays by name. Travelling ones are binary32."""

ROLES = ("train", "buffer", "counter", "frozen", "tied")

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
"""Element types by their names in safetensors. BF16 has no NumPy type: adapters widen it to F32."""

FLOATS = ("F64", "F32", "F16", "BF16")


def dtype_name(dtype: np.dtype[Any]) -> str:
    """The name in safetensors of a NumPy element type. Raises ``ValueError`` for one that has none."""
    for name, known in DTYPES.items():
        if dtype.kind == known.kind and dtype.itemsize == known.itemsize:
            return name
    raise ValueError(f"tensors of type {dtype} cannot be kept")


@dataclass(frozen=True)
class TensorSpec:
    """One tensor.

    - ``shape``: extents, outermost first; empty for a scalar.
    - ``dtype``: the model's own element type, a name of safetensors. Travelling tensors travel as F32 all the same.
    - ``role``: train: travels. buffer: travels unless the task keeps buffers local. counter, frozen, tied: never
      travel; counters and frozen ones come from the carrier.
    - ``same_as``: for tied tensors, the name of the one whose values they share.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    role: str
    same_as: str | None = None

    @property
    def count(self) -> int:
        return math.prod(self.shape)

    def fault(self) -> str | None:
        """What is wrong with it, or None."""
        try:
            size = len(self.name.encode("utf-8"))
        except UnicodeEncodeError:
            return "its name is no Unicode text"
        if not 1 <= size <= limits.TENSOR_NAME_BYTES or self.name == "__metadata__":
            return f"its name has to have 1 to {limits.TENSOR_NAME_BYTES} bytes and not to be __metadata__"
        if len(self.shape) > limits.TENSOR_RANK:
            return f"it has more than {limits.TENSOR_RANK} axes"
        if any(extent < 1 for extent in self.shape) or self.count > limits.TENSOR_VALUES:
            return f"its shape {list(self.shape)} has an extent below 1, or too many values"
        if self.role not in ROLES:
            return f"its role is none of {', '.join(ROLES)}"
        if self.dtype not in DTYPES and self.dtype != "BF16":
            return f"its type {self.dtype} is not known"
        if self.role in ("train", "buffer") and self.dtype not in FLOATS:
            return f"a tensor of role {self.role} has to be of floating point, not {self.dtype}"
        return None


class TensorTable:
    """All tensors of a model in the order of the app. Never sorted: position and name are bound here, once."""

    def __init__(self, specs: Iterable[TensorSpec]) -> None:
        """Raises ``TrainerError`` (not_averageable) that names every tensor at fault."""
        self.specs: tuple[TensorSpec, ...] = tuple(specs)
        self.by_name = {spec.name: spec for spec in self.specs}
        faults = [
            Fault("not_averageable", reason, "correct the model", field=spec.name)
            for spec in self.specs
            if (reason := spec.fault()) is not None
        ]
        if len(self.by_name) != len(self.specs):
            faults.append(Fault("not_averageable", "two tensors have one name", "give each its own"))
        if not any(spec.role == "train" for spec in self.specs):
            faults.append(
                Fault("not_averageable", "no tensor is trained", "leave at least one that requires a gradient")
            )
        if len(self.specs) > limits.TENSORS or sum(spec.count for spec in self.specs) > limits.TENSOR_VALUES:
            faults.append(
                Fault(
                    "not_averageable",
                    f"the model has more than {limits.TENSORS} tensors or {limits.TENSOR_VALUES} values",
                    "use a smaller model",
                )
            )
        for spec in self.specs:
            other = self.by_name.get(spec.same_as) if spec.same_as is not None else None
            if (spec.role == "tied") != (spec.same_as is not None) or (
                spec.role == "tied" and (other is None or other.role == "tied" or other.shape != spec.shape)
            ):
                faults.append(
                    Fault(
                        "not_averageable",
                        "a tied tensor has to name another one of its shape",
                        "correct the adapter",
                        field=spec.name,
                    )
                )
        if faults:
            raise TrainerError(*faults)

    def __iter__(self) -> Iterator[TensorSpec]:
        return iter(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(spec.name for spec in self.specs)

    def travelling(self, buffers: str) -> tuple[TensorSpec, ...]:
        """What leaves the node, in the table's order. ``buffers``: average or local."""
        roles = ("train", "buffer") if buffers == "average" else ("train",)
        return tuple(spec for spec in self.specs if spec.role in roles)

    def carried(self) -> tuple[TensorSpec, ...]:
        """What the carrier content holds: counters and frozen tensors."""
        return tuple(spec for spec in self.specs if spec.role in ("counter", "frozen"))

    def arrays(self, named: Mapping[str, Array]) -> list[Array]:
        """The table's arrays by position, for code that knows positions only."""
        return [named[spec.name] for spec in self.specs]

    def named(self, arrays: Sequence[Array]) -> Named:
        """The inverse of ``arrays``. Raises ``TrainerError`` (failed) for another number of arrays."""
        if len(arrays) != len(self.specs):
            raise TrainerError(
                Fault(
                    "failed",
                    f"{len(arrays)} arrays came back, the model has {len(self.specs)}",
                    "return the arrays that were given, in their order",
                )
            )
        return {spec.name: array for spec, array in zip(self.specs, arrays, strict=True)}

    def json(self) -> list[dict[str, Any]]:
        return [
            {
                "name": spec.name,
                "shape": list(spec.shape),
                "dtype": spec.dtype,
                "role": spec.role,
                "order": order,
                **({} if spec.same_as is None else {"as": spec.same_as}),
            }
            for order, spec in enumerate(self.specs)
        ]

    @classmethod
    def from_json(cls, entries: list[dict[str, Any]], field: str = "tensors") -> TensorTable:
        """Reads ``json()`` back. The entries' ``order`` decides, not their place in the list."""
        specs: dict[int, TensorSpec] = {}
        for place, entry in enumerate(entries):
            name, shape, order = entry.get("name"), entry.get("shape"), entry.get("order", place)
            dtype, role, same_as = entry.get("dtype"), entry.get("role"), entry.get("as")
            whole = isinstance(order, int) and not isinstance(order, bool)
            if not (
                whole
                and order not in specs
                and isinstance(name, str)
                and isinstance(shape, list)
                and all(isinstance(one, int) and not isinstance(one, bool) for one in shape)
                and isinstance(dtype, str)
                and isinstance(role, str)
                and (same_as is None or isinstance(same_as, str))
            ):
                raise TrainerError(
                    Fault(
                        "config",
                        "is no tensor of a name, shape, dtype, role and an order of its own",
                        "take the task's list as prepare gave it",
                        field=f"{field}[{place}]",
                    )
                )
            specs[order] = TensorSpec(name, tuple(shape), dtype, role, same_as)
        if sorted(specs) != list(range(len(specs))):
            raise TrainerError(
                Fault("config", "the orders are not 0 to n - 1", "take the task's list as prepare gave it", field=field)
            )
        return cls(specs[order] for order in range(len(specs)))

    def differences(self, other: TensorTable) -> list[Fault]:
        """Where ``other``, the task's list, is not this one."""
        faults = []
        for name in [*self.names, *(name for name in other.names if name not in self.by_name)]:
            own, theirs = self.by_name.get(name), other.by_name.get(name)
            if own != theirs:
                text = (
                    "the app's model lacks this tensor of the task"
                    if own is None
                    else "the task lacks this tensor of the app's model"
                    if theirs is None
                    else f"is {_described(own)} in the app's model and {_described(theirs)} in the task"
                )
                faults.append(
                    Fault("config", text, "use the app and the libraries that the task was made with", field=name)
                )
        if not faults and self.names != other.names:
            faults.append(
                Fault(
                    "config",
                    "the app's tensors stand in another order than the task's",
                    "use the app and the libraries that the task was made with",
                    field="tensors",
                )
            )
        return faults


def _described(spec: TensorSpec) -> str:
    return f"{spec.role} {spec.dtype} {list(spec.shape)}" + ("" if spec.same_as is None else f" as {spec.same_as}")


def checked_weights(specs: Sequence[TensorSpec], named: Mapping[str, Any]) -> Named:
    """What a training returned, as binary32 arrays of exactly the given names and shapes, all finite.

    Raises ``TrainerError`` (failed) that names each tensor at fault.
    """
    wanted = {spec.name for spec in specs}
    faults = [
        Fault(
            "failed",
            "the training returned a tensor that the model does not have",
            "return the model's own tensors",
            field=str(name),
        )
        for name in named
        if name not in wanted
    ]
    result: Named = {}
    for spec in specs:
        if spec.name not in named:
            faults.append(
                Fault(
                    "failed",
                    "the training did not return this tensor",
                    "return all tensors of the model",
                    field=spec.name,
                )
            )
            continue
        with np.errstate(over="ignore"):
            array = np.asarray(named[spec.name]).astype("<f4")
        if array.shape != spec.shape:
            faults.append(
                Fault(
                    "failed",
                    f"came back with shape {list(array.shape)}, it has {list(spec.shape)}",
                    "keep the shapes of the model",
                    field=spec.name,
                )
            )
        elif not np.isfinite(array).all():
            faults.append(
                Fault(
                    "failed",
                    "has values that are not finite after the training",
                    "lower the learning rate",
                    field=spec.name,
                )
            )
        else:
            result[spec.name] = np.ascontiguousarray(array).reshape(spec.shape)
    if faults:
        raise TrainerError(*faults)
    return result


def natural_key(name: str) -> tuple[Any, ...]:
    """Sorts "2" before "10". Only for lists that people read: never for the order of tensors."""
    return tuple(int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name))


def metadata_text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
