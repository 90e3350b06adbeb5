"""What is wrong with an export, said in one sentence; the first one ends the verification."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Fault(Exception):
    """Something in the export does not hold; its text is the cause."""


def need(condition: object, text: str) -> None:
    """Ends with the fault `text` unless the condition holds."""
    if not condition:
        raise Fault(text)


def present(value: T | None, text: str) -> T:
    """The value; its absence is the fault `text`."""
    if value is None:
        raise Fault(text)
    return value
