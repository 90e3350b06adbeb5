"""The twelve transactions of the registry: when each is valid, and what it does (registry.md, Transactions)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ed25519, ristretto
from .accounts import PAUSE, RESUME, STOP, Account, Enrolment, Settlement, TaskRecord
from .blocks import embedded_header
from .certificates import certificate, check_certificate
from .codec import Reader, transcript, u64
from .envelopes import EVIDENCE, TRANSACTION, Envelope, check_envelope, envelope
from .faults import Fault, need, present
from .identifiers import task_id
from .limits import ACCOUNTS, OPEN_TASKS, ORDERS, TASKS, UNBONDINGS
from .payouts import payout_table
from .spec import spec

if TYPE_CHECKING:
    from .registry import Registry


@dataclass(frozen=True)
class Place:
    """Where a transaction stands: its envelope, account, height and time."""

    e: Envelope
    a: Account
    height: int
    time: int


def apply(registry: Registry, e: Envelope, height: int, time: int) -> None:
    """Takes one transaction of a block (registry.md, Transactions)."""
    need((e.kind, e.chain, e.minor) == (TRANSACTION, registry.chain, 0), "not a transaction")
    check_envelope(e, registry.network)
    a = present(registry.accounts.get(e.signer), "a transaction of nobody")
    need(e.major == a.nonce, "nonce")
    a.nonce += 1
    r = Reader(e.payload)
    r.domain(16)
    EFFECTS[r.choice(*range(1, 13)) - 1](registry, r, Place(e, a, height, time))
    r.end()


def debit(a: Account, credits: int) -> None:
    need(a.balance >= credits, "a balance below zero")
    a.balance -= credits


def held(registry: Registry, use: str, account: bytes, content: bytes) -> bytes:
    """What the proof of a key says: its use, whose it is, and the rest of the transaction (registry.md, Transactions)."""
    return transcript("meshnode/key-use/1", use, registry.network, account, content)


def held_election(registry: Registry, use: str, account: bytes, key: bytes, proof: bytes, content: bytes) -> None:
    """The proof of an election key, which a network without election proofs may lack (registry.md, Transactions)."""
    if registry.genesis.proof_bytes == 0 and key == bytes(32):
        need(proof == bytes(64), "a proof of an election key without the key")
    else:
        ristretto.check_key(proof, key, held(registry, use, account, content))


def publish(registry: Registry, r: Reader, at: Place) -> None:
    """1 Publish: a task with its reward (registry.md, Transactions)."""
    s, sealing, proof = spec(r), r.id(), r.sig()
    publisher = at.e.signer
    ristretto.check_key(proof, sealing, held(registry, "publish/sealing", publisher, s.bytes))
    need(len(registry.tasks) < TASKS, "too many tasks")
    need(all(ed25519.is_key(member) for member in s.members), "an invitation to the key of no node")
    unfinished = [t for t in registry.tasks if t.publisher == publisher and t.window is None and not t.cancelled]
    need(len(unfinished) < OPEN_TASKS, "too many open tasks of one account")
    debit(at.a, s.reward)
    debit(at.a, registry.deposit)
    registry.tasks.append(
        TaskRecord(
            task_id(registry.network, at.e.signed), len(registry.tasks) + len(registry.departed), s, publisher, sealing,
            published=at.time, escrow=s.reward, deposit=registry.deposit,
        )
    )


def enrol(registry: Registry, r: Reader, at: Place) -> None:
    """2 Enrol: a member with its keys and bond (registry.md, Transactions)."""
    start = r.at
    task, sealing, election, rows, form, bond = r.id(), r.id(), r.id(), r.u32(), r.id(), r.u64()
    stated = r.data[start : r.at]
    proofs = r.sig(), r.sig()
    t, key = registry.task(task), at.e.signer
    s = t.spec
    need(not t.cancelled and not t.closed and at.time < t.expires, "an enrolment in a task that takes none")
    need(all(one.key != key for one in t.enrolled) and key not in t.slashed, "enrolled twice, or after a fault")
    need(len(t.enrolled) < s.maximum, "an enrolment in a full task")
    need(not s.members or key in s.members, "an enrolment without an invitation")
    need(rows >= s.least_rows, "an enrolment with too few rows")
    need(form == s.form, "an enrolment with another data form")
    need(bond >= max(1, s.bond), "an enrolment with too small a bond")
    ristretto.check_key(proofs[0], sealing, held(registry, "enrol/sealing", key, stated))
    held_election(registry, "enrol/election", key, election, proofs[1], stated)
    debit(at.a, bond)
    at.a.bonded += bond
    t.enrolled.append(Enrolment(key, at.height, sealing, election, rows, bond, r.data[start : r.at]))


def close(registry: Registry, r: Reader, at: Place) -> None:
    """3 Close: the members are complete (registry.md, Transactions and Opening a task)."""
    t = registry.task(r.id())
    need(not t.closed and not t.cancelled, "closed twice")
    need(all(one.height < at.height for one in t.enrolled), "closed in the block of an enrolment")
    s, count = t.spec, len(t.enrolled)
    full = count >= s.maximum or count >= s.minimum and at.time >= t.published + s.enrol
    need(at.time < t.expires and full, "closed before its time")
    t.closed = at.height


def transfer(registry: Registry, r: Reader, at: Place) -> None:
    """4 Transfer: credits, and an account for them where there is none (registry.md, Transactions)."""
    to, credits = r.id(), r.u64()
    if to == at.e.signer:
        need(credits == 0, "a transfer to oneself")
        return
    need(credits > 0, "a transfer of nothing")
    need(to in registry.accounts or len(registry.accounts) < ACCOUNTS, "too many accounts")
    need(to in registry.accounts or ed25519.is_key(to), "a transfer to the key of no node")
    debit(at.a, credits)
    if to not in registry.accounts:
        need(credits >= registry.reserve, "an account for less than its reserve")
        registry.accounts[to] = Account(-registry.reserve, reserve=registry.reserve)
    registry.accounts[to].balance += credits


def bond(registry: Registry, r: Reader, at: Place) -> None:
    """5 Bond: weight among the validators (registry.md, Transactions)."""
    credits, key, proof = r.u64(), r.id(), r.sig()
    signer, a = at.e.signer, at.a
    need(credits > 0, "a bond of nothing")
    held_election(registry, "bond/election", signer, key, proof, u64(credits))
    debit(a, credits)
    new = a.bond == 0 and signer not in registry.now.weight and signer not in registry.later.weight
    need(new or a.key == key, "another election key")
    a.bond += credits
    a.key = key


def unbond(registry: Registry, r: Reader, at: Place) -> None:
    """6 Unbond: of a validator's bond, or of an enrolment before the Close (registry.md, Transactions)."""
    signer, a = at.e.signer, at.a
    if r.choice(1, 2) == 1:
        credits = r.u64()
        others = any(x.bond > 0 for k, x in registry.accounts.items() if k != signer)
        need(0 < credits <= a.bond and (credits < a.bond or others), "more unbonded than may be")
        need(len(a.unbonding) < UNBONDINGS, "too many parts unbond")
        a.bond -= credits
        a.unbonding.append((credits, at.time + registry.epoch_ms + registry.evidence_ms))
        return
    t = registry.task(r.id())
    mine = [one for one in t.enrolled if one.key == signer]
    free = not t.closed and not t.released and not t.cancelled
    need(free and len(mine) == 1, "leaves a task that it is not in")
    t.enrolled.remove(mine[0])
    if signer not in t.slashed:
        a.bonded -= mine[0].bond
        a.balance += mine[0].bond


