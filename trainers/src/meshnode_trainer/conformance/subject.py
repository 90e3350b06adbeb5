"""The program under test, what it trains on, and what every check uses."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import CODES
from ..tensorfile import read_tensors, write_tensors
from ..tensors import Named, TensorSpec, TensorTable
from ..version import PROTOCOL
from .process import Refused, TrainerProcess

END_SECONDS = 5.0
"""In which a cancelled request, and a process whose node is gone, have to end."""


class NotSeen(Exception):
    """What the check is about did not come up, for example since the training was over too soon."""


@dataclass
class Subject:
    """The program under test and what it trains on."""

    command: Sequence[str]
    folder: Path
    data: dict[str, Any]
    labels: list[str] | None
    settings: Mapping[str, Any]
    tensors: list[dict[str, Any]] | None = None
    initial: Path | None = None
    device: str = "cpu"
    seconds: float = 600.0
    count: int = 0
    # Filled by the checks.
    table: TensorTable | None = None
    rows: int = 0
    evaluation_rows: int = 0
    files: dict[str, Path] = field(default_factory=dict)
    warm: TrainerProcess | None = None

    def start(self) -> TrainerProcess:
        self.count += 1
        return TrainerProcess(self.command, self.folder / f"process{self.count}")

    def hello(self, process: TrainerProcess, protocol: Sequence[int] = (PROTOCOL,)) -> dict[str, Any]:
        return process.ask(
            "hello",
            self.seconds,
            protocol=list(protocol),
            node="conformance",
            scratch=str(process.scratch),
            device=self.device,
            threads=1,
        )

    def task(self) -> dict[str, Any]:
        task: dict[str, Any] = {"settings": dict(self.settings)}
        if self.labels is not None:
            task["labels"] = self.labels
        return task

    def prepare(self, process: TrainerProcess, **more: Any) -> dict[str, Any]:
        fields = {**self.task(), "data": self.data, "seed": 7, **more}
        if self.tensors is not None:
            fields["tensors"] = self.tensors
        if self.initial is not None:
            fields["initial_in"] = str(self.initial)
        return process.ask("prepare", self.seconds, **fields)

    def fields(self, process: TrainerProcess, round_number: int, **more: Any) -> dict[str, Any]:
        return {
            "round": round_number,
            "rounds": 3,
            "base": str(self.files[f"base{round_number}"]),
            "out": str(process.scratch / "out"),
            "state_out": str(process.scratch / "state"),
            "settings": dict(self.settings),
            "seed": 100 + round_number,
            "deadline_s": self.seconds,
            **more,
        }

    def train(self, process: TrainerProcess, round_number: int, **more: Any) -> dict[str, Any]:
        return process.ask("train", self.seconds, **self.fields(process, round_number, **more))

    @property
    def travelling(self) -> tuple[TensorSpec, ...]:
        assert self.table is not None
        return self.table.travelling("average")

    def keep(self, name: str, path: Path) -> Path:
        """A copy of a file that a later training would replace."""
        copy = self.folder / name
        copy.write_bytes(path.read_bytes())
        self.files[name] = copy
        return copy

    def process(self) -> TrainerProcess:
        assert self.warm is not None
        return self.warm


def need(condition: object, text: str) -> None:
    if not condition:
        raise AssertionError(text)


def refusal(code: str, ask: Callable[[], object], *, names: str | None = None, what: str = "this") -> None:
    """``ask`` has to be refused with ``code``, in an error whose text, field or file holds ``names``."""
    try:
        ask()
    except Refused as refused:
        error = refused.error
        need(error.get("code") in CODES, f"{error.get('code')!r} is no code of the protocol")
        need(error.get("code") == code, f"{what} was refused with {error.get('code')}, not {code}: {error.get('text')}")
        need(isinstance(error.get("text"), str) and error["text"], "the error has no text")
        if names is not None:
            place = " ".join(str(error.get(name, "")) for name in ("text", "field", "file"))
            need(names in place, f"the error does not name {names}: {place}")
        return
    raise AssertionError(f"{what} was not refused")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def checked_file(path: Path, specs: Sequence[TensorSpec]) -> Named:
    """A tensor file that has exactly these tensors in the canonical form, and no unfinished one beside it."""
    need(not path.with_name(path.name + ".part").exists(), f"{path.name}.part was left behind")
    need(path.is_file() and not path.is_symlink(), f"{path.name} is no regular file")
    named = read_tensors(path, specs, travelling=True)
    again = path.with_name(path.name + ".canonical")
    write_tensors(again, named)
    same = again.read_bytes() == path.read_bytes()
    again.unlink()
    need(same, f"{path.name} is not in the canonical form")
    return named
