"""The requests' own work, without threads and channel: fields are read, files checked, the adapter called."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from . import limits
from .adapter import Adapter, Data, Hello, Job, State, Task
from .errors import Fault, TrainerError, listed, shortened
from .messages import Fields
from .safefile import output_path
from .tensorfile import read_state, read_tensors, write_tensors
from .tensors import Named, TensorSpec, TensorTable, checked_weights, metadata_text
from .version import PROTOCOL


class Requests:
    """The requests' own work, without threads: fields are read, files checked, the adapter called."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.hello: Hello | None = None
        self.device = "cpu"
        self.table: TensorTable | None = None
        self.buffers = "average"
        self.rows = {"train": 0, "evaluation": 0}
        self.start: Named = {}

    def answer(self, op: str, fields: Fields, progress: Callable[..., None]) -> dict[str, Any]:
        if op == "bye":
            return {}
        if op == "hello":
            return self._hello(fields)
        work = {
            "preflight": self._preflight,
            "prepare": self._prepare,
            "train": self._train,
            "evaluate": self._evaluate,
        }.get(op)
        if work is None:
            raise TrainerError(
                Fault(
                    "unsupported",
                    f"the operation {op[:40]!r} is not known",
                    "use a trainer of a newer version",
                    field="op",
                )
            )
        if self.hello is None:
            raise TrainerError(Fault("config", "hello comes first", "send hello", field="op"))
        return work(fields, progress)

    def _hello(self, fields: Fields) -> dict[str, Any]:
        if self.hello is not None:
            raise TrainerError(Fault("config", "hello was said already", "start another process", field="op"))
        spoken = fields.integers("protocol")
        if PROTOCOL not in spoken:
            raise TrainerError(
                Fault(
                    "version",
                    f"this trainer speaks protocol {PROTOCOL}, the node {spoken}",
                    "install a trainer and a node of one protocol",
                    field="protocol",
                )
            )
        scratch = Path(fields.text("scratch"))
        if not scratch.is_absolute() or not scratch.is_dir():
            raise TrainerError(Fault("config", "is no folder with an absolute path", "make it first", field="scratch"))
        device = fields.text("device", "auto", 20)
        kind, _, index = device.partition(":")
        if kind not in ("auto", "cpu", "cuda", "mps") or (":" in device and not (kind == "cuda" and index.isdecimal())):
            raise TrainerError(
                Fault("config", "is none of auto, cpu, cuda, cuda:INDEX, mps", "correct it", field="device")
            )
        hello = Hello(
            fields.text("node", "unknown", 200),
            scratch,
            device,
            fields.integer("threads", 1, 4096, 1),
            fields.integer("memory_mb", 1, limits.INTEGER, None),
        )
        told = self.adapter.hello(hello)
        self.hello, self.device = hello, told.device
        app = None if told.app_digest is None else {"digest": told.app_digest, "files": told.app_files}
        return {
            "protocol": PROTOCOL,
            "name": told.name,
            "version": told.version,
            "adapter": type(self.adapter).__name__,
            "app": app,
            "libraries": dict(told.libraries),
            "device": told.device,
            "capabilities": {"evaluate": False, "warm": True, "state": False, "proximal": False, **told.capabilities},
        }

    def _preflight(self, fields: Fields, progress: Callable[..., None]) -> dict[str, Any]:
        faults: list[Fault] = []
        try:
            task, data = self._task(fields.mapping("task"), fields), self._data(fields, optional=True)
        except TrainerError as error:
            return {"errors": listed(error.faults), "warnings": [], "estimate": _estimate({})}
        for path in () if data is None else (data.train, data.evaluation):
            if path is not None and not path.exists():
                faults.append(
                    Fault("data", "does not exist", "name your rows in the node's configuration", file=str(path))
                )
        try:
            report = self.adapter.preflight(task, None if faults else data)
        except TrainerError as error:
            return {"errors": listed([*faults, *error.faults]), "warnings": [], "estimate": _estimate({})}
        return {
            "errors": listed([*faults, *report.faults]),
            "warnings": listed(report.warnings),
            "estimate": _estimate(vars(report.estimate)),
        }

    def _prepare(self, fields: Fields, progress: Callable[..., None]) -> dict[str, Any]:
        assert self.hello is not None
        scratch, data = self.hello.scratch, self._data(fields)
        assert data is not None
        task = self._task(fields, fields)
        buffers = fields.choice("buffers", ("average", "local"), "average")
        outputs = {
            name: output_path(fields.text(name), scratch, name)
            for name in ("initial_out", "carrier_out")
            if fields.has(name)
        }
        self.table = None
        prepared = self.adapter.prepare(task, data, fields.integer("seed", 0, limits.SEED - 1, 0), progress)
        table = prepared.table
        if task.table is not None and (faults := table.differences(task.table)):
            raise TrainerError(*faults)
        start = dict(prepared.start)
        travelling, carried = table.travelling(buffers), table.carried()
        if fields.has("initial_in"):
            start.update(read_tensors(scratch / fields.text("initial_in"), travelling, travelling=True))
        if fields.has("carrier_in"):
            start.update(read_tensors(scratch / fields.text("carrier_in"), carried, travelling=False))
        if "initial_out" in outputs:
            weights = checked_weights(travelling, {spec.name: start[spec.name] for spec in travelling})
            _written(outputs["initial_out"], weights)
        if "carrier_out" in outputs:
            _written(outputs["carrier_out"], {spec.name: start[spec.name] for spec in carried})
        names = {spec.name for spec in travelling}
        self.start = {name: array for name, array in start.items() if name not in names}
        self.table, self.buffers = table, buffers
        self.rows = {"train": prepared.rows, "evaluation": prepared.evaluation_rows}
        warnings = list(prepared.warnings)
        if carried and not fields.has("carrier_in") and "carrier_out" not in outputs:
            warnings.append(
                Fault(
                    "config",
                    f"{len(carried)} tensors that do not travel were made from the seed, not read "
                    "from the task's carrier",
                    "give the carrier where the task has one",
                    field="carrier_in",
                )
            )
        return {
            "rows": prepared.rows,
            "evaluation_rows": prepared.evaluation_rows,
            "classes": None if prepared.classes is None else list(prepared.classes),
            "tensors": table.json(),
            "warnings": listed(warnings),
        }

    def _train(self, fields: Fields, progress: Callable[..., None]) -> dict[str, Any]:
        assert self.hello is not None
        started = time.monotonic()
        table, scratch = self._prepared(), self.hello.scratch
        job = self._job(fields, table)
        out = output_path(fields.text("out"), scratch, "out")
        state_out = output_path(fields.text("state_out"), scratch, "state_out") if fields.has("state_out") else None
        inputs = {os.path.realpath(scratch / fields.text(name)) for name in ("base", "state_in") if fields.has(name)}
        written = [os.path.realpath(path) for path in (out, state_out) if path is not None]
        if len({*written, *inputs}) != len(written) + len(inputs):
            raise TrainerError(
                Fault(
                    "config",
                    "base, out, state_in and state_out have to be different files: a training "
                    "that is repeated needs what it began with",
                    "name different files",
                    field="out",
                )
            )
        trained = self.adapter.train(job, progress)
        kept = [spec for spec in table if spec.role in ("train", "buffer")]
        weights = checked_weights(kept, trained.weights)
        if not 0 < trained.examples < limits.INTEGER:
            raise TrainerError(
                Fault("failed", f"the training reports {trained.examples} rows", "report the rows it used")
            )
        warnings = list(trained.warnings)
        if trained.examples > (rows := self.rows[job.split]):
            raise TrainerError(
                Fault(
                    "failed",
                    f"the training reports {trained.examples} rows, prepare told {rows}",
                    "report each row once, however many epochs there are",
                )
            )
        if trained.examples < rows:
            warnings.append(f"the training used {trained.examples} of {rows} rows")
        names = [spec.name for spec in table.travelling(self.buffers)]
        # The weights first: where the state is there, the weights that belong to it are there, too.
        _written(out, {name: weights[name] for name in names})
        if state_out is not None:
            self._write_state(state_out, trained.state or State(), weights)
        metrics = _metrics(trained.metrics, warnings)
        return {
            "examples": int(trained.examples),
            "metrics": metrics,
            "device": self.device,
            "seconds": round(time.monotonic() - started, 3),
            "warnings": [shortened(text) for text in warnings[: limits.FAULTS]],
        }

    def _evaluate(self, fields: Fields, progress: Callable[..., None]) -> dict[str, Any]:
        table = self._prepared()
        if self.rows["evaluation"] == 0:
            raise TrainerError(
                Fault(
                    "data",
                    "there are no held-out rows to evaluate on",
                    "name some in the node's configuration",
                    field="data.evaluation",
                )
            )
        result = self.adapter.evaluate(self._job(fields, table), progress)
        answer: dict[str, Any] = {"examples": int(result.examples), "loss": float(result.loss)}
        numbers = [answer["loss"]]
        if result.score is not None:
            answer["score"], answer["measure"] = float(result.score), result.measure or "accuracy"
            numbers.append(answer["score"])
        if not all(math.isfinite(number) for number in numbers):
            raise TrainerError(
                Fault(
                    "failed",
                    "the loss or the score is not finite",
                    "the model has diverged: lower the learning rate",
                    field="loss",
                )
            )
        if result.per_class is not None:
            answer["per_class"] = [[int(rows), int(right)] for rows, right in result.per_class]
        if result.confusion is not None and len(result.confusion) <= limits.CONFUSION_CLASSES:
            answer["confusion"] = [[int(count) for count in row] for row in result.confusion]
        return answer

    # What several requests share.

    def _prepared(self) -> TensorTable:
        if self.table is None:
            raise TrainerError(Fault("config", "prepare comes first", "send prepare", field="op"))
        return self.table

    def _data(self, fields: Fields, optional: bool = False) -> Data | None:
        if optional and not fields.has("data"):
            return None
        data = fields.mapping("data")
        evaluation = data.text("evaluation", None)
        options = data.mapping("options", {}).values
        return Data(Path(data.text("train")), None if evaluation is None else Path(evaluation), options)

    def _task(self, fields: Fields, outer: Fields) -> Task:
        labels = fields.texts("labels", None)
        tensors = outer.objects("tensors", None, limits.TENSORS)
        return Task(
            self._settings(fields),
            None if labels is None else tuple(labels),
            fields.integer("rounds", 1, limits.INTEGER, None),
            None if tensors is None else TensorTable.from_json(tensors),
            fields.mapping("requirements", {}).values,
        )

    def _settings(self, fields: Fields) -> dict[str, Any]:
        settings = fields.mapping("settings", {}).values
        flat = all(
            isinstance(value, (bool, int, float, str))
            or (isinstance(value, list) and all(isinstance(one, (bool, int, float, str)) for one in value))
            for value in settings.values()
        )
        if len(settings) > limits.SETTINGS or not flat or _bytes(settings) > limits.SETTINGS_BYTES:
            raise TrainerError(
                Fault(
                    "config",
                    f"is no flat map of at most {limits.SETTINGS} numbers, texts, truth values "
                    f"and lists of them in {limits.SETTINGS_BYTES} bytes",
                    "shorten it",
                    field="settings",
                )
            )
        return settings

    def _job(self, fields: Fields, table: TensorTable) -> Job:
        assert self.hello is not None
        scratch, travelling = self.hello.scratch, table.travelling(self.buffers)
        weights: Named = {name: array.copy() for name, array in self.start.items()}
        weights.update(read_tensors(scratch / fields.text("base"), travelling, travelling=True))
        state = State()
        if fields.has("state_in"):
            state = self._read_state(scratch / fields.text("state_in"), weights)
        rounds = fields.integer("rounds", 1, limits.INTEGER, 1)
        split = fields.choice("split", ("train", "evaluation"), "train")
        if self.rows[split] == 0:
            raise TrainerError(Fault("data", "there are no rows of this split", "name some", field="split"))
        return Job(
            fields.integer("round", 1, limits.INTEGER),
            rounds,
            weights,
            state,
            self._settings(fields),
            fields.integer("seed", 0, limits.SEED - 1, 0),
            split,
            fields.number("deadline_s", 0, 1e9, None),
        )

    def _local_buffers(self) -> list[TensorSpec]:
        return [spec for spec in self.table or () if spec.role == "buffer" and self.buffers == "local"]

    def _read_state(self, path: Path, weights: Named) -> State:
        """The adapter's state; buffers that stay with this node go into ``weights``."""
        most = 4 * sum(spec.count * 8 for spec in self.table or ()) + (64 << 20)
        tensors, texts = read_state(path, most)
        for spec in self._local_buffers():
            array = tensors.get(f"buffer:{spec.name}")
            if array is None or array.shape != spec.shape:
                raise TrainerError(
                    Fault(
                        "config",
                        "lacks this buffer of the model",
                        "give the state that this trainer wrote in the last round",
                        file=str(path),
                        field=spec.name,
                    )
                )
            weights[spec.name] = array
        own = {name[len("state:") :]: array for name, array in tensors.items() if name.startswith("state:")}
        return State(own, texts)

    def _write_state(self, path: Path, state: State, weights: Named) -> None:
        if _bytes(dict(state.texts)) > limits.STATE_METADATA_BYTES:
            raise TrainerError(
                Fault("failed", "the app keeps too much text from round to round", "keep less", field="state")
            )
        tensors = {f"state:{name}": array for name, array in state.tensors.items()}
        tensors.update({f"buffer:{spec.name}": weights[spec.name] for spec in self._local_buffers()})
        _written(path, tensors, state.texts)


