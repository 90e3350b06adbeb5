"""The chain of one task, block by block (rounds.md, State and Every block)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from . import control, manifest, result, void
from .accounts import TaskRecord
from .blocks import CONTROL, MANIFEST, REGISTRY, RESULT, VOID, Header
from .certificates import Certificate, check_certificate
from .codec import Reader, domain, id_list, transcript, u16, u32, u64
from .election import beacon_after, shuffle
from .envelopes import Envelope, check_envelope
from .faults import Fault, need
from .payouts import COMPLETE, FAILED, Entry, PayoutTable
from .registry import Registry
from .spec import CONTRIBUTION
from .submissions import Announcement
from .task_state import (
    ATTEMPTS, COLLECTING, ENDED, KEYS, QUALITY, SHORT_OF_HOLDERS, DecidedSet, OpenScores, Pairs, Repeat, Result, ScoredRound,
    Scores, pairs,
)

class Task:
    """A task's state after the blocks that it took (rounds.md, State)."""

    def __init__(self, registry: Registry, t: TaskRecord) -> None:
        if t.block is None or t.beacon is None or t.anchor is None:
            raise Fault("a task that has not started")
        self.registry, self.network, self.record, self.spec = registry, registry.network, t, t.spec
        self.chain, self.head, self.height, self.time = t.id, t.block, 0, t.published
        self.beacon = self.round_beacon = t.beacon
        self.electorate = registry.members(t)
        self.enrolments = {e.key: e for e in t.members}
        self.publisher_alone = self.spec.holders == 1
        self.holder_order = shuffle(self.electorate.members, self.beacon, "holders")
        self.holders = [t.publisher] if self.publisher_alone else self.holder_order[: self.spec.holders]
        self.former: list[bytes] = []
        # Whether a holder's place has nobody left for it.
        self.short = False
        self.round, self.attempt, self.keyed, self.unkeyed, self.rejections = 1, 0, 0, 0, 0
        self.phase, self.phase_bytes = COLLECTING, b"\x01"
        self.paused, self.order = False, 0
        # Sets that this round decided, the buckets of the latest, and the members whose next attempt repeats.
        self.sets: list[list[bytes]] = []
        self.buckets: list[list[bytes]] = []
        self.resubmits: Pairs = []
        self.current: DecidedSet | None = None
        self.evicted: set[bytes] = set()
        self.condemned: set[bytes] = set()
        self.model = self.spec.initial
        members = sorted(self.enrolments)
        self.table = PayoutTable(entries=[Entry(k) for k in members])
        # Scored rounds that are left; the direction's commitment: None while the round waits, empty where there is none.
        self.left = self.spec.scored
        self.direction: bytes | None = None
        self.open: OpenScores | None = None
        self.scored: list[Scores] = []
        # Budgets of the rounds that a member aggregated.
        self.authored = dict.fromkeys(members, 0)
        self.anchors = [t.anchor]
        self.ids = [self.head]
        self.earlier: dict[bytes, Announcement] = {}
        # The first view of the present height in which a deadline may be decided.
        self.late = 0
        self.subsets = self.spec.subsets
        # For what lies behind the blocks: results, repeated vectors and openings.
        self.results: list[Result] = []
        self.repeats: list[Repeat] = []
        self.openings: list[ScoredRound] = []
        # Heights of blocks that rest on what is not in the file, and what that is.
        self.lacking: list[tuple[int, str]] = []
        # Contents in the order in which blocks name them, with their kinds.
        self.named: list[tuple[bytes, int]] = []
        # Every announcement that a MANIFEST carries, with its height; those whose body was checked, and found right.
        self.carried: list[tuple[int, Announcement]] = []
        self.sound: set[bytes] = set()

    # Holders and components.

    def sealing_key(self, holder: bytes) -> bytes:
        """The key that seeds are sealed to (rounds.md, State)."""
        return self.record.sealing if self.publisher_alone else self.enrolments[holder].sealing

    def components_of(self, place: int) -> list[int]:
        """Components that a holder knows (crypto.md, Holders and components)."""
        return [a for a, excluded in enumerate(self.subsets) if place not in excluded]

    def holders_of(self, component: int) -> list[int]:
        """Holders that know a component (crypto.md, Holders and components)."""
        return [p for p in range(self.spec.holders) if p not in self.subsets[component]]

    def sums(self) -> list[list[bytes]]:
        """The members of each sum of the present set: all, or bucket by bucket (rounds.md, 2. MANIFEST)."""
        if self.buckets or self.current is None:
            return self.buckets
        return [[k for k, _ in self.current.members]]

    def context(self) -> bytes:
        """ctx of the present attempt (crypto.md, ctx)."""
        s = self.spec
        roster = u32(len(self.enrolments)) + b"".join(
            k + self.enrolments[k].bytes + bytes([k in self.evicted]) for k in sorted(self.enrolments)
        )
        policy = struct.pack(
            "<HBqBqIIIB", 20, 1, s.B, s.packing, s.radix, s.coordinates(self.round), s.maximum, s.smallest, s.encoding
        )
        policy += u64(s.clip) + u32(s.range) + bytes([s.threshold])
        policy += u32(len(self.holders)) + b"".join(k + self.sealing_key(k) for k in self.holders)
        policy += b"\x01" + self.direction if self.direction else b"\x00"
        return transcript(
            "meshnode/context/1", self.network, self.chain, transcript("meshnode/spec/1", s.bytes), self.round,
            self.attempt, roster, self.model.encoded(), policy,
        )

    # Blocks.

    def block(self, h: Header, body: bytes, cert: Certificate) -> None:
        """Takes a block (rounds.md, Every block)."""
        need(h.height == self.height + 1 and h.parent == self.head and h.time > self.time, "does not follow")
        need(self.phase != ENDED, "a block after the end")
        need(h.kind != REGISTRY and h.next == h.second == bytes(32), "a task block that names electorates")
        if h.kind != CONTROL:
            need(self.implied() is None, "decided blocks imply another control")
            need(not self.paused, "a block of a paused task")
            waits = self.phase == COLLECTING and self.direction is None and self.is_scored()
            need(not waits, "a scored round waits for its direction")
        order = self.proposers()
        need(h.author == order[h.view % len(order)], "another proposer")
        need((h.round, h.attempt) == (self.round, self.attempt), "another round")
        self.registry.check_election(h, self.beacon, self.enrolments[h.author].election)
        check_certificate(cert, h, self.electorate, self.network)
        self.late = self.first_void_view(order)
        self.height, self.head, self.time = h.height, h.id, h.time
        self.ids.append(h.id)
        self.beacon = beacon_after(self.beacon, h)
        r = Reader(body)
        {MANIFEST: manifest.take, RESULT: result.take, VOID: void.take, CONTROL: control.take}[h.kind](self, h, r)
        r.end()
        need(h.payout == self.table.root(), "another payout root")
        need(h.state == self.root(), "another state root")

    def implied(self) -> bytes | None:
        """The body of the CONTROL that decided blocks imply; None without one (rounds.md, 7. CONTROL)."""
        s = self.spec
        if self.rejections >= 3:
            return bytes([FAILED, QUALITY])
        if self.round > s.rounds or s.target > 0 and self.table.accuracy >= s.target:
            return bytes([COMPLETE])
        if self.phase == COLLECTING and self.keyed >= 3:
            return bytes([FAILED, ATTEMPTS])
        return bytes([FAILED, SHORT_OF_HOLDERS]) if self.short else None

    def proposers(self) -> list[bytes]:
        """Who proposes in which view: holders last (consensus.md, Order; rounds.md, Every block)."""
        drawn = shuffle(self.electorate.members, self.beacon, "proposers")
        last = [] if self.publisher_alone else self.holders
        return [k for k in drawn if k not in last] + [k for k in drawn if k in last]

    def first_void_view(self, order: Sequence[bytes]) -> int:
        """The first view in which a deadline may be decided (rounds.md, 6. VOID)."""
        weight = 0
        for view, key in enumerate(order):
            if weight >= self.electorate.third:
                return max(3, view)
            weight += self.electorate.weight[key]
        return max(3, len(order))

    def message(
        self, e: Envelope, kind: int, signers: Iterable[bytes] | None, what: str, place: tuple[int, int] | None = None
    ) -> Reader:
        """A signed message of the present attempt, or of `place` (major, minor): its payload (wire.md, Envelope)."""
        check_envelope(e, self.network)
        wanted = (kind, self.chain) + (place or (self.round, self.attempt))
        need((e.kind, e.chain, e.major, e.minor) == wanted, "%s of another place" % what)
        need(signers is None or e.signer in signers, "%s of somebody who may not" % what)
        return Reader(e.payload)

    # What every kind of block changes.

    def is_scored(self) -> bool:
        """Whether the present round is one of those whose members are scored (rounds.md, 8. Scored rounds)."""
        if self.spec.rule != CONTRIBUTION or self.left == 0 or self.round > self.spec.rounds:
            return False
        seed = transcript("round", self.round, self.round_beacon)
        drawn = int.from_bytes(transcript("meshnode/scored-round/1", seed)[:8], "little")
        return drawn % (self.spec.rounds - self.round + 1) < self.left

    def collect(self) -> None:
        """Members may announce again (rounds.md, State)."""
        self.phase, self.phase_bytes, self.current = COLLECTING, b"\x01", None

    def decide(self, found: DecidedSet) -> None:
        """A set is decided; its keys are next (rounds.md, State)."""
        self.phase, self.current = KEYS, found
        self.phase_bytes = b"\x02" + pairs(found.members)

    def end(self, outcome: tuple[int, ...]) -> None:
        """The task has ended (rounds.md, 7. CONTROL)."""
        self.table.outcome = outcome
        self.phase, self.phase_bytes = ENDED, b"\x03" + bytes(outcome)

    def evict(self, keys: Iterable[bytes]) -> None:
        """Who is proven bad submits no more (rounds.md, 6. VOID)."""
        self.evicted |= set(keys) | self.condemned
        self.condemned = set()

    def replace(self, keys: Iterable[bytes], unanswered: int) -> None:
        """Holders that lied or fell silent give way to the next of the shuffle (rounds.md, 6. VOID)."""
        left = 0
        for place, key in enumerate(self.holders):
            if key not in keys:
                continue
            taken = self.holders + self.former
            free = [k for k in self.holder_order if k not in taken and k not in self.evicted]
            if len(self.former) < self.spec.threshold and free:
                self.former.append(key)
                self.holders[place] = free[0]
            else:
                left += 1
        self.short = self.short or left > unanswered

    def root(self) -> bytes:
        """The state root (rounds.md, State)."""
        out = domain(11) + self.chain + u64(self.height) + self.beacon + self.round_beacon
        out += u32(self.round) + u16(self.attempt) + u32(self.keyed) + u32(self.unkeyed) + self.phase_bytes
        out += self.model.encoded() + u32(len(self.sets)) + b"".join(map(id_list, self.sets))
        out += id_list(sorted(self.evicted))
        out += u32(self.rejections) + self.table.encoded() + u32(self.table.accuracy)
        out += bytes([self.paused]) + u32(self.order) + id_list(self.holders) + id_list(self.former) + bytes([self.short])
        out += id_list(sorted(self.condemned)) + pairs(self.resubmits)
        out += u32(self.left)
        out += b"\x00" if self.direction is None else b"\x02" + self.direction if self.direction else b"\x01"
        out += bytes([self.open is not None])
        if self.open:
            out += u32(self.open.round) + self.open.commitment + pairs(self.open.members)
        out += u32(len(self.scored))
        for one in self.scored:
            out += u32(one.round) + (b"\x01" + one.direction.encoded() if one.direction else b"\x00") + u32(len(one.entries))
            for key, score in one.entries:
                out += key + (b"\x00" if score is None else b"\x01" + struct.pack("<q", score))
        out += u32(len(self.authored)) + b"".join(u64(self.authored[k]) for k in sorted(self.authored))
        out += u32(len(self.anchors)) + b"".join(u64(h) + a + b for h, a, b in self.anchors)
        if self.spec.is_robust:
            out += u32(len(self.buckets)) + b"".join(map(id_list, self.buckets))
        return transcript("meshnode/task-state/1", out)
