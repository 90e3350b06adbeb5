"""Signatures (RFC 8032, 5.1; wire.md, Envelope), with the rule of libsodium about which are refused."""

from __future__ import annotations

import hashlib

from .edwards import SMALL_Y, ZERO, D, L, P, Multiples, Point, add, affine, linear, minus, root_ratio, same, times, times_base
from .faults import Fault, need

# Keys that sign again and again have tables of their multiples; so many at most, each of about 300 KB.
TABLES, AFTER = 64, 4


class PublicKey:
    """A key that was decoded once, and how often it was asked."""

    def __init__(self, encoded: bytes) -> None:
        self.negative: Point | None = None
        self.asked = 0
        self.table: Multiples | None = None
        y = int.from_bytes(encoded, "little") % 2**255
        square, x = root_ratio((y * y - 1) % P, (D * y * y + 1) % P)
        if square:
            # The root is the even one; the negative of the point is kept.
            x = x if encoded[31] >> 7 else P - x
            self.negative = (x, y, 1, x * y % P)


_keys: dict[bytes, PublicKey] = {}
_tables = 0


def small_order(encoded: bytes) -> bool:
    """Whether 32 bytes name a point of order 1, 2, 4 or 8, whatever their sign bit."""
    return int.from_bytes(encoded, "little") % 2**255 % P in SMALL_Y


def is_key(key: bytes) -> bool:
    """Whether 32 bytes are a key that can sign: canonical, on the curve, of the prime order (registry.md, Transactions)."""
    y = int.from_bytes(key, "little") % 2**255
    if y >= P or small_order(key):
        return False
    square, x = root_ratio((y * y - 1) % P, (D * y * y + 1) % P)
    if not square:
        return False
    return same(times(L, (x, y, 1, x * y % P)), ZERO)


def check_signature(key: bytes, sig: bytes, data: bytes) -> None:
    """Ed25519 as libsodium has it (wire.md, Envelope): S below the order, no key or R of small order, no key that is not
    canonical, R compared as bytes (which refuses an R that is not canonical), no cofactor."""
    global _tables
    known = _keys.get(key)
    if known is None:
        canonical = int.from_bytes(key, "little") % 2**255 < P
        need(canonical and not small_order(key), "a key of small order or not canonical")
        known = _keys[key] = PublicKey(key)
    s = int.from_bytes(sig[32:], "little")
    need(s < L and not small_order(sig[:32]), "a signature of a form that is refused")
    k = int.from_bytes(hashlib.sha512(sig[:32] + key + data).digest(), "little") % L
    if known.negative is None:
        raise Fault("a signature of %s does not hold" % key.hex()[:8])
    known.asked += 1
    if known.table is None and known.asked > AFTER and _tables < TABLES:
        _tables += 1
        known.table = Multiples(known.negative)
    product = known.table.times(k) if known.table else linear((k, known.negative))
    x, y = affine(add(times_base(s), product))
    need((y | (x & 1) << 255).to_bytes(32, "little") == sig[:32], "a signature of %s does not hold" % key.hex()[:8])
