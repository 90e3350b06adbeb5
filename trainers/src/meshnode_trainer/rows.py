"""Rows of tables and arrays: CSV, gzipped CSV and NPZ, with every fault named by file, row and column."""

from __future__ import annotations

import csv
import gzip
import io
import math
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from . import limits
from .errors import Fault, TrainerError
from .safefile import open_input
from .tensors import Array

_STEP = "correct the row, or leave it out"


@dataclass(frozen=True)
class Rows:
    """- ``x``: [rows, …] binary32. ``y``: [rows], class numbers (int64), or targets (binary32) of a regression."""

    x: Array
    y: Array
    file: str

    def __len__(self) -> int:
        return len(self.y)

    def counts(self, classes: int) -> tuple[int, ...]:
        """Rows of each class."""
        return tuple(int(count) for count in np.bincount(self.y, minlength=classes))


def read_rows(path: Path, labels: Sequence[str] | None, options: Mapping[str, Any]) -> Rows:
    """Reads a file of rows.

    - ``labels``: the task's classes; None for a regression.
    - ``options``: ``label``, the column of the class or target (CSV; "label" without it); ``columns``, a list of the
      features' columns in their order (CSV; all others without it); ``scale``, a number that features are divided by.

    Raises ``TrainerError`` (data) with all faults of the file.
    """
    file = str(path)
    names = [unicodedata.normalize("NFC", label.strip()) for label in labels] if labels is not None else None
    scale = options.get("scale", 1.0)
    if isinstance(scale, bool) or not isinstance(scale, (int, float)) or not 1e-30 < scale < 1e30:
        raise TrainerError(Fault("config", "is no number above 0", "correct it", field="data.options.scale"))
    with open_input(path, limits.ROW_FILE_BYTES, code="data", follow=True) as opened:
        if path.suffix == ".npz":
            rows = _arrays(opened, file, names)
        elif path.suffix == ".csv" or path.suffixes[-2:] == [".csv", ".gz"]:
            rows = _table(opened, file, names, options, path.suffix == ".gz")
        else:
            raise TrainerError(Fault("data", "is neither .csv, .csv.gz nor .npz", "convert it", file=file))
    if len(rows) == 0:
        raise TrainerError(Fault("data", "has no rows", "name a file with rows", file=file))
    return rows if scale == 1.0 else Rows(rows.x / np.float32(scale), rows.y, file)


def _arrays(opened: io.BufferedReader, file: str, labels: Sequence[str] | None) -> Rows:
    """Arrays x and y of an NPZ. Objects are never unpickled."""
    try:
        with np.load(opened, allow_pickle=False) as archive:
            missing = [name for name in ("x", "y") if name not in archive.files]
            if missing:
                raise TrainerError(
                    *(
                        Fault(
                            "data",
                            "the archive lacks this array",
                            "save the rows with np.savez(FILE, x=…, y=…)",
                            file=file,
                            field=name,
                        )
                        for name in missing
                    )
                )
            x, y = archive["x"], archive["y"]
    except (ValueError, OSError, zipfile.BadZipFile, EOFError) as error:
        raise TrainerError(Fault("data", f"is no NPZ of plain arrays: {error}", "save it again", file=file)) from None
    if x.ndim < 2 or y.ndim != 1 or len(x) != len(y):
        text = f"x has shape {list(x.shape)} and y {list(y.shape)}; [rows, …] and [rows] are needed"
        raise TrainerError(Fault("data", text, "save it again", file=file))
    if x.dtype.kind not in "fiub" or (labels is None and y.dtype.kind not in "fiu"):
        raise TrainerError(Fault("data", f"x is of type {x.dtype} and y of {y.dtype}", "save numbers", file=file))
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, dtype=np.float32)
    finite = np.isfinite(x.reshape(len(x), -1)).all(axis=1)
    faults = [Fault("data", "a value is not finite", _STEP, file, int(row) + 1, "x") for row in np.nonzero(~finite)[0]]
    if labels is None:
        targets = y.astype(np.float32)
        faults += [
            Fault("data", "the target is not finite", _STEP, file, int(row) + 1, "y")
            for row in np.nonzero(~np.isfinite(targets))[0]
        ]
    elif y.dtype.kind in "iub":
        targets = y.astype(np.int64)
        faults += [
            Fault("data", f"class {targets[row]} is none of 0 to {len(labels) - 1}", _STEP, file, int(row) + 1, "y")
            for row in np.nonzero((targets < 0) | (targets >= len(labels)))[0]
        ]
    else:
        targets = np.zeros(len(y), dtype=np.int64)
        faults += _classes(((row + 1, str(text)) for row, text in enumerate(y)), labels, targets, file, "y")
    if faults:
        raise TrainerError(*faults)
    return Rows(x, targets, file)


