"""The chain of accounts and tasks, block by block (registry.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from . import transactions
from .accounts import Account, Anchor, TaskRecord
from .blocks import REGISTRY, Header
from .certificates import Certificate, Electorate, check_certificate
from .codec import Reader, domain, transcript, u32, u64
from .election import beacon_after, check_election, shuffle
from .envelopes import envelope
from .faults import Fault, need
from .genesis import Genesis
from .identifiers import registry_id
from .limits import EPOCH, REGISTRY_BODY, TRANSACTIONS


class Registry:
    """The registry's state after the blocks that it took (registry.md, State)."""

    def __init__(self, data: bytes) -> None:
        self.genesis = genesis = Genesis(data)
        self.network, self.name, self.time = genesis.network, genesis.name, genesis.time
        self.accounts = {a.key: Account(a.balance, bond=a.bond, key=a.election) for a in genesis.accounts}
        self.settle_ms, self.evidence_ms, self.epoch_ms = genesis.settle_ms, genesis.evidence_ms, genesis.epoch_ms
        self.chain = registry_id(self.network)
        self.head, self.height = self.network, 0
        self.beacon = transcript("meshnode/beacon-0/1", self.network)
        # Electorates of this height and of the next.
        self.now = self.later = Electorate((k, a.bond) for k, a in self.accounts.items())
        # Ids of all blocks by height, and what was settled: chain, height, block, and the registry's height.
        self.ids = [self.network]
        self.settles: list[tuple[bytes, int, bytes, int]] = []
        self.tasks: list[TaskRecord] = []
        self.burned = 0
        # Since when a change of the electorate waits.
        self.since: int | None = None
        # Tasks that have left, their running digest, and sums of what their members did.
        self.departed: list[TaskRecord] = []
        self.ended = bytes(32)
        self.sums: dict[bytes, list[int]] = {}
        self.total = self.credits()
        self.deposit = self.total // 10_000 + 1
        self.reserve = self.total // max(1, 100_000 - len(self.accounts)) + 1

    def drawn(self) -> Electorate:
        """The electorate that all bonds give (registry.md, Blocks: epochs)."""
        e = Electorate((k, a.bond) for k, a in self.accounts.items())
        return e if e.members else self.later

    def credits(self) -> int:
        """All credits, which are those of the genesis at every height (registry.md, State)."""
        held = sum(a.credits for a in self.accounts.values())
        return held + sum(t.escrow + t.deposit for t in self.tasks) + self.burned

    def task(self, task: bytes) -> TaskRecord:
        """A task that has not left (registry.md, Blocks: leaving)."""
        for t in self.tasks:
            if t.id == task:
                return t
        raise Fault("an unknown task")

    def every_task(self) -> list[TaskRecord]:
        """Every task that was ever published, in that order."""
        return sorted(self.departed + self.tasks, key=lambda t: t.number)

    def members(self, t: TaskRecord) -> Electorate:
        """Who votes on a task's chain, by their bonds (registry.md, Opening a task)."""
        return Electorate((e.key, e.bond) for e in t.members)

    # Blocks.

    def block(self, h: Header, body: bytes, cert: Certificate) -> None:
        """Takes a block (registry.md, Blocks)."""
        need(h.chain == self.chain and h.kind == REGISTRY, "not a registry block")
        need(h.height == self.height + 1 and h.parent == self.head and h.time > self.time, "does not follow")
        need((h.round, h.attempt, h.payout) == (0, 0, bytes(32)), "a registry block with a round or payouts")
        order = shuffle(self.now.members, self.beacon, "proposers")
        need(h.author == order[h.view % len(order)], "another proposer")
        self.check_election(h, self.beacon, self.accounts[h.author].key)
        check_certificate(cert, h, self.now, self.network)
        due = self.is_due(h.time)
        self.begin(h.time)
        r = Reader(body)
        need(len(body) <= REGISTRY_BODY, "a registry body of %d bytes, at most %d" % (len(body), REGISTRY_BODY))
        found = r.many(envelope, TRANSACTIONS)
        r.end()
        need(found or due, "an empty block, though no height is due")
        for e in found:
            transactions.apply(self, e, h.height, h.time)
        drawn, second = self.drawn(), self.later
        if h.height % EPOCH == 0 or (self.since is not None and h.time >= self.since + self.epoch_ms):
            second = drawn
        need(h.next == self.later.hash and h.second == second.hash, "other electorates")
        need(h.state == self.root(), "another state root")
        need(self.credits() == self.total, "credits were made or lost")
        self.height, self.head, self.time = h.height, h.id, h.time
        self.ids.append(h.id)
        self.beacon = beacon_after(self.beacon, h)
        self.now, self.later = self.later, second
        self.since = None if drawn.hash == second.hash else self.since or h.time
        self.open_tasks(h)

    def check_election(self, h: Header, beacon: bytes, key: bytes) -> None:
        """The election proof of a block of this chain or of a task's (consensus.md, Order)."""
        check_election(h, self.genesis.proof_bytes, key, beacon)

    def open_tasks(self, h: Header) -> None:
        """The beacon of a task comes from the second height after its Close (registry.md, Opening a task)."""
        for t in self.tasks:
            if t.closed == h.height:
                t.block = h.id
            if t.closed and t.closed + 2 == h.height:
                t.beacon = transcript("task", t.id, self.beacon)
                t.anchor = Anchor(h.height, self.now.hash, self.later.hash)

    def timers(self) -> Iterator[int]:
        """When time alone changes something (registry.md, Blocks: timers)."""
        for a in self.accounts.values():
            if a.unbonding:
                yield a.unbonding[0][1]
        for t in self.tasks:
            at = t.timer(self.evidence_ms)
            if at is not None:
                yield at
        if self.since is not None:
            yield self.since + self.epoch_ms

    def is_due(self, time: int) -> bool:
        """Whether a block of this time would have something to do without any transaction (registry.md, Blocks: due)."""
        waits = any(t.closed and t.beacon is None for t in self.tasks)
        return self.now.hash != self.later.hash or waits or any(at <= time for at in self.timers())

    def begin(self, time: int) -> None:
        """What time does before the transactions of a block (registry.md, Blocks: timers and leaving)."""
        for key, a in self.accounts.items():
            votes = max(e.weight.get(key, 0) for e in (self.now, self.later))
            while a.unbonding and a.unbonding[0][1] <= time and votes <= a.bond:
                a.balance += a.unbonding.pop(0)[0]
        for t in self.tasks:
            while True:
                at = t.timer(self.evidence_ms)
                if at is None or at > time:
                    break
                self.timer_ended(t, time)
        for t in [t for t in self.tasks if t.released]:
            self.tasks.remove(t)
            self.accounts[t.publisher].balance += t.escrow + t.deposit
            record = transcript("meshnode/ended-task/1", t.encoded())
            self.ended = transcript("meshnode/ended/1", self.ended, record)
            self.departed.append(replace(t, escrow=0, deposit=0))
            self.add_sums(t)

    def timer_ended(self, t: TaskRecord, time: int) -> None:
        """The next of a task's timers: its window opens, it is paid, its bonds return (registry.md, Blocks: timers)."""
        if t.window is None:
            t.window = t.expires + self.settle_ms
        elif t.paid is None:
            t.paid = time
            for entry in t.payable.entries if t.payable else []:
                t.escrow -= entry.credits
                self.accounts[entry.key].balance += entry.credits
        else:
            self.release(t)

    def release(self, t: TaskRecord) -> None:
        """Bonds return, but for those that evidence took (registry.md, Blocks: timers)."""
        for e in t.enrolled:
            if e.key not in t.slashed:
                self.accounts[e.key].bonded -= e.bond
                self.accounts[e.key].balance += e.bond
        t.released = True

    def add_sums(self, t: TaskRecord) -> None:
        """What members did in a task that leaves: tasks, rounds, offered, aggregated, credits, slashes, ratings, stars
        (registry.md, Blocks: leaving)."""

        def change(key: bytes, *numbers: int) -> None:
            old = self.sums.get(key, [0] * 8)
            self.sums[key] = [min(2**64 - 1, a + b) for a, b in zip(old, numbers)]

        if t.paid is not None and t.settled:
            table = t.settled.table
            for e in table.entries:
                credits = e.credits if t.payable else 0
                change(e.key, 1 if e.rounds else 0, e.rounds, table.rounds, e.aggregated, credits, 0, 0, 0)
        for key in t.slashed:
            change(key, 0, 0, 0, 0, 0, 1, 0, 0)
        for key, stars in t.ratings:
            change(key, 0, 0, 0, 0, 0, 0, 1, stars)

    def root(self) -> bytes:
        """The state root (registry.md, State)."""
        out = domain(12) + u32(len(self.accounts))
        out += b"".join(key + self.accounts[key].encoded() for key in sorted(self.accounts))
        out += u64(self.burned) + u64(self.since or 0) + u32(len(self.tasks))
        out += b"".join(t.encoded() for t in self.tasks)
        out += u64(len(self.departed)) + self.ended + u32(len(self.sums))
        out += b"".join(key + b"".join(map(u64, self.sums[key])) for key in sorted(self.sums))
        return transcript("meshnode/registry-state/1", out)
