"""Headers of blocks (wire.md, Block header)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reader, Reference
from .faults import need
from .identifiers import block_id
from .limits import BODY, PROOF

REGISTRY, MANIFEST, RESULT, VOID, CONTROL = range(5)


@dataclass(frozen=True)
class Header:
    """A block's header and id (wire.md, Block header)."""

    id: bytes
    chain: bytes
    height: int
    parent: bytes
    time: int
    author: bytes
    view: int
    kind: int
    round: int
    attempt: int
    body: Reference
    state: bytes
    payout: bytes
    next: bytes
    second: bytes
    proof: bytes


def header(data: bytes) -> Header:
    """Reads a whole header (wire.md, Block header)."""
    r = Reader(data)
    r.domain(2)
    h = Header(
        block_id(data), chain=r.id(), height=r.u64(), parent=r.id(), time=r.time(), author=r.id(), view=r.u32(), kind=r.u8(),
        round=r.u32(), attempt=r.u16(), body=r.ref(), state=r.id(), payout=r.id(), next=r.id(), second=r.id(),
        proof=r.blob(PROOF),
    )
    r.end()
    need(h.kind <= CONTROL and h.body.length <= BODY, "a header of another form")
    return h


def embedded_header(r: Reader) -> Header:
    """A header that stands between other fields (wire.md, Bodies)."""
    start = r.at
    probe = Reader(r.data, start)
    probe.domain(2)
    probe.take(32 + 8 + 32 + 8 + 32 + 4 + 1 + 4 + 2 + 40 + 32 * 4)
    probe.blob(PROOF)
    r.at = probe.at
    return header(r.data[start : r.at])
