"""How things are named: by the hash of their bytes (wire.md, Names; content.md, Names)."""

from __future__ import annotations

import struct

from .codec import Reader, b2, id_list, transcript, u32
from .limits import CHUNK


def content_id(data: bytes, kind: int) -> bytes:
    """The cid of a content: the hash of the list of its chunks (content.md, Names)."""
    chunks = [data[i : i + CHUNK] for i in range(0, len(data), CHUNK)]
    hashes = [transcript("content chunk", chunk) for chunk in chunks]
    manifest = struct.pack("<HBBQBQ", 10, 1, kind, len(data), 0, len(data)) + id_list(hashes)
    return b2(manifest) if len(manifest) <= CHUNK else content_id(manifest, 0)


def block_id(header: bytes) -> bytes:
    """The id of a block (wire.md, Names)."""
    return transcript("meshnode/block/1", header)


def submission_id(payload: bytes) -> bytes:
    """The id of a submission: its header's hash (wire.md, Names)."""
    return transcript("meshnode/submission/1", payload)


def task_id(network: bytes, signed: bytes) -> bytes:
    """The id of a task, from the transaction that publishes it (wire.md, Names)."""
    return transcript("meshnode/task/1", network, transcript("meshnode/transaction/1", signed))


def registry_id(network: bytes) -> bytes:
    """The id of a network's registry chain (wire.md, Names)."""
    return transcript("meshnode/registry/1", network)


def network_id(genesis: bytes) -> bytes:
    """The id of a network: its genesis' hash (wire.md, Names).

    Of a fork without its proofs: they are signatures under this very id (registry.md, Forks).
    """
    r = Reader(genesis)
    r.take(5)
    r.blob()
    r.take(8)
    bare = genesis[: r.at]
    count = r.u32()
    bare += u32(count)
    for _ in range(count):
        bare += r.take(80) + b"\0"
        if r.flag():
            r.take(128)
    rest = r.data[r.at :]
    # Parameters have 33 bytes; what follows them is a fork's.
    return transcript("meshnode/network/1", bare + rest if len(rest) > 33 else genesis)
