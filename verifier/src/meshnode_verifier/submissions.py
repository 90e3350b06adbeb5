"""Announcements and the bodies that they name (wire.md, Submission; crypto.md, Encrypting)."""

from __future__ import annotations

from dataclasses import dataclass

from . import merkle
from .codec import Reader, Reference, transcript
from .edwards import SMALL_Y, D, P, Point
from .faults import need
from .limits import CHUNK, COMPONENTS, ELEMENTS, HOLDERS
from .ristretto import challenge, decode_point, proves, scalar
from .spec import RISTRETTO, Spec


@dataclass(frozen=True)
class Announcement:
    """A submission's header (wire.md, Submission)."""

    context: bytes
    round: int
    attempt: int
    submitter: bytes
    nonce: bytes
    commitments: list[bytes]
    ephemeral: bytes
    proof: bytes
    boxes: bytes
    count: int
    root: bytes
    body: Reference
    # The submission that it repeats, and the proof of that (crypto.md, The same vector).
    repeats: tuple[bytes, bytes] | None
    bytes: bytes


def announcement(data: bytes) -> Announcement:
    """Reads a whole announcement (wire.md, Submission)."""
    r = Reader(data)
    r.domain(7)
    a = Announcement(
        r.id(), r.u32(), r.u16(), r.id(), r.id(), r.many(Reader.id), r.id(), r.sig(), r.id(), r.u32(), r.id(), r.ref(),
        (r.id(), r.id()) if r.flag() else None, data,
    )
    r.end()
    need(len(a.commitments) <= COMPONENTS and a.count <= ELEMENTS, "an announcement beyond its limits")
    return a


def check_proof(a: Announcement) -> None:
    """Knowledge of t for E = t*G, bound to context, key, nonce, boxes and commitments (crypto.md, Encrypting, step 5)."""
    e, first = decode_point(a.ephemeral), decode_point(a.proof[:32])
    z = scalar(a.proof[32:], "a proof of t")
    c = challenge(
        "meshnode/nddfe/v1/seal-proof", a.ephemeral, a.context, a.submitter, a.nonce, a.boxes, *a.commitments, a.proof[:32]
    )
    need(proves(e, first, c, z), "an announcement that does not prove its t")


def element_points(data: bytes, s: Spec) -> list[Point]:
    """The points of encoded elements: 32 bytes of ristretto255, or 64 of affine x and y, none of small order
    (crypto.md, Encrypting)."""
    if s.encoding == RISTRETTO:
        need(len(data) % 32 == 0, "elements of another length")
        return [decode_point(data[at : at + 32]) for at in range(0, len(data), 32)]
    need(len(data) % 64 == 0, "elements of another length")
    points: list[Point] = []
    for at in range(0, len(data), 64):
        x, y = int.from_bytes(data[at : at + 32], "little"), int.from_bytes(data[at + 32 : at + 64], "little")
        t = x * y % P
        if x >= P or y >= P or (y * y - x * x - 1 - D * t * t) % P:
            need(False, "an element that is no point")
        if y in SMALL_Y:
            need(False, "an element of small order")
        points.append((x, y, 1, t))
    return points


def body_points(data: bytes, a: Announcement, s: Spec) -> list[Point]:
    """The elements of a submission's body, checked against its announcement (wire.md, Submission)."""
    r = Reader(data)
    r.domain(8)
    boxes, elements = r.many(lambda r: r.blob(256), COMPONENTS * HOLDERS), r.blob()
    r.end()
    need(boxes_hash(boxes) == a.boxes, "other boxes than announced")
    shape = len(s.subsets) * (s.holders - s.threshold)
    need(len(boxes) == shape and all(len(box) == 48 for box in boxes), "boxes of another number or length")
    chunks = [elements[i : i + CHUNK] for i in range(0, len(elements), CHUNK)]
    need(merkle.root("meshnode/nddfe/v1/chunk", chunks) == a.root, "other elements than announced")
    need(len(elements) == s.point_bytes * a.count, "another number of elements")
    return element_points(elements, s)


def boxes_hash(boxes: list[bytes]) -> bytes:
    """What an announcement names of the boxes in its body (crypto.md, Encrypting, step 4)."""
    return transcript("meshnode/nddfe/v1/boxes", *boxes)
