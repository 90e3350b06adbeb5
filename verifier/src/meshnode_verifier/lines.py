"""The lines of an export, of which each value has one text (export.md)."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Iterator
from typing import Any, NoReturn, TextIO

from .faults import Fault, need
from .rules import RULES, other_rules

# Fields of each kind of line, by the field that tells it (export.md).
FIELDS = {
    "format": ("format", "rules", "network", "genesis"),
    "chain": ("chain", "height", "header", "body", "certificate"),
    "content": ("content", "kind", "bytes"),
    "end": ("end", "blocks", "contents", "missing"),
}
NUMBERS = ("rules", "height", "kind", "blocks", "contents", "missing")
# Room for all but the long value of a line; the longest genesis in hexadecimal, and the longest content in base64.
NAMES = 4 << 10
LONGEST = 2 * (64 << 20) + NAMES
LONGEST_CONTENT = (2 << 30) // 3 * 4 + NAMES


def opened(path: str) -> TextIO:
    """A plain file, with its line feeds as they are: a pipe or a device would wait or never end."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Fault("%s is not a plain file" % path)
    return open(path, newline="\n", encoding="ascii", errors="surrogateescape")


def bounded(file: TextIO, piece: int = 1 << 20) -> Iterator[str]:
    """The lines of a file, of which none is read further than a line of this format goes (export.md)."""
    number = 0
    while True:
        number += 1
        parts: list[str] = []
        length = 0
        while not parts or not parts[-1].endswith("\n"):
            part = file.readline(piece)
            if not part:
                break
            need(re.fullmatch("[\t -~]*\n?", part), "line %d: other characters than ASCII" % number)
            parts.append(part)
            length += len(part)
            head = parts[0][:NAMES]
            most = LONGEST_CONTENT if '"content"' in head or '"bytes"' in head else LONGEST
            need(length <= most + 1, "line %d is longer than %d bytes: no line of this format is" % (number, most))
        if not parts:
            return
        yield "".join(parts)


def parse(text: str, number: int) -> dict[str, Any]:
    """A line as its fields: each once, none unknown, and one text for one value (export.md)."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        need(len(set(names)) == len(names), "line %d: a field stands twice" % number)
        return dict(pairs)

    def refuse(text: str) -> NoReturn:
        raise Fault("line %d: numbers are whole" % number)

    def whole(text: str) -> int:
        fits = text.isdigit() and len(text) <= 20 and int(text) < 2**64
        need(fits, "line %d: a number with a sign, or beyond 2^64 - 1" % number)
        return int(text)

    plain = text.endswith("\n") and text.isascii() and not set("\\\r") & set(text)
    need(plain, "line %d: no end, escapes, or not ASCII" % number)
    try:
        line = json.loads(text, object_pairs_hook=once, parse_int=whole, parse_float=refuse, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise Fault("line %d is no JSON" % number) from None
    wanted = next((names for key, names in FIELDS.items() if isinstance(line, dict) and key in line), ())
    if wanted and "format" in line:
        rules = line.get("rules", 1)
        need(type(rules) is int, "line %d: rules is a whole number" % number)
        need(rules == RULES, other_rules(rules))
    if not wanted or set(line) != set(wanted):
        raise Fault("line %d has other fields than docs/protocol/export.md says" % number)
    found: dict[str, Any] = line
    for name, value in found.items():
        check_value(name, value, number)
    return found


def check_value(name: str, value: object, number: int) -> None:
    """That a field has a value of its kind (export.md)."""
    if name in NUMBERS:
        need(type(value) is int and value >= 0, "line %d: %s is a whole number" % (number, name))
    elif name == "end":
        need(value is True, "line %d: end is true" % number)
    elif not isinstance(value, str):
        raise Fault("line %d: %s is a text" % (number, name))
    elif name not in ("format", "bytes"):
        need(re.fullmatch("([0-9a-f]{2})*", value), "line %d: %s is no lower case hexadecimal" % (number, name))


def decoded(text: str, number: int) -> bytes:
    """The bytes of a content, in the one form of base64 (export.md)."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Fault("line %d: no base64" % number) from None
    need(base64.b64encode(data).decode() == text, "line %d: base64 in another form" % number)
    return data
