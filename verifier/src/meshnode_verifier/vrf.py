"""ECVRF-RISTRETTO255-SHA512: the random value that a proposer cannot choose (RFC 9381; consensus.md, Order)."""

from __future__ import annotations

import hashlib

from .codec import transcript, u64
from .edwards import add, linear, minus, times_base
from .faults import need
from .ristretto import decode_point, encode_point, hash_to_point, scalar

SUITE = b"\xffc2sp.org/vrf-r255"


def proof_to_hash(proof: bytes) -> bytes:
    """The output of a proof (RFC 9381, 5.2): it goes into the next beacon."""
    return hashlib.sha512(SUITE + b"\x03" + proof[:32] + b"\x00").digest()


def check(key: bytes, data: bytes, proof: bytes) -> None:
    """That a proof of 80 bytes is the key's for the data (RFC 9381, 5.3)."""
    public, gamma = decode_point(key), decode_point(proof[:32])
    c, s = int.from_bytes(proof[32:48], "little"), scalar(proof[48:80], "an election proof")
    point = hash_to_point(hashlib.sha512(SUITE + b"\x82" + key + data).digest())
    first = add(times_base(s), linear((c, minus(public))))
    second = linear((s, point), (c, minus(gamma)))
    parts = key + encode_point(point) + proof[:32] + encode_point(first) + encode_point(second)
    wanted = hashlib.sha512(SUITE + b"\x02" + parts + b"\x00").digest()[:16]
    need(c == int.from_bytes(wanted, "little"), "an election proof of another key")


def check_election(chain: bytes, height: int, proof: bytes, key: bytes, beacon: bytes) -> None:
    """The election proof of a block: over chain, beacon and height (consensus.md, Order)."""
    check(key, transcript("meshnode/election/1", chain, beacon, u64(height)), proof)
