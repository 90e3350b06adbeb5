"""Signed messages, each in the slot of its signer (wire.md, Envelope)."""

from __future__ import annotations

from dataclasses import dataclass

from . import ed25519
from .codec import Reader, ascending, blob, domain, u32, u64
from .faults import need
from .limits import PAYLOAD

# Kinds that this verifier reads (wire.md, Envelope).
PRECOMMIT, ANNOUNCEMENT, RECEIVED, READY, KEY_STATEMENT, OPINION, TRANSACTION, COMPLAINT, ABSENCE = 3, 4, 5, 6, 7, 9, 10, 11, 12
CLAIM, DISCLOSURE, SEED_OPENING, DIRECTION, REVEAL, SCORE_OPENING, OPENED = 13, 14, 15, 16, 17, 18, 19
# Two messages of one slot are evidence against their signer (consensus.md, Evidence).
EVIDENCE = (1, 2, 3, 4, 5, 7, 9)


@dataclass(frozen=True)
class Envelope:
    """A signed message, with the bytes that are signed (wire.md, Envelope)."""

    network: bytes
    kind: int
    chain: bytes
    major: int
    minor: int
    signer: bytes
    payload: bytes
    signed: bytes
    sig: bytes

    @property
    def slot(self) -> tuple[int, bytes, int, int, bytes]:
        """The place that a signer may fill once (wire.md, Envelope)."""
        return self.kind, self.chain, self.major, self.minor, self.signer


def signed_bytes(network: bytes, kind: int, chain: bytes, major: int, minor: int, signer: bytes, payload: bytes) -> bytes:
    """What a signature of an envelope is over (wire.md, Envelope)."""
    return domain(1) + network + bytes([kind]) + chain + u64(major) + u32(minor) + signer + blob(payload)


def envelope(r: Reader) -> Envelope:
    """Reads an envelope (wire.md, Envelope)."""
    start = r.at
    r.domain(1)
    network, kind, chain, major, minor, signer = r.id(), r.u8(), r.id(), r.u64(), r.u32(), r.id()
    payload = r.blob(PAYLOAD)
    need(1 <= kind <= 19, "an envelope of an unknown kind")
    return Envelope(network, kind, chain, major, minor, signer, payload, r.data[start : r.at], r.sig())


def envelopes_by_signer(r: Reader, most: int, what: str) -> list[Envelope]:
    """Envelopes in ascending order of signer, one each (wire.md, Bodies)."""
    found = r.many(envelope, most)
    ascending([e.signer for e in found], what)
    return found


def check_envelope(e: Envelope, network: bytes) -> None:
    """That an envelope is of this network and signed by whom it names (wire.md, Envelope)."""
    need(e.network == network, "an envelope of another network")
    ed25519.check_signature(e.signer, e.sig, e.signed)
