"""What the registry holds: accounts and records of tasks (registry.md, State)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from .codec import id_list, u32, u64
from .payouts import PayoutTable
from .spec import Spec

# Orders of a publisher (registry.md, Transactions).
PAUSE, RESUME, STOP = 1, 2, 3


@dataclass
class Account:
    """Credits and bonds of a key; `slashed_below` is the height below which evidence has been paid for (registry.md, State)."""

    balance: int
    nonce: int = 0
    bonded: int = 0
    bond: int = 0
    key: bytes = bytes(32)
    # Credits, and the time from which they are free.
    unbonding: list[tuple[int, int]] = field(default_factory=list)
    slashed_below: int = 0
    reserve: int = 0

    @property
    def credits(self) -> int:
        """All that is this account's."""
        return self.balance + self.bonded + self.bond + self.reserve + sum(c for c, _ in self.unbonding)

    def encoded(self) -> bytes:
        """Its bytes in the state root (registry.md, State)."""
        out = u64(self.balance) + u64(self.nonce) + u64(self.bonded) + u64(self.bond) + self.key
        out += u32(len(self.unbonding)) + b"".join(u64(c) + u64(t) for c, t in self.unbonding)
        return out + u64(self.slashed_below) + u64(self.reserve)


@dataclass(frozen=True)
class Enrolment:
    """A member's enrolment in a task, with the height of its block and its bytes (registry.md, Transactions)."""

    key: bytes
    height: int
    sealing: bytes
    election: bytes
    rows: int
    bond: int
    bytes: bytes


class Anchor(NamedTuple):
    """A registry height with the hashes of the two electorates behind it (rounds.md, 7. CONTROL)."""

    height: int
    next: bytes
    second: bytes


class Settlement(NamedTuple):
    """The block of a task chain that was settled last, and its table (registry.md, Transactions)."""

    height: int
    block: bytes
    table: PayoutTable


@dataclass
class TaskRecord:
    """What the registry knows of a task (registry.md, State); `number` is its place in the order of publication."""

    id: bytes
    number: int
    spec: Spec
    publisher: bytes
    sealing: bytes
    published: int
    escrow: int
    deposit: int
    enrolled: list[Enrolment] = field(default_factory=list)
    # Of the Close's block: its height, its id, and the beacon of the second height after it.
    closed: int = 0
    block: bytes | None = None
    beacon: bytes | None = None
    anchor: Anchor | None = None
    orders: list[tuple[int, int]] = field(default_factory=list)
    cancelled: bool = False
    settled: Settlement | None = None
    target: int | None = None
    window: int | None = None
    paid: int | None = None
    released: bool = False
    slashed: list[bytes] = field(default_factory=list)
    ratings: list[tuple[bytes, int]] = field(default_factory=list)

    @property
    def expires(self) -> int:
        """When a task that has not ended does (registry.md, Blocks: timers)."""
        return self.published + self.spec.expiry

    @property
    def members(self) -> list[Enrolment]:
        """Who enrolled before the Close (registry.md, Opening a task)."""
        return [e for e in self.enrolled if e.height < self.closed]

    @property
    def has_ended(self) -> bool:
        """Whether a settlement says so (registry.md, Transactions)."""
        return self.settled is not None and self.settled.table.outcome[0] != 0

    @property
    def payable(self) -> PayoutTable | None:
        """The settled table, unless a revealed target was missed (registry.md, Transactions: Reveal)."""
        if self.settled is None or self.target is not None and self.settled.table.accuracy < self.target:
            return None
        return self.settled.table

    def timer(self, evidence_ms: int) -> int | None:
        """When time alone changes this task next (registry.md, Blocks: timers)."""
        if self.cancelled:
            return None
        if self.window is None:
            return self.expires
        if self.paid is None:
            return self.window
        return None if self.released else self.paid + evidence_ms

    def encoded(self) -> bytes:
        """Its record in the state root (registry.md, State)."""
        out = self.id + self.spec.bytes + self.publisher + u64(self.published) + u64(self.escrow) + u64(self.deposit)
        out += u32(len(self.enrolled)) + b"".join(e.key + u64(e.height) + e.bytes for e in self.enrolled)
        out += u64(self.closed)
        out += u32(len(self.orders)) + b"".join(u64(h) + bytes([a]) for h, a in self.orders)
        out += bytes([self.cancelled, self.settled is not None])
        if self.settled:
            out += u64(self.settled.height) + self.settled.block + self.settled.table.encoded()
        out += bytes([self.target is not None]) + u32(self.target or 0) + u64(self.window or 0) + u64(self.paid or 0)
        out += bytes([self.released]) + id_list(self.slashed)
        return out + u32(len(self.ratings)) + b"".join(key + bytes([stars]) for key, stars in self.ratings)