def _classes(texts: Any, labels: Sequence[str], into: Array, file: str, field: str) -> list[Fault]:
    numbers = {label: number for number, label in enumerate(labels)}
    faults = []
    for place, (row, text) in enumerate(texts):
        number = numbers.get(unicodedata.normalize("NFC", text.strip()))
        if number is None:
            shown = ", ".join(labels[:20]) + ("…" if len(labels) > 20 else "")
            faults.append(Fault("data", f"{text[:40]!r} is none of the task's labels {shown}", _STEP, file, row, field))
        else:
            into[place] = number
    return faults


def _table(
    opened: io.BufferedReader, file: str, labels: Sequence[str] | None, options: Mapping[str, Any], is_packed: bool
) -> Rows:
    try:
        raw = gzip.open(opened) if is_packed else opened
        with io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
            lines = [(number, row) for number, row in enumerate(csv.reader(text), 1) if row]
    except (UnicodeDecodeError, csv.Error, OSError, EOFError) as error:
        raise TrainerError(Fault("data", f"is no table of UTF-8 text: {error}", "save it as CSV", file=file)) from None
    if len(lines) < 2:
        raise TrainerError(Fault("data", "has no rows below a header", "name a file with rows", file=file))
    titles = [unicodedata.normalize("NFC", title.strip()) for title in lines[0][1]]
    label = options.get("label", "label")
    columns = options.get("columns") or [title for title in titles if title != label]
    faults = [
        Fault("data", "there is no such column", f"the table has {', '.join(titles[:30])}", file, 1, str(title))
        for title in [label, *columns]
        if title not in titles
    ]
    faults += [
        Fault("data", "two columns have this title", "rename one", file, 1, title)
        for title in sorted({title for title in titles if titles.count(title) > 1})
    ]
    if faults:
        raise TrainerError(*faults)
    places, label_place = [titles.index(title) for title in columns], titles.index(label)
    x = np.zeros((len(lines) - 1, len(places)), dtype=np.float32)
    y = np.zeros(len(lines) - 1, dtype=np.int64 if labels is not None else np.float32)
    named: list[tuple[int, str]] = []
    for place, (number, row) in enumerate(lines[1:]):
        if len(row) != len(titles):
            faults.append(Fault("data", f"has {len(row)} fields, the header has {len(titles)}", _STEP, file, number))
            named.append((number, labels[0] if labels else ""))
            continue
        for column, source in enumerate(places):
            value = _number(row[source])
            if value is None:
                faults.append(
                    Fault("data", f"{row[source][:40]!r} is no finite number", _STEP, file, number, titles[source])
                )
            else:
                x[place, column] = value
        named.append((number, row[label_place]))
        if labels is None:
            target = _number(row[label_place])
            if target is None:
                faults.append(
                    Fault("data", f"{row[label_place][:40]!r} is no finite number", _STEP, file, number, label)
                )
            else:
                y[place] = target
    if labels is not None:
        faults += _classes(named, labels, y, file, label)
    if faults:
        raise TrainerError(*sorted(faults, key=lambda fault: fault.row or 0))
    return Rows(x, y, file)


def _number(text: str) -> float | None:
    """A number that is finite in binary32, or None."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 3.4e38 else None
