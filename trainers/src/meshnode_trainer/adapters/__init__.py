"""The adapters by kind. Each module imports its libraries only when its adapter says hello."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from ..adapter import Adapter

_MODULES = {
    "torch": "torch_functions",
    "sklearn": "sklearn_estimators",
    "flower": "flower_app",
    "lora": "lora_text",
}


def make_adapter(kind: str, app: Path | None) -> Adapter:
    """The adapter of a kind. ``app``: the user's code, for the kinds that run such code."""
    module = import_module(f"{__name__}.{_MODULES[kind]}")
    adapter: Adapter = module.make(app)
    return adapter
