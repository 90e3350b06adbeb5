"""MANIFEST: the block that decides whose updates are summed (rounds.md, 2. MANIFEST)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import complaints, lists, scores, sets
from .blocks import Header
from .codec import Reader, ascending
from .contents import BODY
from .envelopes import RECEIVED, envelope, envelopes_by_signer
from .faults import need
from .identifiers import submission_id
from .limits import ANNOUNCEMENTS, EVICTIONS, HOLDERS
from .submissions import Announcement
from .task_state import COLLECTING, DecidedSet, Repeat

if TYPE_CHECKING:
    from .task import Task


def take(task: Task, h: Header, r: Reader) -> None:
    """Takes a MANIFEST's body (rounds.md, 2. MANIFEST; wire.md, Bodies)."""
    need(task.phase == COLLECTING, "a set is already decided")
    context = r.id()
    need(context == task.context(), "a manifest of another context")
    said = lists.voters_lists(task, RECEIVED, r.ids(ANNOUNCEMENTS), r)
    by_key: dict[bytes, list[bytes]] = {}
    announced: dict[bytes, Announcement] = {}
    order = []
    for e in r.many(envelope, ANNOUNCEMENTS):
        name = submission_id(e.payload)
        need(name in said.listed, "an announcement that is not listed")
        by_key.setdefault(e.signer, []).append(name)
        announced[name] = lists.member_announcement(task, e)
        order.append((e.signer, name))
        task.carried.append((h.height, announced[name]))
        task.named.append((announced[name].body.name, BODY))
    ascending(order, "announcements")
    need(len(announced) == len(said.listed), "an announcement is left out")
    twice = [set(names) for names in by_key.values() if len(names) > 1]
    single = all(len(names & ids) <= 1 for names in twice for ids in said.said)
    need(single, "a list with two announcements of one member")
    readys = envelopes_by_signer(r, HOLDERS, "Readys")
    bad = complaints.proven_bad(task, envelopes_by_signer(r, HOLDERS, "complaints"), announced)
    condemned = r.ids(EVICTIONS)
    guilty = sorted({announced[name].submitter for name in bad})
    need(condemned == guilty, "evicted others than complaints prove bad")
    if r.flag():
        scores.take(task, r)
    else:
        need(task.open is None, "open scores are not decided")
    task.condemned = set(condemned)
    once = sets.next_set(task, sorted(k for k, names in by_key.items() if len(names) == 1 and k not in task.condemned))
    need(len(once) >= task.spec.smallest * task.spec.least, "too small a set")
    members = [(k, by_key[k][0]) for k in once]
    lists.check_readys(task, readys, members)
    if task.spec.buckets and not task.buckets:
        task.buckets = sets.drawn_buckets(task, once)
    task.sets.append(once)
    task.keyed += 1
    task.decide(DecidedSet(h.id, members, context, {k: announced[by_key[k][0]] for k in once}))
    for name, a in announced.items():
        if a.repeats:
            earlier = task.earlier[a.repeats[0]]
            task.repeats.append(Repeat(h.height, a, earlier, by_key[a.submitter] == [name]))
    task.earlier.update(announced)
