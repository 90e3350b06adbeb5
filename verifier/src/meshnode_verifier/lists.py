"""What voters and holders have said about submissions (rounds.md, 1. Collecting and 2. MANIFEST)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import ed25519
from .codec import Reader, ascending, id_list
from .envelopes import ANNOUNCEMENT, READY, Envelope, signed_bytes
from .faults import need
from .limits import ANNOUNCEMENTS, VOTERS
from .submissions import Announcement, announcement, check_proof
from .task_state import Pairs

if TYPE_CHECKING:
    from .task import Task


@dataclass(frozen=True)
class Lists:
    """Ids in lists of at least T weight, and what each voter said (rounds.md, 2. MANIFEST)."""

    listed: set[bytes]
    said: list[set[bytes]]


def voters_lists(task: Task, kind: int, union: list[bytes], r: Reader) -> Lists:
    """Reads the signed lists of voters over a union (rounds.md, 2. MANIFEST)."""
    ascending(union, "ids of a union")
    weight, total, said = dict.fromkeys(union, 0), 0, []
    found = r.many(lambda r: (r.id(), r.blob(ANNOUNCEMENTS // 8), r.sig()), VOTERS)
    ascending([key for key, _, _ in found], "signers of lists")
    for key, bitmap, sig in found:
        need(key in task.electorate.weight, "a list of somebody without a vote")
        need(len(bitmap) == (len(union) + 7) // 8, "a bitmap of another length")
        ids = [one for i, one in enumerate(union) if bitmap[i // 8] >> (i % 8) & 1]
        need(sum(bin(b).count("1") for b in bitmap) == len(ids), "a bitmap with unused bits")
        data = signed_bytes(task.network, kind, task.chain, task.height, 0, key, id_list(ids))
        ed25519.check_signature(key, sig, data)
        total += task.electorate.weight[key]
        said.append(set(ids))
        for one in ids:
            weight[one] += task.electorate.weight[key]
    need(all(weight.values()), "a union with an id that no list has")
    need(total >= task.electorate.quorum, "too few lists")
    return Lists({one for one in union if weight[one] >= task.electorate.third}, said)


def member_announcement(task: Task, e: Envelope) -> Announcement:
    """A member's announcement of the present attempt, with its proof of t (rounds.md, 1. Collecting)."""
    roster = [k for k in task.enrolments if k not in task.evicted]
    task.message(e, ANNOUNCEMENT, roster, "an announcement")
    a = announcement(e.payload)
    need(a.submitter == e.signer, "an announcement of another submitter")
    here = (task.context(), task.round, task.attempt)
    need((a.context, a.round, a.attempt) == here, "an announcement of another context")
    need(a.count == task.spec.elements(task.round), "an announcement of another size")
    repeated = a.repeats[0] if a.repeats else None
    wanted = dict(task.resubmits).get(e.signer)
    need(repeated == wanted, "an announcement that does not repeat the submission of the latest set")
    need(len(a.commitments) == len(task.subsets), "an announcement of another holder profile")
    check_proof(a)
    return a


def check_readys(task: Task, found: Sequence[Envelope], members: Pairs) -> None:
    """That holders have opened the boxes of a set, every component of each (rounds.md, 2. MANIFEST)."""
    opened: dict[int, set[bytes]] = {}
    for e in found:
        r = task.message(e, READY, task.holders, "a Ready")
        need(r.id() == task.context(), "a Ready of another context")
        ids = r.ids(ANNOUNCEMENTS)
        r.end()
        ascending(ids, "ids of a Ready")
        opened[task.holders.index(e.signer)] = set(ids)
    for _, name in members:
        for component in range(len(task.subsets)):
            known = any(name in opened.get(place, ()) for place in task.holders_of(component))
            need(known, "Readys that do not cover the set")
