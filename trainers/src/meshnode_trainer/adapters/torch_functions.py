"""PyTorch: a user's file with four functions, which needs nothing of this package.

- ``model_fn()`` or ``model_fn(settings)`` returns an ``nn.Module``.
- ``load_data(path)`` returns training rows, or a pair of training rows and held-out rows. Rows are anything with a length.
- ``train(model, rows, config)`` changes the model in place and returns None, a loss, or a dictionary of metrics.
- ``test(model, rows)`` returns a loss and a score (accuracy, or R² where the task has no labels), or a dictionary with
  loss, and if it likes score, measure, per_class and confusion.

``config`` holds the task's settings, and round, rounds, seed, device, split, deadline_s, ``progress(step=…, of=…,
loss=…)`` and ``state``: a dictionary of tensors that this node keeps from round to round.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..adapter import (
    Adapter,
    Data,
    Description,
    Estimate,
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
from ..appfolder import app_digest, load_file
from ..errors import Fault, TrainerError
from ..seeds import seed_everything
from ..version import VERSION
from .torch_device import set_up
from .torch_model import array_of, put_values, table_of, values_of

FUNCTIONS = ("model_fn", "load_data", "train", "test")
RESERVED = ("round", "rounds", "seed", "device", "split", "deadline_s", "progress", "state")


def make(app: Path | None) -> Adapter:
    assert app is not None
    return TorchFunctions(app)


class TorchFunctions(Adapter):
    """Every request makes the model anew from ``model_fn`` and the base: no state but the files' is carried over."""

    def __init__(self, app: Path) -> None:
        self.file = app / "app.py" if app.is_dir() else app
        self.app = app

    def hello(self, hello: Hello) -> Description:
        self.torch, self.device = set_up(hello)
        digest, files = app_digest(self.app) if self.app.exists() else (None, 0)
        self.user = load_file(self.file, "meshnode_app")
        missing = [name for name in FUNCTIONS if not callable(getattr(self.user, name, None))]
        if missing:
            raise TrainerError(
                *(
                    Fault(
                        "config",
                        "the app lacks this function",
                        f"define {', '.join(FUNCTIONS)}",
                        file=str(self.file),
                        field=name,
                    )
                    for name in missing
                )
            )
        return Description(
            "torch",
            VERSION,
            self.device,
            {"torch": self.torch.__version__, "numpy": np.__version__},
            {"evaluate": True, "state": True},
            digest,
            files,
        )

    def preflight(self, task: Task, data: Data | None) -> Report:
        faults = _reserved(task.settings)
        try:
            table = table_of(self.torch, self._model(task.settings, 0))
            if task.table is not None:
                faults += table.differences(task.table)
        except TrainerError as error:
            return Report((*faults, *error.faults))
        values = sum(spec.count for spec in table)
        return Report(tuple(faults), estimate=Estimate(ram_mb=round(400 + values * 4 * 5 / 2**20)))

    def prepare(self, task: Task, data: Data, seed: int, progress: Progress) -> Prepared:
        faults = _reserved(task.settings)
        if faults:
            raise TrainerError(*faults)
        self.seed, self.settings, self.has_labels = seed, dict(task.settings), task.labels is not None
        model = self._model(self.settings, seed)
        self.table = table_of(self.torch, model)
        seed_everything(seed)
        self.rows, self.held_out = self._rows(data)
        start = values_of(self.torch, model, self.table, ("train", "buffer", "counter", "frozen"))
        return Prepared(_count(self.rows), _count(self.held_out), self.table, start)

    def train(self, job: Job, progress: Progress) -> Trained:
        if faults := _reserved(job.settings):
            raise TrainerError(*faults)
        model = self._model(self.settings, self.seed)
        put_values(self.torch, model, job.weights)
        rows = self.rows if job.split == "train" else self.held_out
        state = {name: self.torch.from_numpy(array.copy()) for name, array in job.state.tensors.items()}
        config = {
            **(job.settings or self.settings),
            "round": job.round,
            "rounds": job.rounds,
            "seed": job.seed,
            "device": self.device,
            "split": job.split,
            "deadline_s": job.deadline_s,
            "progress": progress,
            "state": state,
        }
        seed_everything(job.seed)
        result = self.user.train(model, rows, config)
        examples, metrics = _count(rows), _metrics(result)
        if "examples" in metrics:
            examples = int(metrics.pop("examples"))
        weights = values_of(self.torch, model, self.table, ("train", "buffer"))
        return Trained(weights, examples, metrics, self._kept(config["state"]))

    def evaluate(self, job: Job, progress: Progress) -> Evaluated:
        model = self._model(self.settings, self.seed)
        put_values(self.torch, model, job.weights)
        seed_everything(job.seed)
        result = self.user.test(model, self.held_out)
        examples = _count(self.held_out)
        if isinstance(result, Mapping) and "loss" in result:
            score, per_class, confusion = (result.get(name) for name in ("score", "per_class", "confusion"))
            return Evaluated(
                int(result.get("examples", examples)),
                float(result["loss"]),
                None if score is None else float(score),
                str(result.get("measure", self._measure())),
                None if per_class is None else tuple((int(rows), int(right)) for rows, right in per_class),
                None if confusion is None else tuple(tuple(int(count) for count in row) for row in confusion),
            )
        if isinstance(result, (tuple, list)) and len(result) == 2:
            return Evaluated(examples, float(result[0]), float(result[1]), self._measure())
        raise TrainerError(
            Fault(
                "failed",
                "returned neither (loss, score) nor a dictionary with loss",
                "return one of them",
                file=str(self.file),
                field="test",
            )
        )

    def _measure(self) -> str:
        return "accuracy" if self.has_labels else "r2"

    def _model(self, settings: Mapping[str, Any], seed: int) -> Any:
        seed_everything(seed)
        wants = [
            one
            for one in inspect.signature(self.user.model_fn).parameters.values()
            if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD) and one.default is one.empty
        ]
        model = self.user.model_fn(dict(settings)) if wants else self.user.model_fn()
        if not isinstance(model, self.torch.nn.Module):
            raise TrainerError(
                Fault(
                    "config",
                    f"returned {type(model).__name__}, no torch.nn.Module",
                    "return the model",
                    file=str(self.file),
                    field="model_fn",
                )
            )
        return model.to(self.device)

    def _rows(self, data: Data) -> tuple[Any, Any]:
        """Training rows and held-out rows."""

        def refuse(text: str, step: str) -> TrainerError:
            return TrainerError(Fault("data", text, step, file=str(self.file), field="load_data"))

        rows, held_out = self.user.load_data(str(data.train)), None
        if isinstance(rows, tuple):
            if len(rows) != 2:
                raise refuse(f"returned a tuple of {len(rows)}", "return rows, or a pair of training and held-out rows")
            first, second = rows
            if _is_array(first) and _is_array(second) and len(first) == len(second) and first.ndim >= 2 >= second.ndim:
                raise refuse(
                    "returned two arrays of one length, which look like inputs and labels",
                    "return one object for both, such as a TensorDataset",
                )
            rows, held_out = first, second
        if data.evaluation is not None:
            if held_out is not None:
                raise refuse("returned held-out rows, and the node names a file of them, too", "leave one of them out")
            held_out = self.user.load_data(str(data.evaluation))
            if isinstance(held_out, tuple):
                raise refuse("returned a pair for the held-out rows", "return the rows of the file that is named")
        if _count(rows) == 0:
            raise refuse(f"returned no rows of {data.train}", "name a file with rows")
        return rows, held_out

    def _kept(self, state: Any) -> State:
        arrays = {}
        for name, value in dict(state).items():
            if isinstance(value, self.torch.Tensor):
                arrays[str(name)] = array_of(self.torch, value)
            elif isinstance(value, (np.ndarray, np.generic, int, float, bool)):
                arrays[str(name)] = np.asarray(value)
            else:
                raise TrainerError(
                    Fault(
                        "failed",
                        f"is a {type(value).__name__}; tensors and numbers are kept",
                        "keep tensors",
                        file=str(self.file),
                        field=f"config['state'][{name!r}]",
                    )
                )
        return State(arrays)


def _reserved(settings: Mapping[str, Any]) -> list[Fault]:
    return [
        Fault("config", "this name means something else in config", "rename the setting", field=f"settings.{name}")
        for name in RESERVED
        if name in settings
    ]


def _is_array(value: Any) -> bool:
    return hasattr(value, "shape") and hasattr(value, "ndim") and value.ndim > 0


def _count(rows: Any) -> int:
    """Rows of anything with a length; of a DataLoader those of its data set."""
    if rows is None:
        return 0
    dataset = getattr(rows, "dataset", None)
    return len(rows) if dataset is None else len(dataset)


def _metrics(result: Any) -> dict[str, Any]:
    if result is None:
        return {}
    if isinstance(result, Mapping):
        return {str(name): value for name, value in result.items()}
    try:
        return {"loss": float(result)}
    except (TypeError, ValueError):
        raise TrainerError(
            Fault(
                "failed",
                f"returned {type(result).__name__}",
                "change the model in place, and return None, a loss or a dictionary of metrics",
                field="train",
            )
        ) from None
