"""A PyTorch model as named arrays: roles of its tensors, values in and out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import Fault, TrainerError
from ..tensors import Array, Named, TensorSpec, TensorTable

_DTYPES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32",
           "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"}  # fmt: skip


def table_of(torch: Any, model: Any) -> TensorTable:
    """The tensors of ``state_dict()`` in its order.

    train: parameters that require a gradient. frozen: the others. buffer: buffers of floating point. counter: whole
    numbers and truth values. tied: what shares its values with an earlier one. Raises ``TrainerError``.
    """
    specs: list[TensorSpec] = []
    faults: list[Fault] = []
    seen: dict[tuple[int, tuple[int, ...]], str] = {}
    for name, value in model.state_dict(keep_vars=True).items():
        if not isinstance(value, torch.Tensor):
            faults.append(Fault("not_averageable", "is no tensor", "keep it out of the state", field=name))
            continue
        dtype, shape = _DTYPES.get(str(value.dtype).removeprefix("torch.")), tuple(int(one) for one in value.shape)
        if dtype is None:
            faults.append(Fault("not_averageable", f"is of type {value.dtype}", "use real numbers", field=name))
            continue
        key = (value.data_ptr(), shape)
        if value.numel() and key in seen:
            specs.append(TensorSpec(name, shape, dtype, "tied", seen[key]))
            continue
        seen[key] = name
        if isinstance(value, torch.nn.Parameter):
            role = "train" if value.requires_grad else "frozen"
        else:
            role = "buffer" if value.is_floating_point() else "counter"
        specs.append(TensorSpec(name, shape, dtype, role))
    if faults:
        raise TrainerError(*faults)
    return TensorTable(specs)


def array_of(torch: Any, value: Any) -> Array:
    """A copy on the CPU; BF16 is widened to binary32."""
    plain = value.detach().to("cpu")
    if plain.dtype == torch.bfloat16:
        plain = plain.to(torch.float32)
    return np.array(plain.numpy(), copy=True)


def values_of(torch: Any, model: Any, table: TensorTable, roles: tuple[str, ...]) -> Named:
    """Copies of all tensors of these roles. Raises ``TrainerError`` where the model lost one."""
    state = model.state_dict()
    missing = [
        Fault("failed", "is gone from the model after the training", "change the model in place", field=spec.name)
        for spec in table
        if spec.name not in state
    ]
    if missing:
        raise TrainerError(*missing)
    return {spec.name: array_of(torch, state[spec.name]) for spec in table if spec.role in roles}


def put_values(torch: Any, model: Any, named: Named) -> None:
    """Writes arrays into the model's own tensors, on their device and in their type; nothing is replaced."""
    state = model.state_dict(keep_vars=True)
    with torch.no_grad():
        for name, array in named.items():
            state[name].copy_(torch.from_numpy(np.array(array, copy=True, order="C")).reshape(state[name].shape))
