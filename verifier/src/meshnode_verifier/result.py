"""RESULT: the block that decides the sum and the new model (rounds.md, 4. Candidate and opinions, 5. RESULT)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import blame, payment
from .blocks import Header
from .codec import Reader, transcript
from .contents import AGGREGATE, MODEL
from .envelopes import OPINION, Envelope, envelopes_by_signer
from .faults import Fault, need
from .keys import key_statement
from .limits import HOLDERS, TEXT, VOTERS
from .ristretto import scalar
from .task_state import OpenScores, Result

if TYPE_CHECKING:
    from .task import Task

ACCEPT, REJECT, ABSTAIN = 1, 2, 3
# Reasons that fit a verdict; the last is a person's, who may remark something.
REASONS = {ACCEPT: (1, 6), REJECT: (2, 6), ABSTAIN: (3, 4, 5, 6)}
PERSON = 6


def take(task: Task, h: Header, r: Reader) -> None:
    """Takes a RESULT's body (rounds.md, 5. RESULT; wire.md, Bodies)."""
    manifest, aggregate, model, opening, rejected = r.id(), r.ref(), r.ref(), r.id(), r.flag()
    current = task.current
    if current is None or manifest != current.manifest:
        raise Fault("a result of another manifest")
    scalar(opening, "an opening")
    task.named += [(aggregate.name, AGGREGATE), (model.name, MODEL)]
    stated: set[int] = set()
    for e in envelopes_by_signer(r, HOLDERS, "key statements"):
        stated |= set(key_statement(task, e))
    need(len(stated) == len(task.subsets), "key statements that do not cover every component")
    payload = transcript("meshnode/payload/1", manifest, aggregate.encoded(), model.encoded(), opening)
    against, seen = opinions(task, h, envelopes_by_signer(r, VOTERS, "opinions"), payload)
    need(rejected == (against >= task.electorate.third), "rejected or not")
    convicted = liars_proven(task, r)
    liars = r.ids(HOLDERS)
    need(liars == convicted, "convicted others than the proof")
    task.results.append(
        Result(
            h.height, task.round, manifest, current.context, current.announced, task.sums(), aggregate, opening,
            base=task.model, model=model,
        )
    )
    task.rejections += 1
    scored = task.is_scored()
    if not rejected:
        task.rejections = 0
        task.model = model
        payment.pay(task, [k for k, _ in current.members], h.author, median(seen))
        task.sets, task.buckets = [], []
        if task.direction:
            task.open = OpenScores(task.round, task.direction, current.members, current.announced)
    task.left -= scored
    task.direction = None
    task.evict([])
    task.replace(liars, 0)
    task.resubmits, task.earlier = [], {}
    task.round, task.attempt, task.keyed, task.unkeyed = task.round + 1, 0, 0, 0
    task.round_beacon = task.beacon
    task.collect()


def opinions(task: Task, h: Header, found: Sequence[Envelope], payload: bytes) -> tuple[int, list[tuple[int, int]]]:
    """The weight against a candidate, and accuracies with the weights of those who measured them
    (rounds.md, 4. Candidate and opinions)."""
    weight = against = 0
    seen = []
    for e in found:
        o = task.message(e, OPINION, task.electorate.weight, "an opinion", (h.height, 0))
        need(o.id() == payload, "an opinion of another candidate")
        verdict, reason, remark = o.choice(ACCEPT, REJECT, ABSTAIN), o.u8(), o.text(TEXT)
        need(reason in REASONS[verdict], "a reason that does not fit the verdict")
        need(not remark or reason == PERSON, "a remark without a person")
        accuracy, _, rows = o.u32(), o.u64(), o.u32()
        o.end()
        need(accuracy <= 1_000_000, "an accuracy above 1")
        w = task.electorate.weight[e.signer]
        weight += w
        against += w if verdict == REJECT else 0
        if rows:
            seen.append((accuracy, w))
    need(weight >= task.electorate.quorum, "too few opinions")
    return against, seen


def median(seen: Sequence[tuple[int, int]]) -> int:
    """The weighted median of accuracies; 0 where nobody measured one (rounds.md, 5. RESULT)."""
    passed, whole = 0, sum(w for _, w in seen)
    for accuracy, w in sorted(seen):
        passed += w
        if 2 * passed >= whole:
            return accuracy
    return 0


def liars_proven(task: Task, r: Reader) -> list[bytes]:
    """Holders that a RESULT convicts by the proof that it carries (rounds.md, 5. RESULT)."""
    if not r.flag():
        return []
    proof = blame.blame_proof(r)
    need(not proof.chunks, "a result names no client")
    _, convicted = blame.verdict(task, proof)
    need(convicted, "a proof that convicts nobody")
    return convicted
