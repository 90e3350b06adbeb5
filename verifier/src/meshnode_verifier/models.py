"""Model files, byte for byte (learning.md, Model content)."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from typing import NamedTuple

from .codec import u64
from .faults import Fault, need


class Tensor(NamedTuple):
    """A tensor of binary32 numbers."""

    shape: list[int]
    values: list[float]


def tensors(data: bytes) -> dict[str, Tensor]:
    """The tensors of a model file, by name in the order of their bytes (learning.md, Model content)."""
    try:
        (size,) = struct.unpack("<Q", data[:8])
        need(size <= len(data) - 8, "a model without a whole header")
        records = json.loads(data[8 : 8 + size])
        found = {}
        for name in sorted(records, key=str.encode):
            one = records[name]
            (begin, end), shape = one["data_offsets"], list(one["shape"])
            need(one["dtype"] == "F32" and 0 <= begin <= end <= len(data) - 8 - size, "a tensor that is not F32")
            need(end - begin == 4 * math.prod(shape), "a tensor of another length than its shape")
            values = struct.unpack("<%df" % math.prod(shape), data[8 + size + begin : 8 + size + end])
            found[name] = Tensor(shape, list(values))
        return found
    except (ValueError, TypeError, KeyError, AttributeError, struct.error, RecursionError):
        raise Fault("a model that is no file of tensors") from None


def model_file(found: Mapping[str, Tensor]) -> bytes:
    """The canonical file of tensors (learning.md, Model content)."""
    ordered = sorted(found.items(), key=lambda pair: pair[0].encode())
    head, offset = [], 0
    for name, (shape, values) in ordered:
        end = offset + 4 * len(values)
        record = '%s:{"dtype":"F32","shape":[%s],"data_offsets":[%d,%d]}'
        head.append(record % (json.dumps(name), ",".join(map(str, shape)), offset, end))
        offset = end
    text = ("{" + ",".join(head) + "}").encode()
    text += b" " * (-len(text) % 8)
    return u64(len(text)) + text + b"".join(struct.pack("<%df" % len(v), *v) for _, (_, v) in ordered)
