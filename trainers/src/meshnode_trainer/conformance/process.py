"""A trainer's process, driven over real pipes as a node does it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import limits
from ..messages import ProtocolError, decoded


class Refused(Exception):
    """The trainer answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error.get('code')}: {error.get('text')}")
        self.error = error
        self.code = error.get("code")


class Late(Exception):
    """Nothing came in time."""


class Ended(Exception):
    """The trainer closed its output: it has ended, or is about to."""


ENVIRONMENT = {
    "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "WANDB_MODE": "disabled",
    "FLWR_TELEMETRY_ENABLED": "0", "TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}  # fmt: skip
"""What a node sets for its trainers, beside PATH, and HOME and TMPDIR in the scratch folder."""


class TrainerProcess:
    """One process in a process group of its own. Use as a context manager: nothing of it is left over at the end."""

    def __init__(self, command: Sequence[str], scratch: Path, environment: Mapping[str, str] | None = None) -> None:
        scratch.mkdir(parents=True, exist_ok=True)
        self.scratch = scratch
        self.log_path = scratch / "log"
        places = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(scratch), "TMPDIR": str(scratch)}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**ENVIRONMENT, **places, **(environment or {})},
                start_new_session=True,
            )
        self._buffer = b""
        self._number = 0
        self.late_events = 0

    def __enter__(self) -> TrainerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def log(self) -> str:
        return self.log_path.read_text("utf-8", "replace")

    def send_bytes(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()

    def send(self, op: str, **fields: Any) -> int:
        """Sends a request and returns its id."""
        self._number += 1
        message = {"id": self._number, "op": op, **fields}
        self.send_bytes(json.dumps(message, separators=(",", ":"), allow_nan=False).encode() + b"\n")
        return self._number

    def receive(self, seconds: float) -> dict[str, Any]:
        """The next line as a message. Raises ``Late``, ``Ended`` or ``ProtocolError``."""
        assert self.process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            if len(self._buffer) > limits.LINE_BYTES:
                raise ProtocolError("a line is longer than 1 MiB")
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise Late(f"nothing came within {seconds:.0f} s")
            part = os.read(self.process.stdout.fileno(), 1 << 16)
            if not part:
                raise Ended("the trainer closed its output")
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        if len(line) >= limits.LINE_BYTES:
            raise ProtocolError("a line is longer than 1 MiB")
        return decoded(line)

    def answer_of(self, number: int, seconds: float) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """The answer of a request and the events before it. Raises ``Refused`` for an error."""
        events = []
        end = time.monotonic() + seconds
        while True:
            message = self.receive(max(0.0, end - time.monotonic()))
            if message.get("id") != number:
                raise ProtocolError(f"a message has the id {message.get('id')!r}, asked was {number}")
            if "event" in message:
                events.append({**message, "at": time.monotonic()})
                continue
            if message.get("ok") is True:
                return message, events
            error = message.get("error")
            if message.get("ok") is not False or not isinstance(error, dict):
                raise ProtocolError("an answer is neither ok nor has an error")
            raise Refused(error)

    def ask(self, op: str, seconds: float = 60, **fields: Any) -> dict[str, Any]:
        return self.answer_of(self.send(op, **fields), seconds)[0]

    def close_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self, seconds: float) -> int:
        """The exit status, negative for a signal. Raises ``Late``."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Late(f"the process had not ended after {seconds:.0f} s") from None

    def kill(self) -> None:
        """Ends the process and what it started."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                if pipe is not None:
                    pipe.close()
            except BrokenPipeError:
                pass
