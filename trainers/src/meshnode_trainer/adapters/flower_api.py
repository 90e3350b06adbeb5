"""The names of the installed flwr that a call within one process needs. Features are looked for, not versions."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np

from ..adapter import State
from ..errors import Fault, TrainerError
from ..tensors import Array, Named

_PLACES: dict[str, tuple[str, ...]] = {
    "Message": ("flwr.app.Message", "flwr.common.Message"),
    "Metadata": (
        "flwr.app.Metadata",
        "flwr.app.metadata.Metadata",
        "flwr.common.Metadata",
        "flwr.common.message.Metadata",
    ),
    "Context": ("flwr.app.Context", "flwr.common.Context"),
    "RecordDict": ("flwr.app.RecordDict", "flwr.common.RecordDict", "flwr.common.RecordSet"),
    "ArrayRecord": ("flwr.app.ArrayRecord", "flwr.common.ArrayRecord", "flwr.common.ParametersRecord"),
    "MetricRecord": ("flwr.app.MetricRecord", "flwr.common.MetricRecord", "flwr.common.MetricsRecord"),
    "ConfigRecord": ("flwr.app.ConfigRecord", "flwr.common.ConfigRecord", "flwr.common.ConfigsRecord"),
    "Array": (
        "flwr.app.Array",
        "flwr.common.Array",
        "flwr.common.record.Array",
        "flwr.common.record.parametersrecord.Array",
    ),
}


class FlowerApi:
    """Records, messages and contexts of whatever flwr is installed (1.13 and later)."""

    def __init__(self) -> None:
        os.environ.setdefault("FLWR_TELEMETRY_ENABLED", "0")
        import flwr

        self.version = str(getattr(flwr, "__version__", "unknown"))
        found = {name: _first(places) for name, places in _PLACES.items()}
        self.Message, self.Metadata, self.Context = found["Message"], found["Metadata"], found["Context"]
        self.RecordDict, self.ArrayRecord, self.Array = found["RecordDict"], found["ArrayRecord"], found["Array"]
        self.MetricRecord, self.ConfigRecord = found["MetricRecord"], found["ConfigRecord"]
        try:
            # An app that makes a message of its own asks for it.
            identity = import_module("flwr.supercore.task_identity").TaskIdentity
            identity.run_id, identity.node_id, identity.task_id = 1, 1, 1
        except ImportError:
            pass

    def context(self, node_config: Mapping[str, Any], run_config: Mapping[str, Any], state: Any) -> Any:
        values = {
            "run_id": 1,
            "node_id": 1,
            "node_config": dict(node_config),
            "state": state,
            "run_config": dict(run_config),
        }
        wanted = signature(self.Context.__init__).parameters
        return self.Context(**{name: value for name, value in values.items() if name in wanted})

    def message(self, content: Any, kind: str, number: int) -> Any:
        """Built through its metadata, the one form that every version has in some spelling."""
        values = {
            "run_id": 1,
            "message_id": f"m{number}",
            "src_node_id": 1,
            "dst_node_id": 1,
            "reply_to_message": "",
            "reply_to_message_id": "",
            "group_id": str(number),
            "created_at": time.time(),
            "ttl": 86400.0,
            "message_type": kind,
            "src_task_id": 1,
            "dst_task_id": 1,
        }
        wanted = signature(self.Metadata.__init__).parameters
        metadata = self.Metadata(**{name: value for name, value in values.items() if name in wanted})
        return self.Message(metadata=metadata, content=content)

    def records(self, records: Mapping[str, Any]) -> Any:
        content = self.RecordDict()
        for name, record in records.items():
            if hasattr(content, "__setitem__"):
                content[name] = record
            elif isinstance(record, self.ArrayRecord):
                content.parameters_records[name] = record
            elif isinstance(record, self.MetricRecord):
                content.metrics_records[name] = record
            else:
                content.configs_records[name] = record
        return content

    @staticmethod
    def items(content: Any) -> list[tuple[str, Any]]:
        if hasattr(content, "items"):
            return list(content.items())
        return [*content.parameters_records.items(), *content.metrics_records.items(), *content.configs_records.items()]

    def array_record(self, arrays: Mapping[str, Array]) -> Any:
        """In the order of ``arrays``."""
        record = self.ArrayRecord()
        for name, array in arrays.items():
            try:
                record[name] = self.Array(array)
            except TypeError:
                record[name] = import_module("flwr.common").array_from_numpy(array)
        return record

    @staticmethod
    def arrays(record: Any) -> Named:
        """In the order of the record."""
        return {str(name): np.array(array.numpy(), copy=True) for name, array in record.items()}

    # What an app keeps in context.state, as arrays and one JSON text. Nothing is pickled.

    def state_out(self, content: Any) -> State:
        tensors: Named = {}
        listing = []
        for name, record in self.items(content):
            if isinstance(record, self.ArrayRecord):
                entries = []
                for key, array in self.arrays(record).items():
                    entries.append([key, f"{len(tensors):06}"])
                    tensors[f"{len(tensors):06}"] = array
                listing.append([name, "arrays", entries])
            else:
                kind = "metrics" if isinstance(record, self.MetricRecord) else "config"
                listing.append([name, kind, [[key, _plain(value)] for key, value in record.items()]])
        try:
            text = json.dumps(listing, separators=(",", ":"), allow_nan=False)
        except ValueError as error:
            raise TrainerError(
                Fault("failed", f"context.state cannot be kept: {error}", "keep finite numbers")
            ) from None
        return State(tensors, {"records": text})

    def state_in(self, state: State) -> Any:
        records: dict[str, Any] = {}
        for name, kind, entries in json.loads(state.texts.get("records", "[]")):
            if kind == "arrays":
                records[name] = self.array_record({key: state.tensors[place] for key, place in entries})
            else:
                make = self.MetricRecord if kind == "metrics" else self.ConfigRecord
                records[name] = make({key: _unplain(value) for key, value in entries})
        return self.records(records)


def _plain(value: Any) -> Any:
    return (
        {"bytes": base64.b64encode(value).decode()}
        if isinstance(value, bytes)
        else ([_plain(one) for one in value] if isinstance(value, (list, tuple)) else value)
    )


def _unplain(value: Any) -> Any:
    return (
        base64.b64decode(value["bytes"])
        if isinstance(value, dict)
        else ([_unplain(one) for one in value] if isinstance(value, list) else value)
    )


def _first(places: tuple[str, ...]) -> Any:
    for place in places:
        module, _, name = place.rpartition(".")
        try:
            return getattr(import_module(module), name)
        except (ImportError, AttributeError):
            continue
    raise TrainerError(
        Fault("version", f"the installed flwr has none of {', '.join(places)}", "install flwr 1.13 or later")
    )


class FlowerFolder:
    """An app folder: its pyproject.toml, the configuration in it, and its two apps."""

    def __init__(self, folder: Path) -> None:
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        self.folder = folder.resolve()
        project = self.folder / "pyproject.toml"
        try:
            app = tomllib.loads(project.read_text("utf-8"))["tool"]["flwr"]["app"]
            self.components = {str(name): str(place) for name, place in app["components"].items()}
            self.config = _flat(app.get("config", {}))
        except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
            raise TrainerError(
                Fault(
                    "config",
                    f"has no [tool.flwr.app.components]: {type(error).__name__} {error}",
                    "name the folder of a Flower app",
                    file=str(project),
                )
            ) from None

    def run_config(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
        """The app's configuration with settings of the task in it, as ``flwr run -c`` has it."""
        values, faults = dict(self.config), []
        for name, value in given.items():
            own = values.get(name)
            if own is None:
                faults.append(
                    Fault(
                        "config",
                        "is no key of the app's [tool.flwr.app.config]",
                        f"known are {', '.join(sorted(self.config)) or 'none'}",
                        field=f"settings.{name}",
                    )
                )
            elif type(own) is float and type(value) is int:
                values[name] = float(value)
            elif type(own) is not type(value):
                faults.append(
                    Fault(
                        "config",
                        f"is {type(value).__name__}, the app has {type(own).__name__}",
                        "correct it",
                        field=f"settings.{name}",
                    )
                )
            else:
                values[name] = value
        return values, faults

    def load(self, component: str) -> Any:
        """The clientapp or serverapp; runs the app's modules."""
        place = self.components.get(component, "")
        module, _, name = place.partition(":")
        if not module or not name:
            raise TrainerError(
                Fault(
                    "config",
                    f"names no {component} as module:object",
                    "correct it",
                    file=str(self.folder / "pyproject.toml"),
                    field=f"tool.flwr.app.components.{component}",
                )
            )
        sys.dont_write_bytecode = True
        if str(self.folder) not in sys.path:
            sys.path.insert(0, str(self.folder))
        return getattr(import_module(module), name)


def _flat(table: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            result.update(_flat(value, f"{path}{name}."))
        else:
            result[f"{path}{name}"] = value
    return result
