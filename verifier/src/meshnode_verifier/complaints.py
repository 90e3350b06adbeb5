"""Boxes that a holder proves bad (crypto.md, Complaint)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .codec import Reader, ascending
from .edwards import G, add, linear, minus, times_base
from .envelopes import COMPLAINT, Envelope
from .faults import Fault, need
from .limits import COMPLAINTS, COMPONENTS, HOLDERS
from .masks import commitment, sealed_seed
from .ristretto import challenge, decode_point, encode_point, scalar
from .submissions import Announcement, boxes_hash

if TYPE_CHECKING:
    from .task import Task


@dataclass(frozen=True)
class BadBox:
    """A complaint about one box: the shared point t*P with its proof, and all boxes of the body (wire.md, Envelope)."""

    submission: bytes
    component: int
    shared: bytes
    proof: bytes
    boxes: list[bytes]


def bad_box(r: Reader) -> BadBox:
    """Reads an entry of a complaint (wire.md, Envelope)."""
    return BadBox(r.id(), r.u8(), r.id(), r.sig(), r.many(lambda r: r.blob(256), COMPONENTS * HOLDERS))


def proven_bad(task: Task, found: Sequence[Envelope], announced: Mapping[bytes, Announcement]) -> set[bytes]:
    """Names of the submissions that complaints prove bad (rounds.md, 2. MANIFEST)."""
    bad: set[bytes] = set()
    for e in found:
        r = task.message(e, COMPLAINT, task.holders, "a complaint")
        need(r.id() == task.context(), "a complaint of another context")
        entries = r.many(bad_box, COMPLAINTS)
        r.end()
        need(entries, "a complaint about nothing")
        ascending([entry.submission for entry in entries], "submissions of a complaint")
        proven = [
            x for x in entries if x.submission in announced and is_bad_box(task, x, e.signer, announced[x.submission])
        ]
        need(proven, "a complaint that proves nothing")
        bad |= {entry.submission for entry in proven}
    return bad


def is_bad_box(task: Task, entry: BadBox, holder: bytes, a: Announcement) -> bool:
    """Whether the shared point is proven and the box does not open to what the announcement commits to (crypto.md, Complaint)."""
    place, public, component = task.holders.index(holder), task.sealing_key(holder), entry.component
    if component >= len(task.subsets) or place in task.subsets[component]:
        return False
    if boxes_hash(entry.boxes) != a.boxes:
        return False
    try:
        e, p, d = decode_point(a.ephemeral), decode_point(public), decode_point(entry.shared)
        c, z = scalar(entry.proof[:32], "a complaint"), scalar(entry.proof[32:], "a complaint")
    except Fault:
        return False
    first = encode_point(add(times_base(z), linear((c, minus(p)))))
    second = encode_point(linear((z, e), (c, minus(d))))
    statement = (entry.submission, bytes([component]), bytes([place]), encode_point(G), public, a.ephemeral, entry.shared)
    if challenge("meshnode/nddfe/v1/complaint", *statement, first, second) != c:
        return False
    holders = task.holders_of(component)
    index = component * len(holders) + holders.index(place)
    box = entry.boxes[index] if index < len(entry.boxes) else b""
    seed = sealed_seed(box, entry.shared, public, a, component)
    return seed is None or commitment(component, seed, a) != a.commitments[component]
