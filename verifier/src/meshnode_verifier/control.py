"""CONTROL: the block that ends a task, orders it, or moves its anchor (rounds.md, 7. CONTROL)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import scores
from .accounts import PAUSE, RESUME, STOP, Anchor
from .blocks import REGISTRY, Header, embedded_header
from .certificates import Certificate, Electorate, certificate, check_certificate
from .codec import Reader, Reference, ascending
from .contents import BLOCK_BODY
from .envelopes import DIRECTION, envelope
from .faults import need
from .identifiers import content_id
from .limits import STEPS, TRANSACTIONS, VOTERS
from .payouts import COMPLETE, FAILED, STOPPED, Outcome
from .task_state import COLLECTING, EXPIRED

if TYPE_CHECKING:
    from .task import Task

# What a CONTROL does beside ending a task: an order, a direction or none, scores, a new anchor.
ORDER, COMMIT, SCORES, NO_DIRECTION, ANCHOR = 3, 4, 5, 6, 7
# A registry block with the electorate that decided it.
Step = tuple[Header, Certificate, list[tuple[bytes, int]]]


def take(task: Task, h: Header, r: Reader) -> None:
    """Takes a CONTROL's body (rounds.md, 7. CONTROL; wire.md, Bodies)."""
    rest = r.data[r.at :]
    kind = r.choice(*range(1, 8))
    outcome: Outcome | None = None
    implied = task.implied()
    if kind == ORDER:
        need(implied is None, "decided blocks imply another control")
        outcome = ordered(task, r)
    elif kind in (COMMIT, NO_DIRECTION):
        direction(task, kind, r)
    elif kind == SCORES:
        need(implied is not None, "the next manifest carries the scores")
        scores.take(task, r)
    elif kind == ANCHOR:
        need(implied is None, "decided blocks imply another control")
        move_anchor(task, r)
    else:
        outcome = (COMPLETE,) if kind == COMPLETE else (FAILED, r.choice(1, 2, 3, 4))
        if outcome == (FAILED, EXPIRED):
            need(implied is None and h.time >= task.record.expires, "a task that has not expired")
        else:
            need(task.open is None, "open scores come first")
            need(rest == implied, "a control that decided blocks do not imply")
    if outcome:
        task.end(outcome)


def direction(task: Task, kind: int, r: Reader) -> None:
    """The commitment to a direction, or that there is none (rounds.md, 8. Scored rounds)."""
    waits = task.phase == COLLECTING and task.implied() is None and task.is_scored() and task.direction is None
    need(waits and not task.paused, "a direction that no round waits for")
    task.direction = b""
    if kind == COMMIT:
        o = task.message(envelope(r), DIRECTION, [task.record.publisher], "a direction", (task.round, 0))
        task.direction = o.id() if o.flag() else b""
        o.end()


def step(r: Reader) -> Step:
    """Reads a registry block with its electorate (wire.md, Bodies)."""
    return embedded_header(r), certificate(r), r.many(lambda r: (r.id(), r.u64()), VOTERS)


def move_anchor(task: Task, r: Reader) -> None:
    """An anchor moves over 64 changes of the electorate (rounds.md, 7. CONTROL)."""
    steps, second = r.many(step, STEPS), task.anchors[-1].second
    need(len(steps) == 64, "an anchor moves by 64 changes of the electorate")
    for h, _, _ in steps:
        need(h.second != second, "an anchor over a height that changes nothing")
        second = h.second
    task.anchors.append(follow(task, steps, task.anchors[-1]))


def follow(task: Task, steps: Sequence[Step], anchor: Anchor) -> Anchor:
    """Registry headers, each with the electorate that the one before it names: the anchor that they lead to
    (rounds.md, 7. CONTROL)."""
    height, following, second = anchor
    for h, cert, members in steps:
        need(h.chain == task.registry.chain and h.kind == REGISTRY, "a step that is no registry block")
        need(h.height > height, "steps of a proof out of order")
        ascending([k for k, _ in members], "members of an electorate")
        electorate = Electorate(members)
        need(electorate.members == members, "an electorate of another form")
        wanted = following if h.height == height + 1 else second
        need(electorate.hash == wanted, "an electorate that is not proven")
        check_certificate(cert, h, electorate, task.network)
        ids = task.registry.ids
        if h.height < len(ids):
            need(ids[h.height] == h.id, "a step that is not the registry's block")
        elif not task.lacking or task.lacking[-1][0] != task.height:
            task.lacking.append((task.height, "registry block %d, which this block rests on" % h.height))
        height, following, second = h.height, h.next, h.second
    return Anchor(height, following, second)


def ordered(task: Task, r: Reader) -> Outcome | None:
    """An order of the publisher with the registry headers that prove it; the outcome that it makes (rounds.md, 7. CONTROL)."""
    steps, start = r.many(step, STEPS), r.at
    transactions = r.many(envelope, TRANSACTIONS)
    body, index = r.data[start : r.at], r.u32()
    need(index < len(transactions), "an order that names no transaction")
    order = Reader(transactions[index].payload)
    order.domain(16)
    need(order.u8() == 7 and order.id() == task.chain, "not an order about this task")
    need(order.u32() == task.order + 1, "an order out of turn")
    action = order.choice(PAUSE, RESUME, STOP)
    order.end()
    need(action != PAUSE or not task.paused, "a pause of a paused task")
    need(action != RESUME or task.paused, "a resume of a running task")
    need(steps, "an order without a proof")
    last = steps[-1][0]
    below = [anchor for anchor in task.anchors if anchor.height < last.height]
    need(below, "an order from before the task")
    follow(task, steps, below[-1])
    need(last.body == Reference(content_id(body, BLOCK_BODY), len(body)), "an order that its block does not hold")
    task.order += 1
    # A stop ends the task and leaves it as paused as it was: `paused` is part of the state root.
    task.paused = action == PAUSE or action == STOP and task.paused
    return (STOPPED,) if action == STOP else None
