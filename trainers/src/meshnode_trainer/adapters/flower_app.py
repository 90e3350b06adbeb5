"""Flower: a ClientApp as it is, without SuperLink or SuperNode.

The owner's options become ``context.node_config`` (``data-path`` is the file of rows, where it is not given). Settings
named ``train.KEY`` and ``evaluate.KEY`` go into the messages, ``train-by-round.KEY`` and ``evaluate-by-round.KEY`` hold a
list with a value for each round; all others replace keys of the app's own configuration.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..adapter import (
    Adapter,
    Data,
    Description,
    Evaluated,
    Hello,
    Job,
    Prepared,
    Progress,
    Report,
    State,
    Task,
    Trained,
)
from ..appfolder import app_digest
from ..errors import Cancelled, Fault, TrainerError, fault_of
from ..seeds import seed_everything
from ..tensorfile import read_tensors
from ..tensors import DTYPES, Array, Named, TensorTable
from ..version import VERSION
from .flower_api import FlowerApi, FlowerFolder

KINDS = ("train", "evaluate")
PEEK_SECONDS = 300
SCORES = ("accuracy", "acc", "r2")


def make(app: Path | None) -> Adapter:
    assert app is not None
    return FlowerApp(app)


class FlowerApp(Adapter):
    """Calls the ClientApp with a new message and a new context each time; what it keeps in context.state is a file."""

    def __init__(self, app: Path) -> None:
        self.folder = app

    def hello(self, hello: Hello) -> Description:
        self.scratch = hello.scratch
        self.app = FlowerFolder(self.folder)
        digest, files = app_digest(self.folder)
        self.api = FlowerApi()
        self.client = self.app.load("clientapp")
        self.is_legacy = getattr(self.client, "_call", None) is not None
        mods = [getattr(mod, "__name__", type(mod).__name__) for mod in getattr(self.client, "_mods", [])]
        if any("secagg" in mod.lower() for mod in mods):
            raise TrainerError(
                Fault(
                    "config",
                    "the ClientApp uses Flower's secure aggregation, which needs Flower's server",
                    "leave the mod out: the mesh encrypts every update",
                    file=str(self.folder),
                    field="mods",
                )
            )
        self.mods = mods
        return Description(
            "flower",
            VERSION,
            "cpu" if hello.device == "auto" else hello.device,
            {"flwr": self.api.version, "numpy": np.__version__},
            {"evaluate": True, "state": True},
            digest,
            files,
        )

    def preflight(self, task: Task, data: Data | None) -> Report:
        _, faults = self._settings(task.settings)
        warnings = [
            Fault(
                "config",
                f"the mod {mod} may clip or add noise; the task does so, too",
                "leave one of them out",
                field="mods",
            )
            for mod in self.mods
        ]
        return Report(tuple(faults), tuple(warnings))

    def prepare(self, task: Task, data: Data, seed: int, progress: Progress) -> Prepared:
        run_config, faults = self._settings(task.settings)
        if faults:
            raise TrainerError(*faults)
        self.node_config = {"data-path": str(data.train), **data.options}
        self.settings = dict(task.settings)
        self.table, start = self._peek(run_config) if task.table is None else (task.table, None)
        if start is None:
            # The values come with every base; these only try the app out.
            start = {
                spec.name: np.zeros(spec.shape, DTYPES["F32" if spec.dtype == "BF16" else spec.dtype])
                for spec in self.table
            }
        warnings = [Fault("config", "how many rows the app uses is known from one training in prepare", "")]
        job = Job(
            1, task.rounds or 1, {name: array.copy() for name, array in start.items()}, State(), self.settings, seed
        )
        rows = self.train(job, progress).examples
        held_out = 0
        try:
            held_out = self.evaluate(job, progress).examples
        except Cancelled:
            raise
        except Exception as error:
            reason = error.faults[0] if isinstance(error, TrainerError) else fault_of(error)
            warnings.append(
                Fault(
                    "data",
                    f"the app does not evaluate: {reason.text}",
                    "add an evaluate function that tells num-examples and a loss",
                )
            )
        return Prepared(rows, held_out, self.table, start, None, tuple(warnings))

    def train(self, job: Job, progress: Progress) -> Trained:
        reply, state = self._call("train", job)
        found = [record for _, record in self.api.items(reply) if isinstance(record, self.api.ArrayRecord)]
        if len(found) != 1:
            raise TrainerError(
                Fault("failed", f"the app answered with {len(found)} records of arrays", "answer with one")
            )
        metrics = self._metrics(reply)
        examples = metrics.pop("num-examples", metrics.pop("num_examples", None))
        if not isinstance(examples, (int, float)) or examples < 1:
            raise TrainerError(Fault("failed", "the app's answer has no num-examples above 0", "add it to its metrics"))
        return Trained(self._weights(self.api.arrays(found[0])), int(examples), metrics, state)

    def evaluate(self, job: Job, progress: Progress) -> Evaluated:
        reply, _ = self._call("evaluate", job)
        metrics = self._metrics(reply)
        examples = metrics.pop("num-examples", metrics.pop("num_examples", None))
        losses = [value for name, value in metrics.items() if "loss" in name.lower()]
        if not isinstance(examples, (int, float)) or not losses:
            raise TrainerError(
                Fault("failed", "the app's answer to evaluate lacks num-examples or a loss", "add them to its metrics")
            )
        scores = {name.lower().replace("eval_", "").replace("eval-", ""): value for name, value in metrics.items()}
        for name in SCORES:
            if name in scores:
                return Evaluated(int(examples), losses[0], scores[name], "r2" if name == "r2" else "accuracy")
        return Evaluated(int(examples), losses[0])

    def _settings(self, settings: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """The run's configuration; settings of messages are left out."""
        own = {
            name: value
            for name, value in settings.items()
            if not name.startswith(tuple(f"{kind}{suffix}" for kind in KINDS for suffix in (".", "-by-round.")))
        }
        return self.app.run_config(own)

    def _config(self, kind: str, job: Job) -> dict[str, Any]:
        """The configuration in the message of a round."""
        settings = job.settings or self.settings
        result = {name[len(kind) + 1 :]: value for name, value in settings.items() if name.startswith(f"{kind}.")}
        start = f"{kind}-by-round."
        for name, values in settings.items():
            if name.startswith(start):
                if not isinstance(values, list) or job.round > len(values):
                    raise TrainerError(
                        Fault(
                            "config",
                            f"has no value for round {job.round}",
                            "give one for each round",
                            field=f"settings.{name}",
                        )
                    )
                result[name[len(start) :]] = values[job.round - 1]
        return {**result, "server-round": job.round}

    def _call(self, kind: str, job: Job) -> tuple[Any, State]:
        """The content of the app's reply, and what it keeps."""
        run_config, faults = self._settings(job.settings or self.settings)
        if faults:
            raise TrainerError(*faults)
        config = self.api.ConfigRecord(self._config(kind, job))
        given = [
            _as(array, DTYPES["F32" if spec.dtype == "BF16" else spec.dtype])
            for spec, array in zip(self.table, self.table.arrays(job.weights), strict=True)
        ]
        if self.is_legacy:
            prefix = {"train": "fitins", "evaluate": "evaluateins"}[kind]
            arrays = self.api.array_record({str(place): array for place, array in enumerate(given)})
            content = self.api.records({f"{prefix}.parameters": arrays, f"{prefix}.config": config})
        else:
            arrays = self.api.array_record(dict(zip(self.table.names, given, strict=True)))
            content = self.api.records({"arrays": arrays, "config": config})
        context = self.api.context(self.node_config, run_config, self.api.state_in(job.state))
        seed_everything(job.seed)
        reply = self.client(self.api.message(content, kind, job.round), context)
        if reply.has_error():
            raise TrainerError(
                Fault(
                    "failed",
                    f"the app answered with error {reply.error.code}: {reply.error.reason}",
                    "read the trainer's log",
                )
            )
        return reply.content, self.api.state_out(context.state)

    def _weights(self, returned: Named) -> Named:
        """By name, or by place where the app answers with a list."""
        if set(returned) == set(self.table.names):
            named = returned
        elif set(returned) == {str(place) for place in range(len(returned))}:
            named = self.table.named([returned[str(place)] for place in range(len(returned))])
        else:
            missing, more = set(self.table.names) - set(returned), set(returned) - set(self.table.names)
            if self.is_legacy or missing:
                raise TrainerError(
                    *(
                        Fault(
                            "failed",
                            "the app did not return this array",
                            "return all arrays of the message",
                            field=name,
                        )
                        for name in sorted(missing)
                    )
                )
            raise TrainerError(
                *(
                    Fault(
                        "failed",
                        "the app returned an array that it was not given",
                        "return the arrays of the message",
                        field=name,
                    )
                    for name in sorted(more)
                )
            )
        return {spec.name: named[spec.name] for spec in self.table if spec.role in ("train", "buffer")}

    def _metrics(self, content: Any) -> dict[str, float]:
        """All finite numbers of the reply's records, but the status that older apps send along."""
        result: dict[str, float] = {}
        for name, record in self.api.items(content):
            if isinstance(record, self.api.ArrayRecord) or name.endswith(".status"):
                continue
            for key, value in record.items():
                if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
                    result[str(key)] = value
        return result

    def _peek(self, run_config: Mapping[str, Any]) -> tuple[TensorTable, Named]:
        """Where the task is being made, the tensors come from the app's own ServerApp, in a process of its own."""
        folder = self.scratch / "peek"
        folder.mkdir(exist_ok=True)
        changed = {name: value for name, value in run_config.items() if self.app.config.get(name) != value}
        command = [
            sys.executable,
            "-m",
            "meshnode_trainer.adapters.flower_peek",
            str(self.folder.resolve()),
            "--out",
            str(folder),
            "--settings",
            json.dumps(changed),
        ]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PEEK_SECONDS, check=False
        )
        try:
            result = json.loads(done.stdout)
        except ValueError:
            result = {}
        if "tensors" not in result:
            error = result.get("error", {})
            raise TrainerError(
                Fault(
                    "config",
                    str(error.get("text", f"the ServerApp ended with code {done.returncode}")),
                    str(error.get("next", "read the trainer's log")),
                    file=str(self.folder),
                    field="serverapp",
                )
            )
        table = TensorTable.from_json(result["tensors"])
        start = read_tensors(folder / "initial", table.travelling("average"), travelling=True)
        start.update(read_tensors(folder / "carrier", table.carried(), travelling=False))
        return table, start


def _as(array: Array, dtype: np.dtype[Any]) -> Array:
    return np.ascontiguousarray(array, dtype=dtype).reshape(array.shape)
