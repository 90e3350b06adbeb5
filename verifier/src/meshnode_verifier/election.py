"""Beacons, and the shuffle that they give (consensus.md, Order)."""

from __future__ import annotations

from collections.abc import Iterable

from . import vrf
from .blocks import Header
from .codec import transcript
from .faults import need


def shuffle(members: Iterable[tuple[bytes, int]], seed: bytes, domain: str) -> list[bytes]:
    """Keys in an order drawn by their weights (consensus.md, Order)."""
    counter = 0

    def below(bound: int) -> int:
        nonlocal counter
        limit = (2**64 - 1) - (2**64 - 1) % bound
        while True:
            value = int.from_bytes(transcript("meshnode/draw/1", domain, seed, counter)[:8], "big")
            counter += 1
            if value < limit:
                return value % bound

    left, order = sorted(members), []
    total = sum(w for _, w in left)
    while left:
        ticket, chosen = below(total), len(left) - 1
        for index, (_, w) in enumerate(left):
            if ticket < w:
                chosen = index
                break
            ticket -= w
        key, w = left.pop(chosen)
        total -= w
        order.append(key)
    return order


def beacon_after(previous: bytes, h: Header) -> bytes:
    """The beacon of the next height (consensus.md, Order)."""
    return transcript("meshnode/beacon/1", previous, h.height, vrf.proof_to_hash(h.proof) if h.proof else b"")


def check_election(h: Header, length: int, key: bytes, beacon: bytes) -> None:
    """The proof in a header, of the length that the genesis gives (consensus.md, Order)."""
    need(len(h.proof) == length, "election proof of another length")
    if length:
        vrf.check_election(h.chain, h.height, h.proof, key, beacon)
