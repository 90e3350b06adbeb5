"""Tensor files: canonical safetensors, written whole and read with every fact checked.

Canonical: u64 little-endian header length; JSON without spaces, names in the order of their UTF-8 bytes, padded with
spaces to a multiple of 8; then the values, little-endian, without gaps, in the order of the names.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np

from . import limits
from .errors import Fault, TrainerError
from .safefile import open_input, write_whole
from .tensors import DTYPES, Array, Named, TensorSpec, dtype_name


def write_tensors(path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, str] | None = None) -> None:
    """Writes each array in its own element type. Raises ``OSError`` and, for a type without a name, ``ValueError``."""
    names = sorted(tensors, key=lambda name: name.encode("utf-8"))
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    start = 0
    for name in names:
        array = tensors[name]
        end = start + array.size * array.itemsize
        header[name] = {"dtype": dtype_name(array.dtype), "shape": list(array.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)

    def write(file: BinaryIO) -> None:
        file.write(struct.pack("<Q", len(text)) + text)
        for name in names:
            array = tensors[name]
            plain = np.ascontiguousarray(array, dtype=DTYPES[dtype_name(array.dtype)])
            file.write(plain.reshape(-1).view(np.uint8).data)

    write_whole(path, write)


def read_tensors(path: Path, specs: Sequence[TensorSpec], *, travelling: bool) -> Named:
    """Reads exactly the tensors of ``specs``: F32 with ``travelling`` true, else each in the type of its spec (BF16 as
    F32).

    Raises ``TrainerError`` (config) where the file is no regular file, is longer or shorter than these tensors make it,
    or has other names, shapes, types or a value that is not finite.
    """
    wanted = {spec.name: ("F32" if travelling or spec.dtype == "BF16" else spec.dtype, spec.shape) for spec in specs}
    most = sum(math.prod(shape) * DTYPES[dtype].itemsize for dtype, shape in wanted.values())
    room = 64 + sum(len(name.encode("utf-8")) * 6 + 256 for name in wanted) + 4096
    named, _ = _read(path, most + 8 + room, wanted)
    return named


def read_state(path: Path, most: int) -> tuple[Named, dict[str, str]]:
    """Tensors and texts of a state file of at most ``most`` bytes that this trainer wrote. Raises ``TrainerError``."""
    return _read(path, most, None)


def read_listing(path: Path) -> list[TensorSpec]:
    """Names, shapes and types of a tensor file in the order of its header, with role train; no values are read."""
    with open_input(path, limits.TENSOR_VALUES * 8 + limits.HEADER_BYTES) as file:
        entries, _, _ = _header(file, path)
    return [TensorSpec(name, shape, dtype, "train") for name, dtype, shape, _, _ in entries]


Entry = tuple[str, str, tuple[int, ...], int, int]


def _refuse(path: Path, reason: str, field: str | None = None) -> NoReturn:
    step = "fetch or write the file again; a change on the way to this trainer is likely"
    raise TrainerError(Fault("config", reason, step, file=str(path), field=field))


def _header(file: BinaryIO, path: Path) -> tuple[list[Entry], dict[str, str], int]:
    """Entries in the header's order, metadata, and bytes of the values."""
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(8)
    if len(start) < 8:
        _refuse(path, "is no safetensors file: it has less than 8 bytes")
    (length,) = struct.unpack("<Q", start)
    if length > min(size - 8, limits.HEADER_BYTES):
        _refuse(path, "is no safetensors file: the header's length does not fit")
    try:
        header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"its header is no JSON: {error}")
    if not isinstance(header, dict):
        _refuse(path, "its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
        _refuse(path, "its metadata are no texts")
    entries: list[Entry] = []
    for name, entry in header.items():
        shape = entry.get("shape") if isinstance(entry, dict) else None
        offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
        if not (
            isinstance(shape, list)
            and isinstance(offsets, list)
            and len(offsets) == 2
            and all(type(one) is int and one >= 0 for one in [*shape, *offsets])
        ):
            _refuse(path, "its entry in the header is malformed", name)
        dtype = str(entry.get("dtype"))
        if dtype not in DTYPES:
            _refuse(path, f"has the type {dtype[:20]}, which is not read", name)
        if offsets[1] - offsets[0] != math.prod(shape) * DTYPES[dtype].itemsize:
            _refuse(path, "its place in the file does not fit its shape", name)
        entries.append((name, dtype, tuple(shape), offsets[0], offsets[1]))
    end = 0
    for name, _, _, first, last in sorted(entries, key=lambda entry: (entry[3], entry[4])):
        if first != end:
            _refuse(path, "leaves a gap or overlaps another tensor", name)
        end = last
    if end != size - 8 - length:
        _refuse(path, f"has {size - 8 - length} bytes of values, its header names {end}")
    return entries, metadata, 8 + length


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice")
    return result


def _read(path: Path, most: int, wanted: dict[str, tuple[str, tuple[int, ...]]] | None) -> tuple[Named, dict[str, str]]:
    named: Named = {}
    with open_input(path, most) as file:
        entries, metadata, start = _header(file, path)
        if wanted is not None:
            found = {name for name, _, _, _, _ in entries}
            for name in wanted:
                if name not in found:
                    _refuse(path, "lacks this tensor", name)
        for name, dtype, shape, first, _ in entries:
            if wanted is not None:
                if name not in wanted:
                    _refuse(path, "has a tensor that the model does not have", name)
                if wanted[name] != (dtype, shape):
                    _refuse(
                        path, f"is {dtype} {list(shape)}, the model has {wanted[name][0]} {list(wanted[name][1])}", name
                    )
            array = np.empty(shape, dtype=DTYPES[dtype])
            file.seek(start + first)
            view = array.reshape(-1).view(np.uint8).data
            if file.readinto(view) != len(view):
                _refuse(path, "became shorter while it was read", name)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                _refuse(path, "has values that are not finite", name)
            named[name] = array
    return named, {str(key): str(text) for key, text in metadata.items()}
