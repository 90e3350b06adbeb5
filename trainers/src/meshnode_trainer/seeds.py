"""Seeds of every generator that a library may have brought along."""

from __future__ import annotations

import random
import sys

import numpy as np


def seed_everything(seed: int) -> None:
    """Seeds Python, NumPy and, where it is loaded, PyTorch on all devices. ``seed``: 0 to 2³² - 1."""
    random.seed(seed)
    np.random.seed(seed)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)