def order(registry: Registry, r: Reader, at: Place) -> None:
    """7 Control: the publisher pauses, resumes or stops (registry.md, Transactions)."""
    t, sequence, action = registry.task(r.id()), r.u32(), r.choice(PAUSE, RESUME, STOP)
    last = t.orders[-1][1] if t.orders else 0
    need(at.e.signer == t.publisher and sequence == len(t.orders) + 1 <= ORDERS, "an order out of turn")
    ended = t.cancelled or last == STOP or t.paid is not None or t.has_ended
    need(not ended, "an order about a task that has ended")
    need(not t.closed or t.beacon is not None, "an order before the chain is open")
    need(action != PAUSE or t.closed and last != PAUSE, "a pause that cannot be")
    need(action != RESUME or last == PAUSE, "a resume that cannot be")
    if t.closed:
        t.orders.append((at.height, action))
        return
    t.cancelled = True
    registry.release(t)
    registry.accounts[t.publisher].balance += t.escrow + t.deposit
    t.escrow = t.deposit = 0


def reveal(registry: Registry, r: Reader, at: Place) -> None:
    """8 Reveal: the accuracy that the reward asks for (registry.md, Transactions)."""
    t, target, nonce = registry.task(r.id()), r.u32(), r.id()
    committed = t.spec.commitment
    need(at.e.signer == t.publisher and committed is not None and t.target is None, "no target to open")
    need(t.has_ended and t.paid is None, "a target opened out of its time")
    need(transcript("meshnode/target/1", target, nonce) == committed, "another target")
    t.target = target


