"""Scores of a round, decided after its RESULT (rounds.md, 8. Scored rounds)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import lists
from .codec import Reader
from .contents import DIRECTION
from .envelopes import OPENED, REVEAL, SCORE_OPENING, envelope, envelopes_by_signer
from .faults import Fault, need
from .limits import SUBMITTERS
from .payment import pay_by_score
from .task_state import ScoredRound, Scores

if TYPE_CHECKING:
    from .task import Task


def take(task: Task, r: Reader) -> None:
    """Takes a score section: the reveal, lists and openings (rounds.md, 8. Scored rounds; wire.md, Bodies)."""
    round_ = task.open
    if round_ is None:
        raise Fault("scores of no round")
    number, names = round_.round, dict(round_.members)
    reveal = envelope(r) if r.flag() else None
    listed = lists.voters_lists(task, OPENED, r.ids(SUBMITTERS), r).listed
    opened = {}
    for e in envelopes_by_signer(r, SUBMITTERS, "openings"):
        o = task.message(e, SCORE_OPENING, names, "an opening", (number, 0))
        name, score, mask = o.id(), o.i64(), o.id()
        o.end()
        need(names[e.signer] == name and name in listed, "an opening that is not listed")
        need(abs(score) <= task.spec.B * task.spec.coordinates(number), "a score out of range")
        opened[e.signer] = (score, mask)
    need(len(opened) == len(listed) and (reveal is not None) == bool(opened), "openings are left out")
    direction = None
    if reveal:
        o = task.message(reveal, REVEAL, [task.record.publisher], "a reveal", (number, 0))
        salt, direction = o.id(), o.ref()
        o.end()
        need(direction.length == task.spec.coordinates(number), "a direction of another size")
        task.named.append((direction.name, DIRECTION))
        task.openings.append(ScoredRound(task.height, salt, direction, round_.commitment, opened, round_.announced))
    entries = [(k, opened[k][0] if k in opened else None) for k in sorted(names)] if opened else []
    task.scored.append(Scores(number, direction, entries))
    task.open = None
    pay_by_score(task)
