"""Reads from a Flower app what a task needs: ``python -m meshnode_trainer.adapters.flower_peek APP --out FOLDER``.

The user's own ServerApp runs until it is about to begin round 1; what it was about to send is kept. Nothing is sent.
Prints one JSON object:

- ``tensors``: the list that ``prepare`` takes, in the app's order; ``initial`` and ``carrier``: files in FOLDER.
- ``settings``: what the messages of training and evaluation carry, as settings of the task.
- ``rounds``, and ``server``: the rule (fedavg, fedavgm, fedadam, fedyogi) and its numbers by Flower's names.

An app that cannot be mapped is refused with the reason, exit code 1 and ``{"error": …}``.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from ..errors import Fault, TrainerError, fault_of
from ..tensorfile import write_tensors
from ..tensors import Array, Named, TensorSpec, TensorTable, checked_weights, dtype_name
from .flower_api import FlowerApi, FlowerFolder

RULES = {"FedAvg": "fedavg", "FedProx": "fedavg", "FedAvgM": "fedavgm", "FedAdam": "fedadam", "FedYogi": "fedyogi"}
NUMBERS = ("server_learning_rate", "server_momentum", "eta", "eta_l", "beta_1", "beta_2", "tau")
BUFFERS = ("running_mean", "running_var")
MOST_ROUNDS = 10_000


class _Enough(BaseException):
    """Ends the ServerApp; not an ``Exception``, so that an app does not catch it."""


class Peek:
    """What a ServerApp was about to do."""

    def __init__(self) -> None:
        self.arrays: list[tuple[str, Array]] = []
        self.settings: dict[str, Any] = {}
        self.rounds = 0
        self.server: dict[str, Any] = {}

    def table(self, is_legacy: bool) -> TensorTable:
        """Whole numbers are counters. In named arrays, running means and variances are buffers. All else is trained."""
        specs = []
        for name, array in self.arrays:
            is_float = array.dtype.kind == "f"
            is_buffer = not is_legacy and name.rsplit(".", 1)[-1] in BUFFERS
            role = "counter" if not is_float else "buffer" if is_buffer else "train"
            specs.append(TensorSpec(name, array.shape, dtype_name(array.dtype), role))
        return TensorTable(specs)


def peek(folder: Path, settings: Mapping[str, Any]) -> tuple[Peek, bool]:
    """Runs the ServerApp in this process. Returns what it wanted, and whether it gives lists instead of named arrays.

    Raises ``TrainerError`` (config) for apps that cannot be mapped.
    """
    api, app = FlowerApi(), FlowerFolder(folder)
    run_config, faults = app.run_config(settings)
    if faults:
        raise TrainerError(*faults)
    seen = Peek()
    legacy: list[bool] = []
    _catch_named(api, seen, legacy)
    _catch_lists(seen, legacy)
    server = app.load("serverapp")
    try:
        server(_grid(), api.context({}, run_config, api.RecordDict()))
    except _Enough:
        pass
    if not legacy:
        raise _unmapped("it never started one of Flower's strategies")
    if not seen.arrays:
        raise _unmapped("it starts without weights, and would ask a node for them", "give the strategy initial weights")
    return seen, legacy[0]


def _unmapped(reason: str, step: str = "use FedAvg, FedProx, FedAvgM, FedAdam or FedYogi of Flower") -> TrainerError:
    return TrainerError(Fault("config", f"the ServerApp cannot be mapped: {reason}", step, field="serverapp"))


def _server(strategy: Any) -> dict[str, Any]:
    kind = type(strategy)
    if kind.__name__ not in RULES or not kind.__module__.startswith("flwr."):
        raise _unmapped(f"its strategy {kind.__name__} of {kind.__module__} has rules of its own")
    return {
        "rule": RULES[kind.__name__],
        "strategy": kind.__name__,
        **{
            name: float(getattr(strategy, name))
            for name in NUMBERS
            if isinstance(getattr(strategy, name, None), (int, float))
        },
    }


def _catch_named(api: FlowerApi, seen: Peek, legacy: list[bool]) -> None:
    """Apps of the Message API call ``Strategy.start``."""
    try:
        base = import_module("flwr.serverapp.strategy").Strategy
    except (ImportError, AttributeError):
        return

    def start(
        strategy: Any,
        grid: Any,
        initial_arrays: Any,
        num_rounds: int = 3,
        timeout: float = 3600,
        train_config: Any = None,
        evaluate_config: Any = None,
        evaluate_fn: Any = None,
        **more: Any,
    ) -> NoReturn:
        seen.server = _server(strategy)
        for name, usual in (("arrayrecord_key", "arrays"), ("configrecord_key", "config")):
            if getattr(strategy, name, usual) != usual:
                raise _unmapped(f"it renames {name}", "leave the records' names as they are")
        seen.arrays = list(api.arrays(initial_arrays).items())
        seen.rounds = int(num_rounds)
        for kind, config in (("train", train_config), ("evaluate", evaluate_config)):
            seen.settings.update({f"{kind}.{key}": value for key, value in dict(config or {}).items()})
        mu = getattr(strategy, "proximal_mu", None)
        if mu is not None:
            seen.settings["train.proximal-mu"] = float(mu)
        legacy.append(False)
        raise _Enough

    base.start = start


def _catch_lists(seen: Peek, legacy: list[bool]) -> None:
    """Older apps give components, whose server then calls ``fit``."""
    from flwr.server import Server

    def fit(server: Any, num_rounds: int, timeout: float | None) -> NoReturn:
        strategy = server.strategy
        seen.server = _server(strategy)
        parameters = strategy.initialize_parameters(server.client_manager())
        if parameters is not None:
            arrays = import_module("flwr.common").parameters_to_ndarrays(parameters)
            seen.arrays = [(f"p{place:04}", np.asarray(array)) for place, array in enumerate(arrays)]
        seen.rounds = int(num_rounds)
        for kind, make in (
            ("train", getattr(strategy, "on_fit_config_fn", None)),
            ("evaluate", getattr(strategy, "on_evaluate_config_fn", None)),
        ):
            seen.settings.update(_by_round(kind, make, seen.rounds))
        mu = getattr(strategy, "proximal_mu", None)
        if mu is not None:
            seen.settings["train.proximal_mu"] = float(mu)
        legacy.append(True)
        raise _Enough

    Server.fit = fit


def _by_round(kind: str, make: Callable[[int], Mapping[str, Any]] | None, rounds: int) -> dict[str, Any]:
    """A configuration that is the same in all rounds as ``kind.key``; one that changes as a list, ``kind-by-round.key``."""
    if make is None:
        return {}
    configs = [dict(make(number) or {}) for number in range(1, min(rounds, MOST_ROUNDS) + 1)]
    if any(set(config) != set(configs[0]) for config in configs):
        raise _unmapped(f"the keys of its {kind} configuration change from round to round", "give the same keys in all")
    result: dict[str, Any] = {}
    for key in configs[0] if configs else ():
        values = [config[key] for config in configs]
        same = all(value == values[0] for value in values)
        result[f"{kind}.{key}" if same else f"{kind}-by-round.{key}"] = values[0] if same else values
    return result


def _grid() -> Any:
    """A grid of five nodes through which nothing ever goes."""
    try:
        base: Any = import_module("flwr.serverapp").Grid
    except (ImportError, AttributeError):
        server = import_module("flwr.server")
        base = getattr(server, "Grid", None) or server.Driver

    def enough(*_: Any, **__: Any) -> NoReturn:
        raise _Enough

    members: dict[str, Any] = dict.fromkeys(getattr(base, "__abstractmethods__", ()), enough)
    run = type("Run", (), {"run_id": 1, "fab_id": "", "fab_version": "", "fab_hash": "", "override_config": {}})()
    members.update(
        run=property(lambda self: run),
        set_run=lambda self, run_id: None,
        get_node_ids=lambda self: [11, 12, 13, 14, 15],
    )
    return type("NoGrid", (base,), members)()


def main() -> NoReturn:
    parser = argparse.ArgumentParser(
        "python -m meshnode_trainer.adapters.flower_peek", description=__doc__.splitlines()[0] if __doc__ else None
    )
    parser.add_argument("app", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for initial and carrier")
    parser.add_argument(
        "--settings", type=json.loads, default={}, metavar="JSON", help="keys of the app's configuration"
    )
    arguments = parser.parse_args()
    # What the app prints goes to stderr; the answer is written to what stdout was.
    answer = os.dup(1)
    os.dup2(2, 1)
    try:
        seen, is_legacy = peek(arguments.app, arguments.settings)
        table = seen.table(is_legacy)
        named: Named = dict(seen.arrays)
        travelling, carried = table.travelling("average"), table.carried()
        write_tensors(
            arguments.out / "initial", checked_weights(travelling, {spec.name: named[spec.name] for spec in travelling})
        )
        write_tensors(arguments.out / "carrier", {spec.name: named[spec.name] for spec in carried})
        if any(isinstance(value, float) and not math.isfinite(value) for value in seen.settings.values()):
            raise _unmapped("a number of its configuration is not finite", "correct it")
        result = {
            "tensors": table.json(),
            "settings": {**arguments.settings, **seen.settings},
            "rounds": seen.rounds,
            "server": seen.server,
            "initial": str(arguments.out / "initial"),
            "carrier": str(arguments.out / "carrier"),
        }
        code = 0
    except BaseException as error:
        trainer_error = error if isinstance(error, TrainerError) else TrainerError(fault_of(error))
        if trainer_error is not error:
            sys.excepthook(type(error), error, error.__traceback__)
        result, code = {"error": trainer_error.json()}, 1
    with os.fdopen(answer, "w") as out:
        json.dump(result, out, allow_nan=False)
        out.write("\n")
    sys.stderr.flush()
    # Threads that the app's server left behind must not keep the process.
    os._exit(code)


if __name__ == "__main__":
    main()