def _written(path: Path, tensors: Named, texts: Mapping[str, str] | None = None) -> None:
    try:
        write_tensors(path, tensors, texts)
    except (OSError, ValueError) as error:
        reason = (error.strerror or str(error)).lower() if isinstance(error, OSError) else str(error)
        raise TrainerError(
            Fault(
                "failed",
                f"cannot be written: {reason}",
                "make room in the scratch folder, or raise the limit of its files",
                file=str(path),
            )
        ) from error


def _bytes(value: Any) -> int:
    return len(metadata_text(value).encode("utf-8", "replace"))


def _estimate(values: Mapping[str, float | None]) -> dict[str, float | None]:
    return {name: values.get(name) for name in ("seconds_a_round", "ram_mb", "vram_mb", "disk_mb")}


def _metrics(metrics: Mapping[str, Any], warnings: list[str]) -> dict[str, float]:
    """At most ``limits.METRICS`` finite numbers; the names of others go into ``warnings``."""
    result: dict[str, float] = {}
    for name, value in metrics.items():
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if (
            len(result) < limits.METRICS
            and math.isfinite(number)
            and len(str(name).encode()) <= limits.METRIC_NAME_BYTES
        ):
            result[str(name)] = number
        else:
            warnings.append(f"the metric {str(name)[:40]} was left out: it is no finite number, or there are too many")
    return result
