"""VOID: the block that ends an attempt without a result (rounds.md, 6. VOID)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import blame, complaints, lists
from .blocks import Header
from .codec import Reader, ascending
from .envelopes import ABSENCE, RECEIVED, Envelope, envelope, envelopes_by_signer
from .faults import need
from .identifiers import submission_id
from .limits import ANNOUNCEMENTS, COMPLAINTS, EVICTIONS, HOLDERS, VOTERS
from .submissions import Announcement
from .task_state import COLLECTING

if TYPE_CHECKING:
    from .task import Task

# Why an attempt ends: too few submissions, a deadline, silent holders, somebody proven bad.
TOO_FEW, DEADLINE, SILENCE, BLAME = 1, 2, 3, 4


def take(task: Task, h: Header, r: Reader) -> None:
    """Takes a VOID's body (rounds.md, 6. VOID; wire.md, Bodies)."""
    reason, evicted = r.choice(TOO_FEW, DEADLINE, SILENCE, BLAME), r.ids(EVICTIONS)
    union = r.ids(ANNOUNCEMENTS)
    listed: set[bytes] = set()
    if reason == TOO_FEW:
        need(task.phase == COLLECTING, "too few in a set that is decided")
        listed = lists.voters_lists(task, RECEIVED, union, r).listed
    else:
        need(not union and not r.many(lambda r: None, 0), "lists without a reason")
    replaced = r.ids(HOLDERS)
    absences, complained = envelopes_by_signer(r, VOTERS, "absences"), envelopes_by_signer(r, HOLDERS, "complaints")
    submissions = r.many(envelope, COMPLAINTS * HOLDERS)
    proof = blame.blame_proof(r) if r.flag() else None
    need(reason == SILENCE or not absences, "absences without a reason")
    need(reason == BLAME or proof is None, "blame without a reason")
    need(reason in (SILENCE, BLAME) or not replaced, "replaced holders without a reason")
    need(reason in (TOO_FEW, BLAME) or not (complained or submissions), "complaints without a reason")
    need(reason != BLAME or task.current, "blame without a set")
    announced = named_submissions(task, submissions, listed if reason == TOO_FEW else None)
    bad = complaints.proven_bad(task, complained, announced)
    need(len(bad) == len(announced), "an announcement that no complaint proves bad")
    guilty = {announced[name].submitter for name in bad}
    if reason == TOO_FEW:
        need(len(listed) - len(bad) < task.spec.smallest * task.spec.least, "enough submissions for a set")
        need(evicted == sorted(guilty), "evicted others than complaints prove bad")
    elif reason == DEADLINE:
        need(not evicted and h.view >= task.late, "a deadline that is too early")
    elif reason == SILENCE:
        need(not evicted, "silence evicts nobody")
        missed = missing(task, absences)
        known = task.spec.holders - task.spec.threshold - 1
        need(len(missed) > known, "the other holders know every component")
        need(replaced == missed, "replaced others than the missing")
    else:
        clients, liars = blame.verdict(task, proof) if proof else ([], [])
        guilty |= set(clients)
        need(guilty or liars, "nobody is proven bad")
        need(evicted == sorted(guilty) and replaced == liars, "evicted or replaced others than are proven bad")
    if task.current:
        task.resubmits = task.current.members
    else:
        task.unkeyed += 1
    task.evict(evicted)
    task.replace(replaced, len(replaced) if reason == SILENCE else 0)
    task.attempt += 1
    task.collect()


def named_submissions(task: Task, found: Sequence[Envelope], listed: set[bytes] | None) -> dict[bytes, Announcement]:
    """Announcements that complaints are about: of those listed, or of the decided set (rounds.md, 6. VOID)."""
    members = task.current.members if task.current else []
    announced: dict[bytes, Announcement] = {}
    order = []
    for e in found:
        name = submission_id(e.payload)
        known = (e.signer, name) in members if listed is None else name in listed
        need(known, "an announcement that is no part of the attempt")
        announced[name] = lists.member_announcement(task, e)
        order.append((e.signer, name))
    ascending(order, "announcements")
    return announced


def missing(task: Task, absences: Sequence[Envelope]) -> list[bytes]:
    """Holders that voters of at least T weight miss (rounds.md, 6. VOID)."""
    weight = dict.fromkeys(task.holders, 0)
    for e in absences:
        r = task.message(e, ABSENCE, task.electorate.weight, "an absence", (task.height, 0))
        keys = r.ids(HOLDERS)
        r.end()
        need(keys, "an absence of nobody")
        ascending(keys, "holders of an absence")
        for key in keys:
            need(key in weight, "an absence of somebody who is no holder")
            weight[key] += task.electorate.weight[e.signer]
    return sorted(k for k in weight if weight[k] >= task.electorate.third)
