"""Settings of a task, declared once: name, kind, range, default, meaning. All faults are found at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import Fault, TrainerError

KINDS = ("integer", "number", "text", "flag", "integers", "texts")


@dataclass(frozen=True)
class Setting:
    """- ``kind``: one of ``KINDS``. ``low``, ``high``: range of numbers, and of the members of a list.
    - ``choices``: allowed texts. ``most``: entries of a list, characters of a text.
    - ``default``: None where the setting has to be given.
    """

    name: str
    kind: str
    default: Any
    meaning: str
    low: float = 0
    high: float = 1e9
    choices: tuple[str, ...] = ()
    most: int = 64

    def fault(self, value: Any) -> str | None:
        if self.kind in ("integers", "texts"):
            if not isinstance(value, list) or not 0 < len(value) <= self.most:
                return f"is no list of 1 to {self.most} entries"
            one = Setting(self.name, self.kind[:-1], None, "", self.low, self.high, self.choices, 200)
            return next((reason for entry in value if (reason := one.fault(entry)) is not None), None)
        if self.kind == "flag":
            return None if isinstance(value, bool) else "is neither true nor false"
        if self.kind == "text":
            if self.choices and value not in self.choices:
                return f"is none of {', '.join(self.choices)}"
            return None if isinstance(value, str) and 0 < len(value) <= max(self.most, 1) else "is no text"
        whole = self.kind == "integer"
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            return "is no whole number" if whole else "is no number"
        if not self.low <= value <= self.high:
            return f"is {value:g}, it has to lie in {self.low:g} to {self.high:g}"
        return None


def read_settings(known: Sequence[Setting], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Fault]]:
    """All settings with their defaults filled in, and every fault. A value at fault is left out."""
    by_name = {setting.name: setting for setting in known}
    values: dict[str, Any] = {}
    faults = []
    for name, value in given.items():
        setting = by_name.get(name)
        if setting is None:
            near = difflib.get_close_matches(name, by_name, 1)
            step = f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(by_name))}"
            faults.append(Fault("config", "is no setting of this trainer", step, field=f"settings.{name}"))
        elif (reason := setting.fault(value)) is not None:
            faults.append(Fault("config", reason, setting.meaning, field=f"settings.{name}"))
        else:
            values[name] = float(value) if setting.kind == "number" else value
    for setting in known:
        if setting.name in given:
            continue
        if setting.default is None:
            faults.append(Fault("config", "has to be set", setting.meaning, field=f"settings.{setting.name}"))
        else:
            values[setting.name] = setting.default
    return values, faults


def checked_settings(known: Sequence[Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """As ``read_settings``, but raises ``TrainerError`` with every fault."""
    values, faults = read_settings(known, given)
    if faults:
        raise TrainerError(*faults)
    return values
