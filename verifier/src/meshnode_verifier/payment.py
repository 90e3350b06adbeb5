"""What a round pays (rounds.md, State and 8. Scored rounds)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .payouts import shares, twice_median, units
from .spec import CONTRIBUTION, EQUAL

if TYPE_CHECKING:
    from .task import Task


def pay(task: Task, members: Sequence[bytes], author: bytes, accuracy: int) -> None:
    """An accepted round: its members, who aggregated it, and its accuracy (rounds.md, State: credits of a round)."""
    t, s = task.table, task.spec
    t.rounds += 1
    t.accuracy = accuracy
    p = t.rounds
    budget = s.reward * p // s.rounds - s.reward * (p - 1) // s.rounds
    task.authored[author] += budget
    weights = [(k, 1 if s.rule == EQUAL else task.enrolments[k].rows) for k in members]
    credits = shares([(author, budget)], weights)
    for entry in t.entries:
        entry.rounds += entry.key in members
        entry.aggregated += entry.key == author
        entry.credits += credits.get(entry.key, 0)
    pay_by_score(task)


def pay_by_score(task: Task) -> None:
    """Under contribution: what each would have if the task ended here (rounds.md, 8. Scored rounds)."""
    if task.spec.rule != CONTRIBUTION:
        return
    entries = task.table.entries
    sums = {entry.key: 0 for entry in entries}
    for one in task.scored:
        for (key, _), unit in zip(one.entries, units([score for _, score in one.entries]) or []):
            sums[key] += unit
    positive = sorted(t for t in sums.values() if t > 0)
    weights = {k: max(0, 8 * t - twice_median(positive)) if positive else 0 for k, t in sums.items()}
    if not any(weights.values()):
        weights = {entry.key: entry.rounds * task.enrolments[entry.key].rows for entry in entries}
    aggregators = [(entry.key, task.authored[entry.key]) for entry in entries if task.authored[entry.key]]
    credits = shares(aggregators, [(k, w) for k, w in weights.items() if w])
    for entry in entries:
        entry.credits = credits.get(entry.key, 0)
