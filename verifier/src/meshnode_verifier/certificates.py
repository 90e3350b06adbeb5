"""Who votes at a height, and the votes that decided it (consensus.md, Weights and Certificates)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import ed25519
from .blocks import Header
from .codec import Reader, ascending, transcript, u32, u64
from .envelopes import PRECOMMIT, signed_bytes
from .faults import need
from .limits import VOTERS


class Electorate:
    """The voters of a height, ascending, with total W, quorum Q and third T (consensus.md, Weights)."""

    def __init__(self, bonds: Iterable[tuple[bytes, int]]) -> None:
        best = sorted([(-w, k) for k, w in bonds if w >= 1])[:VOTERS]
        self.members = sorted((k, -w) for w, k in best)
        self.weight = dict(self.members)
        self.total = sum(self.weight.values())
        self.quorum = 2 * self.total // 3 + 1
        self.third = self.total // 3 + 1
        self.hash = transcript(
            "meshnode/electorate/1", u32(len(self.members)) + b"".join(k + u64(w) for k, w in self.members)
        )


@dataclass(frozen=True)
class Certificate:
    """Precommits of a block, each by the place of its voter (wire.md, Bodies)."""

    chain: bytes
    height: int
    view: int
    block: bytes
    votes: list[tuple[int, bytes]]


def certificate(r: Reader) -> Certificate:
    """Reads a certificate (wire.md, Bodies)."""
    r.domain(4)
    return Certificate(r.id(), r.u64(), r.u32(), r.id(), r.many(lambda r: (r.u8(), r.sig()), VOTERS))


def check_certificate(cert: Certificate, h: Header, electorate: Electorate, network: bytes) -> None:
    """That voters of a quorum's weight have precommitted the block (consensus.md, Certificates)."""
    need((cert.chain, cert.height, cert.block) == (h.chain, h.height, h.id), "certificate of another block")
    need(cert.view >= h.view, "a certificate of a view before its block was made")
    ascending([place for place, _ in cert.votes], "votes")
    weight = 0
    for place, sig in cert.votes:
        need(place < len(electorate.members), "an unknown voter")
        key, w = electorate.members[place]
        data = signed_bytes(network, PRECOMMIT, h.chain, h.height, cert.view, key, b"\x01" + h.id)
        ed25519.check_signature(key, sig, data)
        weight += w
    need(weight >= electorate.quorum, "precommits weigh %d of %d" % (weight, electorate.quorum))
