"""What a task's chain remembers between its blocks (rounds.md, State)."""

from __future__ import annotations

from dataclasses import dataclass

from .codec import Reference, u32
from .submissions import Announcement

# Where a round is (rounds.md, State).
COLLECTING, KEYS, ENDED = 1, 2, 3
# Causes of a failed task (rounds.md, 7. CONTROL).
ATTEMPTS, QUALITY, EXPIRED, SHORT_OF_HOLDERS = 1, 2, 3, 4
Pairs = list[tuple[bytes, bytes]]


def pairs(found: Pairs) -> bytes:
    """Members with their submissions (rounds.md, State)."""
    return u32(len(found)) + b"".join(k + name for k, name in found)


@dataclass(frozen=True)
class DecidedSet:
    """The set that the latest MANIFEST decided (rounds.md, 2. MANIFEST)."""

    manifest: bytes
    # Member and submission, ascending.
    members: Pairs
    context: bytes
    announced: dict[bytes, Announcement]


@dataclass(frozen=True)
class OpenScores:
    """A scored round whose scores are not decided yet (rounds.md, 8. Scored rounds)."""

    round: int
    commitment: bytes
    members: Pairs
    announced: dict[bytes, Announcement]


@dataclass(frozen=True)
class Result:
    """What a RESULT says: what bodies, sums and models are held against (rounds.md, 5. RESULT)."""

    height: int
    round: int
    manifest: bytes
    context: bytes
    announced: dict[bytes, Announcement]
    sums: list[list[bytes]]
    aggregate: Reference
    opening: bytes
    base: Reference
    model: Reference


@dataclass(frozen=True)
class ScoredRound:
    """What a score section opens: a direction, and the scores with their masks (rounds.md, 8. Scored rounds)."""

    height: int
    salt: bytes
    direction: Reference
    commitment: bytes
    opened: dict[bytes, tuple[int, bytes]]
    announced: dict[bytes, Announcement]


@dataclass(frozen=True)
class Repeat:
    """A later attempt of a round, and the submission that it repeats (crypto.md, The same vector).

    `counts` says whether it is the only one of its member, so that its absence is told."""

    height: int
    later: Announcement
    earlier: Announcement
    counts: bool


@dataclass(frozen=True)
class Scores:
    """Decided scores of a round, None being a missing one (rounds.md, 8. Scored rounds)."""

    round: int
    direction: Reference | None
    entries: list[tuple[bytes, int | None]]
