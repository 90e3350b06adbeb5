"""Trainers of meshnode: a process that trains a model on its owner's rows and speaks protocol trainer/1 with a node.

A trainer of one's own is a file with a function ``trainer()`` that returns an ``Adapter``; it is started with
``python -m meshnode_trainer --trainer FILE``. Names are loaded when they are asked for, so that importing this package
runs nothing before the protocol's descriptors are taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import PROTOCOL, VERSION

__version__ = VERSION

if TYPE_CHECKING:
    from .adapter import (
        Adapter,
        Data,
        Description,
        Estimate,
        Evaluated,
        Hello,
        Job,
        Prepared,
        Report,
        State,
        Task,
        Trained,
    )
    from .errors import Fault, TrainerError
    from .service import serve
    from .tensors import Named, TensorSpec, TensorTable

_PLACES = {
    **dict.fromkeys(
        (
            "Adapter",
            "Data",
            "Description",
            "Estimate",
            "Evaluated",
            "Hello",
            "Job",
            "Prepared",
            "Report",
            "State",
            "Task",
            "Trained",
        ),
        "adapter",
    ),
    **dict.fromkeys(("Fault", "TrainerError"), "errors"),
    "serve": "service",
    **dict.fromkeys(("Named", "TensorSpec", "TensorTable"), "tensors"),
}

__all__ = [
    "PROTOCOL",
    "VERSION",
    "Adapter",
    "Data",
    "Description",
    "Estimate",
    "Evaluated",
    "Fault",
    "Hello",
    "Job",
    "Named",
    "Prepared",
    "Report",
    "State",
    "Task",
    "TensorSpec",
    "TensorTable",
    "Trained",
    "TrainerError",
    "serve",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{place}"), name)
