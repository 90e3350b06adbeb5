"""ristretto255, the group of prime order that everything is encrypted in (RFC 9496; crypto.md, Bases and Keys)."""

from __future__ import annotations

from .codec import b2, transcript
from .edwards import ROOT, D, L, P, Point, add, linear, minus, root_ratio, times, times8, times_base
from .faults import need

SQRT_AD_1 = 25063068953384623474111414158702152701244531502492656460079210482610430750235
INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578


def decode_point(data: bytes) -> Point:
    """A canonical encoding that is not the identity (RFC 9496, 4.3.1; crypto.md, Keys)."""
    s = int.from_bytes(data, "little")
    need(len(data) == 32 and s < P and s & 1 == 0 and s != 0, "an encoding that is no group element")
    u1, u2 = (1 - s * s) % P, (1 + s * s) % P
    u2u2 = u2 * u2 % P
    v = (-D * (u1 * u1 % P) - u2u2) % P
    square, root = root_ratio(1, v * u2u2 % P)
    x = 2 * s * root % P * u2 % P
    x = P - x if x & 1 else x
    y = u1 * root % P * root % P * u2 % P * v % P
    t = x * y % P
    need(square and t & 1 == 0 and y != 0, "an encoding that is no group element")
    return x, y, 1, t


def encode_point(p: Point) -> bytes:
    """The one encoding of an element (RFC 9496, 4.3.2)."""
    x, y, z, t = p
    u1, u2 = (z + y) * (z - y) % P, x * y % P
    _, root = root_ratio(1, u1 * u2 % P * u2 % P)
    d1, d2 = root * u1 % P, root * u2 % P
    inverse = d1 * d2 % P * t % P
    if t * inverse % P & 1:
        x, y, d2 = y * ROOT % P, x * ROOT % P, d1 * INVSQRT_A_MINUS_D % P
    if x * inverse % P & 1:
        y = P - y
    s = d2 * (z - y) % P
    return (P - s if s & 1 else s).to_bytes(32, "little")


def equal(p: Point, q: Point) -> bool:
    """Whether two points are one element (RFC 9496, 4.3.3)."""
    return (p[0] * q[1] - p[1] * q[0]) % P == 0 or (p[1] * q[1] - p[0] * q[0]) % P == 0


def elligator(data: bytes) -> Point:
    """MAP of 32 bytes (RFC 9496, 4.3.4)."""
    t = int.from_bytes(data, "little") % 2**255 % P
    r = ROOT * t * t % P
    u = (r + 1) * (1 - D * D) % P
    v = (-1 - r * D) * (r + D) % P
    square, s = root_ratio(u, v)
    c = P - 1
    if not square:
        s, c = -(s * t % P if s * t % P & 1 == 0 else P - s * t % P) % P, r
    n = (c * (r - 1) * (D - 1) ** 2 - v) % P
    w = 2 * s * v % P, n * SQRT_AD_1 % P, (1 - s * s) % P, (1 + s * s) % P
    return w[0] * w[3] % P, w[2] * w[1] % P, w[1] * w[3] % P, w[0] * w[2] % P


def hash_to_point(wide: bytes) -> Point:
    """The one-way map of 64 bytes (RFC 9496, 4.3.4)."""
    return add(elligator(wide[:32]), elligator(wide[32:]))


def scalar(data: bytes, what: str) -> int:
    """A canonical scalar (RFC 9496, 4.4)."""
    n = int.from_bytes(data, "little")
    need(n < L, "%s is no canonical scalar" % what)
    return n


def challenge(*parts: bytes | str | int) -> int:
    """H512 of the parts, reduced (crypto.md, Transcripts)."""
    return int.from_bytes(transcript(*parts, size=64), "little") % L


def proves(key: Point, commitment: Point, c: int, z: int) -> bool:
    """Whether z answers the challenge c for the secret of a key: z*G - c*key is the commitment (crypto.md, Encrypting)."""
    return equal(add(times_base(z), linear((c, minus(key)))), commitment)


def check_key(proof: bytes, key: bytes, statement: bytes) -> None:
    """Knowledge of the secret of a ristretto255 key, bound to a statement (registry.md, Transactions)."""
    point, first = decode_point(key), decode_point(proof[:32])
    z = scalar(proof[32:], "a proof of a key")
    c = challenge("meshnode/key-proof/1", key, statement, proof[:32])
    need(proves(point, first, c, z), "a key that its sender has not proven to hold")


def mask_base() -> Point:
    """Hb, whose logarithm nobody knows (crypto.md, Bases)."""
    return times8(times(pow(8, L - 2, L), hash_to_point(b2(b"meshnode/nddfe/v1/H", 64))))
