"""Who is paid what (rounds.md, State and 8. Scored rounds; wire.md, Bodies)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .codec import Reader, ascending, transcript, u32, u64
from .limits import SUBMITTERS

# Outcomes: a task that runs, is complete, failed with a cause, or was stopped (wire.md, Bodies).
RUNNING, COMPLETE, FAILED, STOPPED = range(4)
Outcome = tuple[int, ...]
# The most that one score is worth, in units of 2^-16 of the median (rounds.md, 8. Scored rounds).
CAP = 98_304


@dataclass
class Entry:
    """What one member did and is paid."""

    key: bytes
    rounds: int = 0
    aggregated: int = 0
    credits: int = 0


@dataclass
class PayoutTable:
    """What members of a task did and are paid, so far (wire.md, Bodies)."""

    outcome: Outcome = (RUNNING,)
    rounds: int = 0
    accuracy: int = 0
    entries: list[Entry] = field(default_factory=list)

    def encoded(self) -> bytes:
        """The table's bytes (wire.md, Bodies)."""
        return (
            bytes(self.outcome) + u32(self.rounds) + u32(self.accuracy) + u32(len(self.entries))
            + b"".join(e.key + u32(e.rounds) + u32(e.aggregated) + u64(e.credits) for e in self.entries)
        )

    def root(self) -> bytes:
        """What a header names of it (rounds.md, State)."""
        return transcript("meshnode/payout/1", self.encoded())


def outcome(r: Reader) -> Outcome:
    """Reads an outcome (wire.md, Bodies)."""
    kind = r.choice(RUNNING, COMPLETE, FAILED, STOPPED)
    return (kind, r.choice(1, 2, 3, 4)) if kind == FAILED else (kind,)


def payout_table(r: Reader) -> PayoutTable:
    """Reads a table (wire.md, Bodies)."""
    t = PayoutTable(
        outcome(r), r.u32(), r.u32(), r.many(lambda r: Entry(r.id(), r.u32(), r.u32(), r.u64()), SUBMITTERS)
    )
    ascending([entry.key for entry in t.entries], "members of a payout table")
    return t


def shares(aggregators: Sequence[tuple[bytes, int]], members: Sequence[tuple[bytes, int]]) -> dict[bytes, int]:
    """Credits of (key, budget) that aggregated and (key, weight) that are members, with every credit given to somebody
    (rounds.md, State: credits of a round)."""
    budget, total = sum(b for _, b in aggregators), sum(w for _, w in members)
    if total == 0:
        return dict(aggregators)
    divisor = 10 * total
    claims = [(k, b * total) for k, b in aggregators] + [(k, 9 * budget * w) for k, w in sorted(members)]
    given = [n // divisor for _, n in claims]
    rest = sorted(range(len(claims)), key=lambda i: (-(claims[i][1] % divisor), claims[i][0], i))
    for i in rest[: budget - sum(given)]:
        given[i] += 1
    out: dict[bytes, int] = {}
    for (key, _), credits in zip(claims, given):
        out[key] = out.get(key, 0) + credits
    return out


def twice_median(ascending: Sequence[int]) -> int:
    """Twice the median of numbers in order (rounds.md, 8. Scored rounds)."""
    return ascending[(len(ascending) - 1) // 2] + ascending[len(ascending) // 2]


def units(scores: Sequence[int | None]) -> list[int] | None:
    """u of each score, None being a missing one; None when the round does not count (rounds.md, 8. Scored rounds)."""
    positive = sorted(one for one in scores if one is not None and one > 0)
    if len(positive) < 3:
        return None
    median = twice_median(positive)
    return [-CAP if one is None else min(CAP, max(-CAP, (one << 17) // median)) for one in scores]
