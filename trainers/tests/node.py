"""The node's side, for tests: what a node does with a trainer's files, written without the code that it tests."""

from __future__ import annotations

import json
import struct
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from meshnode_trainer.conformance.process import TrainerProcess

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
COMMAND = (sys.executable, "-m", "meshnode_trainer")
SECONDS = 120.0
"""A bound of every wait. What a test waits for is an event; this only ends a test that would hang."""


def digits(path: Path, part: int = 0, parts: int = 1, rows: int = 600) -> Path:
    """Rows of the repository's digits, dealt out in turn: x [rows, 64] in 0 to 1, y [rows]."""
    import csv
    import gzip

    with gzip.open(ROOT.parent / "data" / "digits.csv.gz", "rt") as file:
        table = np.array(list(csv.reader(file))[1 : rows + 1], dtype=np.float32)
    chosen = table[part::parts]
    np.savez(path, x=chosen[:, :64] / np.float32(16), y=chosen[:, 64].astype(np.int64))
    return path


LABELS = [str(number) for number in range(10)]


def read(path: Path) -> dict[str, np.ndarray]:
    """F32 tensors of a safetensors file, in the order of its header."""
    raw = path.read_bytes()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__", None)
    body = raw[8 + length :]
    result = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        assert entry["dtype"] == "F32", name
        result[name] = np.frombuffer(body[start:end], "<f4").reshape(entry["shape"]).copy()
    return result


def write(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    header, body, start = {}, b"", 0
    for name in sorted(tensors, key=str.encode):
        plain = np.array(tensors[name], "<f4", order="C")
        header[name] = {"dtype": "F32", "shape": list(plain.shape), "data_offsets": [start, start + plain.nbytes]}
        body, start = body + plain.tobytes(), start + plain.nbytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return path


@dataclass
class Member:
    """One trainer of a federation, started and prepared."""

    process: TrainerProcess
    data: dict
    prepared: dict = field(default_factory=dict)
    state: Path | None = None


@dataclass
class Federation:
    """Members that train one model: old minus new, weighted by rows, taken off the old one, as a node does it."""

    folder: Path
    arguments: tuple[str, ...]
    task: dict
    members: list[Member] = field(default_factory=list)
    model: dict[str, np.ndarray] = field(default_factory=dict)

    def __enter__(self) -> Federation:
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.process.kill()

    def add(self, data: dict, environment: dict[str, str] | None = None, **more) -> Member:
        """The first member makes the initial weights and the carrier; the others take them."""
        number = len(self.members)
        member = Member(start(self.folder / f"member{number}", *self.arguments, environment=environment), data)
        self.members.append(member)
        files = {"initial_out": "initial", "carrier_out": "carrier"}
        if number > 0:
            first = self.members[0]
            files = {
                "initial_in": str(self.folder / "member0/initial"),
                "carrier_in": str(self.folder / "member0/carrier"),
            }
            more = {"tensors": first.prepared["tensors"], **more}
        member.prepared = member.process.ask("prepare", SECONDS, **self.task, data=data, seed=3, **files, **more)
        if number == 0:
            self.model = read(self.folder / "member0/initial")
        return member

    def round(self, number: int, **more) -> list[dict]:
        change = {name: np.zeros_like(array, dtype=np.float64) for name, array in self.model.items()}
        answers = []
        for place, member in enumerate(self.members):
            answers.append(self.train(member, number, place, **more))
            new, rows = read(member.process.scratch / "out"), member.prepared["rows"]
            assert list(new) == list(self.model)
            for name, old in self.model.items():
                assert new[name].shape == old.shape
                change[name] += (old - new[name]) * np.float64(rows)
        rows = sum(member.prepared["rows"] for member in self.members)
        self.model = {name: old - (change[name] / rows).astype(np.float32) for name, old in self.model.items()}
        return answers

    def train(self, member: Member, number: int, place: int, **more) -> dict:
        scratch = member.process.scratch
        write(scratch / "base", self.model)
        state_out = scratch / f"state{number}"
        kept = {} if member.state is None else {"state_in": str(member.state)}
        answer = member.process.ask(
            "train",
            SECONDS,
            round=number,
            rounds=10,
            base="base",
            out="out",
            seed=10 * number + place,
            state_out=str(state_out),
            settings=self.task["settings"],
            **kept,
            **more,
        )
        member.state = state_out
        return answer

    def evaluate(self, place: int = 0) -> dict:
        member = self.members[place]
        write(member.process.scratch / "base", self.model)
        kept = {} if member.state is None else {"state_in": str(member.state)}
        return member.process.ask("evaluate", SECONDS, round=1, base="base", settings=self.task["settings"], **kept)


def start(
    scratch: Path, *arguments: str, environment: dict[str, str] | None = None, hello: bool = True
) -> TrainerProcess:
    """A trainer's process that has said hello."""
    process = TrainerProcess([*COMMAND, *arguments], scratch, environment)
    if hello:
        try:
            greet(process)
        except BaseException:
            process.kill()
            raise
    return process


def greet(process: TrainerProcess) -> dict:
    return process.ask(
        "hello", SECONDS, protocol=[1], node="test", scratch=str(process.scratch), device="cpu", threads=1
    )
