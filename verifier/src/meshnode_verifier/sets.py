"""Sets and buckets as they are decided, and decided again (rounds.md, 2. MANIFEST)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .codec import transcript

if TYPE_CHECKING:
    from .task import Task


def nested(task: Task, last: Sequence[bytes], submitters: Sequence[bytes]) -> list[bytes]:
    """A decided set or bucket as it is keyed again: whole, or less the first p of those present by their places
    (rounds.md, 2. MANIFEST)."""
    last = [k for k in last if k not in task.evicted | task.condemned]
    present = [k for k in last if k in submitters]
    if present == last:
        return last
    smallest = task.spec.smallest
    leave = max(smallest, -(-len(present) // 3))
    if len(present) - leave < smallest:
        return []
    return sorted(sorted(present, key=lambda k: (transcript("meshnode/leave/1", task.beacon, k), k))[leave:])


def drawn_buckets(task: Task, members: Sequence[bytes]) -> list[list[bytes]]:
    """The members dealt into buckets by the beacon (rounds.md, 2. MANIFEST)."""
    count = min(task.spec.buckets, len(members) // task.spec.smallest)
    order = sorted(members, key=lambda k: (transcript("meshnode/bucket/1", task.beacon, k), k))
    buckets = []
    for index in range(count):
        size = len(members) // count + (index < len(members) % count)
        buckets.append(sorted(order[:size]))
        order = order[size:]
    return buckets


def next_set(task: Task, once: Sequence[bytes]) -> list[bytes]:
    """Of the members with one announcement: who is in the set that is decided; the buckets that stay (rounds.md, 2. MANIFEST)."""
    if task.buckets:
        kept = [nested(task, bucket, once) for bucket in task.buckets]
        task.buckets = [bucket for bucket in kept if len(bucket) >= task.spec.smallest]
        return sorted(sum(task.buckets, [])) if len(task.buckets) >= task.spec.least else []
    return nested(task, task.sets[-1], once) if task.sets else list(once)
