"""Trees of hashes over elements and chunks (crypto.md, Merkle trees)."""

from __future__ import annotations

from collections.abc import Sequence

from .codec import b2, u32


def tagged(name: str, data: bytes) -> bytes:
    """A hash of a leaf or of a node (crypto.md, Merkle trees)."""
    return b2(bytes([len(name)]) + name.encode() + data)


def root(domain: str, payloads: Sequence[bytes]) -> bytes:
    """The root over all leaves (crypto.md, Merkle trees)."""
    level = [tagged(domain + "/leaf", u32(i) + u32(len(payloads)) + one) for i, one in enumerate(payloads)]
    while len(level) > 1:
        pairs = [tagged(domain + "/node", level[i] + level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0]


def root_of_path(domain: str, index: int, count: int, payload: bytes, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its siblings give (crypto.md, Merkle trees); None when their number does not fit."""
    node, left = tagged(domain + "/leaf", u32(index) + u32(count) + payload), list(path)
    while count > 1:
        if index ^ 1 < count:
            if not left:
                return None
            other = left.pop(0)
            node = tagged(domain + "/node", node + other if index % 2 == 0 else other + node)
        index, count = index // 2, (count + 1) // 2
    return None if left else node
