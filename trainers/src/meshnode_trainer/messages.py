"""Lines of the protocol: strict JSON in, strict JSON out, and typed reading of a request's fields."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from . import limits
from .errors import Fault, TrainerError


class ProtocolError(Exception):
    """The other side does not speak the protocol; nothing that follows on the channel can be trusted."""


def encoded(message: dict[str, Any]) -> bytes:
    """One line with its line feed.

    Raises ``ValueError`` for NaN, infinities and lines above the limit, ``TypeError`` for what JSON has no form of.
    """
    line = json.dumps(message, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode("utf-8") + b"\n"
    if len(line) > limits.LINE_BYTES:
        raise ValueError(f"the message has {len(line)} bytes, above the limit of {limits.LINE_BYTES}")
    return line


def decoded(line: bytes) -> dict[str, Any]:
    """The object of one line. Raises ``ProtocolError`` for anything but one JSON object of finite numbers and
    different keys."""

    def refuse(text: str) -> NoReturn:
        raise ProtocolError(f"{text} is no number of this protocol")

    def finite(text: str) -> float:
        value = float(text)
        return value if math.isfinite(value) else refuse(text[:40])

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ProtocolError("a key appears twice in one object")
        return result

    try:
        text = line.decode("utf-8")
        message = json.loads(text, parse_constant=refuse, parse_float=finite, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a line is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise ProtocolError("a line is no JSON object")
    return message


class _Required:
    pass


REQUIRED: Any = _Required()


class Fields:
    """The fields of a request, each read with its type and range. What is not asked for is ignored."""

    def __init__(self, values: dict[str, Any], path: str = "") -> None:
        self.values = values
        self.path = path

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def _refuse(self, name: str, reason: str) -> NoReturn:
        raise TrainerError(Fault("config", reason, "the node has to send it so", field=self.path + name))

    def _value(self, name: str, default: Any) -> Any:
        value = self.values.get(name)
        if value is None:
            if default is REQUIRED:
                self._refuse(name, "the request lacks this field")
            return default
        return value

    def text(self, name: str, default: Any = REQUIRED, most: int = 4096) -> Any:
        value = self._value(name, default)
        if value is not default and (not isinstance(value, str) or not value or len(value) > most or "\0" in value):
            self._refuse(name, f"is no text of 1 to {most} characters")
        return value

    def integer(self, name: str, low: int, high: int, default: Any = REQUIRED) -> Any:
        value = self._value(name, default)
        if value is not default:
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                self._refuse(name, f"is no whole number from {low} to {high}")
        return value

    def number(self, name: str, low: float, high: float, default: Any = REQUIRED) -> Any:
        value = self._value(name, default)
        if value is not default:
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
                self._refuse(name, f"is no number from {low:g} to {high:g}")
            value = float(value)
        return value

    def choice(self, name: str, choices: tuple[str, ...], default: Any = REQUIRED) -> Any:
        value = self._value(name, default)
        if value is not default and value not in choices:
            self._refuse(name, f"is none of {', '.join(choices)}")
        return value

    def integers(self, name: str) -> list[int]:
        value = self._value(name, REQUIRED)
        if not isinstance(value, list) or not all(isinstance(one, int) and not isinstance(one, bool) for one in value):
            self._refuse(name, "is no list of whole numbers")
        return list(value)

    def texts(self, name: str, default: Any = REQUIRED, most: int = 65536) -> Any:
        value = self._value(name, default)
        if value is not default:
            if not isinstance(value, list) or len(value) > most or not all(isinstance(one, str) for one in value):
                self._refuse(name, f"is no list of at most {most} texts")
            if len(set(value)) != len(value):
                self._refuse(name, "has one text twice")
        return value

    def objects(self, name: str, default: Any = REQUIRED, most: int = 65536) -> Any:
        value = self._value(name, default)
        if value is not default:
            if not isinstance(value, list) or len(value) > most or not all(isinstance(one, dict) for one in value):
                self._refuse(name, f"is no list of at most {most} objects")
        return value

    def mapping(self, name: str, default: Any = REQUIRED) -> Fields:
        value = self._value(name, default)
        if not isinstance(value, dict):
            self._refuse(name, "is no object")
        return Fields(value, f"{self.path}{name}.")
