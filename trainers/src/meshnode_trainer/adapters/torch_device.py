"""The device and the threads of PyTorch, for every adapter that uses it."""

from __future__ import annotations

import os
from typing import Any

from ..adapter import Hello
from ..errors import Fault, TrainerError


def set_up(hello: Hello) -> tuple[Any, str]:
    """Imports PyTorch, sets threads and deterministic algorithms, and chooses the device.

    Returns the module and the effective device: cpu, cuda:INDEX or mps. ``auto`` takes the first of cuda, mps, cpu that
    is there. Raises ``TrainerError`` (device) where the one that was asked for is not.
    """
    # Has to be set before CUDA starts: without it matrix products are not the same twice.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    import torch

    torch.set_num_threads(hello.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cudnn.benchmark = False
    has_cuda = torch.cuda.is_available()
    has_mps = bool(getattr(torch.backends, "mps", None)) and torch.backends.mps.is_available()
    kind, _, index = hello.device.partition(":")
    if kind == "auto":
        kind = "cuda" if has_cuda else "mps" if has_mps else "cpu"
    if kind == "cuda":
        place = int(index or 0)
        if not has_cuda or place >= torch.cuda.device_count():
            seen = torch.cuda.device_count() if has_cuda else 0
            raise TrainerError(
                Fault(
                    "device",
                    f"{hello.device} was asked for, PyTorch sees {seen} CUDA devices",
                    'use device = "auto" or install a PyTorch build for CUDA',
                    field="device",
                )
            )
        return torch, f"cuda:{place}"
    if kind == "mps" and not has_mps:
        raise TrainerError(
            Fault("device", "mps was asked for, PyTorch does not see it", 'use device = "auto"', field="device")
        )
    return torch, kind