def settle(registry: Registry, r: Reader, at: Place) -> None:
    """9 Settle: a decided block of a task's chain with its table (registry.md, Transactions)."""
    h = embedded_header(r)
    cert, table = certificate(r), payout_table(r)
    t = registry.task(h.chain)
    need(t.beacon is not None, "settled before it started")
    check_certificate(cert, h, registry.members(t), registry.network)
    need(table.root() == h.payout, "another payout root")
    entries, rounds = table.entries, table.rounds
    need([e.key for e in entries] == sorted(e.key for e in t.members), "payouts of others than the members")
    need(rounds <= t.spec.rounds and table.accuracy <= 10**6, "more rounds than the task has")
    need(all(e.rounds <= rounds and e.aggregated <= rounds for e in entries), "more rounds than were accepted")
    need(sum(e.aggregated for e in entries) <= rounds, "more rounds aggregated than accepted")
    need(sum(e.credits for e in entries) <= t.escrow and t.paid is None, "settled too late or too much")
    need(not t.settled or h.height > t.settled.height, "settled lower")
    t.settled = Settlement(h.height, h.id, table)
    registry.settles.append((h.chain, h.height, h.id, at.height))
    if t.has_ended and t.window is None:
        t.window = at.time + registry.settle_ms


def refund(registry: Registry, r: Reader, at: Place) -> None:
    """10 Refund: what is left of a reward after the payout (registry.md, Transactions)."""
    t = registry.task(r.id())
    need(t.paid is not None and t.escrow > 0, "nothing to refund")
    registry.accounts[t.publisher].balance += t.escrow
    t.escrow = 0


def evidence(registry: Registry, r: Reader, at: Place) -> None:
    """11 Evidence: two messages of one slot burn the bond of their signer (registry.md, Transactions; consensus.md, Evidence)."""
    one, two = envelope(r), envelope(r)
    check_envelope(one, registry.network)
    check_envelope(two, registry.network)
    need(one.slot == two.slot and one.payload < two.payload, "no evidence")
    need(one.kind in EVIDENCE, "a kind that may be signed again")
    bad = present(registry.accounts.get(one.signer), "evidence against nobody")
    if one.chain == registry.chain:
        lost = bad.bond + sum(c for c, _ in bad.unbonding)
        need(lost > 0 and one.major >= bad.slashed_below, "nothing to lose")
        bad.bond, bad.unbonding, bad.slashed_below = 0, [], at.height + 2
    else:
        t = registry.task(one.chain)
        bonds = [enrolled.bond for enrolled in t.enrolled if enrolled.key == one.signer]
        open_ = not t.released and not t.cancelled and one.signer not in t.slashed
        if len(bonds) != 1 or not open_:
            raise Fault("nothing to lose")
        lost = bonds[0]
        t.slashed = sorted(t.slashed + [one.signer])
        bad.bonded -= lost
    registry.burned += lost


def rate(registry: Registry, r: Reader, at: Place) -> None:
    """12 Rate: the publisher's stars for a member of its paid task (registry.md, Transactions)."""
    t, key, stars = registry.task(r.id()), r.id(), r.u8()
    need(at.e.signer == t.publisher and key != at.e.signer and 1 <= stars <= 5, "a rating by somebody else")
    if t.paid is None or t.settled is None:
        raise Fault("rated before it was paid")
    entries = t.settled.table.entries
    need(any(e.key == key and e.rounds + e.aggregated > 0 for e in entries), "rated without settled work")
    need(all(k != key for k, _ in t.ratings), "rated twice")
    t.ratings = sorted(t.ratings + [(key, stars)])


EFFECTS: tuple[Callable[[Registry, Reader, Place], None], ...] = (
    publish, enrol, close, transfer, bond, unbond, order, reveal, settle, refund, evidence, rate,
)
