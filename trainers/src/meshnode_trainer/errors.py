"""What can go wrong, as the node is told it: a closed list of codes, the place, the reason and the next step."""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from . import limits

CODES = (
    "unsupported",
    "version",
    "config",
    "data",
    "not_averageable",
    "memory",
    "device",
    "busy",
    "cancelled",
    "failed",
)


def shortened(text: str) -> str:
    """One line of at most ``limits.TEXT_CHARACTERS`` characters that UTF-8 can hold."""
    line = " ".join(text.split()).encode("utf-8", "replace").decode("utf-8")
    return line if len(line) <= limits.TEXT_CHARACTERS else line[: limits.TEXT_CHARACTERS - 1] + "…"


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    - ``code``: one of ``CODES``.
    - ``text``: the reason, a sentence without its place.
    - ``next``: what the reader of the message can do.
    - ``file``, ``row``, ``field``: the place. Rows count from 1; the header of a table is row 1. A field is a column,
      or a dotted path in the request, such as ``settings.lr``.
    """

    code: str
    text: str
    next: str = ""
    file: str | None = None
    row: int | None = None
    field: str | None = None

    def __post_init__(self) -> None:
        assert self.code in CODES, self.code

    def json(self) -> dict[str, Any]:
        """The error object of the protocol; places that do not apply are left out."""
        result: dict[str, Any] = {"code": self.code, "text": shortened(self.text)}
        if self.next:
            result["next"] = shortened(self.next)
        if self.file is not None:
            result["file"] = shortened(self.file)
        if self.row is not None:
            result["row"] = self.row
        if self.field is not None:
            result["field"] = shortened(self.field)
        return result

    def __str__(self) -> str:
        place = [] if self.file is None else [self.file]
        place += [] if self.row is None else [f"row {self.row}"]
        place += [] if self.field is None else [self.field]
        text = f"{', '.join(place)}: {self.text}" if place else self.text
        return f"{text}; {self.next}" if self.next else text


class TrainerError(Exception):
    """A request cannot be carried out. The first fault is the answer's error, the others follow in ``more``."""

    def __init__(self, *faults: Fault) -> None:
        assert faults
        super().__init__(str(faults[0]))
        self.faults = faults

    def json(self) -> dict[str, Any]:
        result = self.faults[0].json()
        if len(self.faults) > 1:
            result["more"] = listed(self.faults[1:])
        return result


class Cancelled(BaseException):
    """Raised in the main thread by ``cancel``. Not an ``Exception``: ``except Exception`` in an app lets it pass."""


def listed(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """At most ``limits.FAULTS`` error objects; the last one counts what was left out."""
    if len(faults) <= limits.FAULTS:
        return [fault.json() for fault in faults]
    kept = [fault.json() for fault in faults[: limits.FAULTS - 1]]
    left = len(faults) - len(kept)
    return [*kept, Fault(faults[-1].code, f"{left} more of this kind are not shown").json()]


def fault_of(error: BaseException) -> Fault:
    """The fault that an exception of an adapter, a library or an app stands for."""
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return Fault("memory", f"{name}: {error}", "use a smaller batch or model, or allow the trainer more memory")
    if isinstance(error, RuntimeError) and "allocate memory" in str(error):
        return Fault("memory", f"{name}: {error}", "use a smaller batch or model, or allow the trainer more memory")
    place = ""
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        place = f" ({frames[-1].filename.rsplit('/', 1)[-1]}, line {frames[-1].lineno})"
    text = f"{name}: {error}" if str(error) else name
    room = limits.TEXT_CHARACTERS - len(place)
    return Fault("failed", shortened(text)[:room] + place, "read the trainer's log, which has the whole trace")
