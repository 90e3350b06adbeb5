"""Who is at fault when a sum fails (rounds.md, When the sum fails; crypto.md, Blame)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from . import merkle
from .codec import Reader, ascending
from .envelopes import CLAIM, DISCLOSURE, SEED_OPENING, Envelope, envelope
from .faults import Fault, need
from .identifiers import submission_id
from .keys import key_statement
from .limits import CHUNK, COMPONENTS, HOLDERS, NAMED, PATH, SUBMITTERS
from .masks import commitment, in_range, mask, masks_sum
from .submissions import Announcement, announcement

if TYPE_CHECKING:
    from .task import Task


class Chunk(NamedTuple):
    """A chunk of a member's elements, with its path (wire.md, Bodies)."""

    submission: bytes
    data: bytes
    path: list[bytes]


@dataclass(frozen=True)
class BlameProof:
    """All that a verdict rests on (wire.md, Bodies)."""

    claim: Envelope
    statements: list[Envelope]
    disclosures: list[Envelope]
    openings: list[Envelope]
    submissions: list[Envelope]
    chunks: list[Chunk]


class ClaimedKey(NamedTuple):
    """K of one element, as a holder's statement has it (wire.md, Envelope)."""

    place: int
    component: int
    key: bytes
    path: list[bytes]


def blame_proof(r: Reader) -> BlameProof:
    """Reads a proof (wire.md, Bodies)."""
    return BlameProof(
        envelope(r), r.many(envelope, HOLDERS), r.many(envelope, HOLDERS), r.many(envelope, NAMED), r.many(envelope, 2 * NAMED),
        r.many(lambda r: Chunk(r.id(), r.blob(CHUNK), r.ids(PATH)), NAMED),
    )


def verdict(task: Task, proof: BlameProof) -> tuple[list[bytes], list[bytes]]:
    """Clients and holders that a proof convicts (rounds.md, When the sum fails; crypto.md, Blame)."""
    case = Case(task, proof)
    case.claim()
    case.disclosures()
    case.openings()
    case.compare()
    convicted = [] if task.publisher_alone else sorted(task.holders[place] for place in case.liars)
    return case.clients() if proof.chunks else [], convicted


@dataclass
class Case:
    """A proof while it is read; components and holders by number, members by their place in the sum."""

    task: Task
    proof: BlameProof
    # Members of the sum that the element is in, with their submissions; whether recovery failed, or keys differ.
    group: list[tuple[bytes, bytes]] = field(default_factory=list)
    element: int = 0
    recovery: bool = False
    # Roots that holders stated; keys of the element by component and root.
    roots: dict[int, dict[int, bytes]] = field(default_factory=dict)
    keys: dict[int, dict[bytes, bytes]] = field(default_factory=dict)
    disclosed: dict[int, dict[int, list[bytes]]] = field(default_factory=dict)
    announced: dict[bytes, Announcement] = field(default_factory=dict)
    truths: dict[tuple[int, int], bytes] = field(default_factory=dict)
    heard: dict[int, list[tuple[int, list[bytes]]]] = field(default_factory=dict)
    liars: set[int] = field(default_factory=set)
    # Whether a disclosure is missing, and whether two of them differ.
    missing: bool = False
    dispute: bool = False

    def __post_init__(self) -> None:
        current = self.task.current
        if current is None:
            raise Fault("blame without a set")
        self.context, self.manifest, self.members = self.task.context(), current.manifest, current.members
        self.sums = self.task.sums()
        self.each = self.task.spec.elements(self.task.round)

    def here(self, r: Reader, text: str) -> None:
        """That a message is about the present set."""
        need(r.id() == self.context and r.id() == self.manifest, text)

    def claim(self) -> None:
        """The claim about one element, with the keys that holders stated of it (crypto.md, Blame)."""
        task, proof, parts = self.task, self.proof, len(self.task.subsets)
        ascending([e.signer for e in proof.statements], "statements")
        ascending([e.signer for e in proof.disclosures], "disclosures")
        ascending([e.signer for e in proof.openings], "openings")
        ascending([e.signer for e in proof.submissions], "submissions")
        r = task.message(proof.claim, CLAIM, task.electorate.weight, "a claim")
        self.here(r, "a claim about another set")
        self.recovery, self.element = r.choice(1, 2) == 1, r.u32()
        entries = r.many(lambda r: ClaimedKey(r.u8(), r.u8(), r.id(), r.ids(PATH)), COMPONENTS)
        r.end()
        ascending([(e.component, e.place) for e in entries], "entries of a claim")
        elements = len(self.sums) * self.each
        need(self.element < elements, "a claim about no element")
        known = all(e.component < parts and e.place in task.holders_of(e.component) for e in entries)
        need(known, "a claim about a holder that does not know the component")
        members = self.sums[self.element // self.each]
        self.group = [(k, name) for k, name in self.members if k in members]
        for e in proof.statements:
            self.roots[task.holders.index(e.signer)] = key_statement(task, e)
        for place, component, key, path in entries:
            root = self.roots.get(place, {}).get(component)
            if root is None:
                raise Fault("a claim without the holder's statement")
            found = merkle.root_of_path("meshnode/nddfe/v1/key", self.element, elements, key, path)
            need(found == root, "a key outside its vector")
            self.keys.setdefault(component, {})[root] = key
        if self.recovery:
            every = [e.component for e in entries] == list(range(parts))
            need(every, "a claim of failed recovery names every component")
            one = all(stated[c] in self.keys[c] for stated in self.roots.values() for c in stated)
            need(one, "roots that differ come first")
        else:
            values = {k for known in self.keys.values() for k in known.values()}
            need(len(self.keys) == 1 and len(values) >= 2, "a dispute without a difference")

    def disclosures(self) -> None:
        """What holders say the masks of the element are (crypto.md, Blame)."""
        task = self.task
        for e in self.proof.disclosures:
            r = task.message(e, DISCLOSURE, task.holders, "a disclosure")
            self.here(r, "a disclosure about another set")
            at, masks = r.u32(), r.many(lambda r: (r.u8(), r.ids(SUBMITTERS)), COMPONENTS)
            r.end()
            ascending([c for c, _ in masks], "components of a disclosure")
            place = task.holders.index(e.signer)
            need(at // self.each < len(self.sums), "a disclosure about no element")
            count, known = len(self.sums[at // self.each]), task.components_of(place)
            fits = all(c in known and len(values) == count for c, values in masks)
            need(fits, "a disclosure of other components or members")
            if at == self.element:
                self.disclosed[place] = dict(masks)

    def openings(self) -> None:
        """Seeds that members opened, and the masks that they give (crypto.md, Blame)."""
        task, group = self.task, self.group
        for e in self.proof.submissions:
            name = submission_id(e.payload)
            if (e.signer, name) in group:
                self.announced[name] = announcement(e.payload)
        for e in self.proof.openings:
            r = task.message(e, SEED_OPENING, None, "an opening")
            need(r.id() == self.context, "an opening of another context")
            name, component, seed = r.id(), r.u8(), r.id()
            r.end()
            own = (e.signer, name) in self.members and component < len(task.subsets)
            need(own, "an opening that is not its signer's")
            if (e.signer, name) in group and name in self.announced:
                a = self.announced[name]
                if commitment(component, seed, a) == a.commitments[component]:
                    truth = mask(seed, a, component, self.element % self.each)
                    self.truths[group.index((e.signer, name)), component] = truth

    def compare(self) -> None:
        """Holders whose masks do not add up to their key, or are not what a member opened (crypto.md, Blame)."""
        asked = range(len(self.task.subsets)) if self.recovery else sorted(self.keys)
        for place in range(self.task.spec.holders):
            stated = self.roots.get(place, {})
            for c in self.task.components_of(place):
                if c not in asked or not self.recovery and c not in stated:
                    continue
                values = self.disclosed.get(place, {}).get(c)
                if values is None:
                    self.missing = True
                    continue
                self.heard.setdefault(c, []).append((place, values))
                root = stated.get(c)
                if root is not None and root in self.keys.get(c, {}) and not masks_sum(values, self.keys[c][root]):
                    self.liars.add(place)
        for c in asked:
            told = self.heard.get(c, [])
            for member in range(len(self.group)):
                said = [values for place, values in told if place not in self.liars]
                truth = self.truths.get((member, c))
                if truth is not None:
                    self.liars |= {place for place, values in told if values[member] != truth}
                elif any(values[member] != said[0][member] for values in said[1:]):
                    self.dispute = True

    def clients(self) -> list[bytes]:
        """Members whose element is out of its range, once the masks are agreed (crypto.md, Blame)."""
        s, task, chunks = self.task.spec, self.task, self.proof.chunks
        agreed = not self.liars and not self.missing and not self.dispute and self.recovery
        need(agreed, "clients are named before the masks are agreed")
        ascending([one.submission for one in chunks], "chunks")
        width, place = s.point_bytes, self.element % self.each
        index, at = divmod(place, CHUNK // width)
        count = -(-self.each * width // CHUNK)
        wanted = min(CHUNK, self.each * width - index * CHUNK)
        found = []
        for name, data, path in chunks:
            need(name in self.announced, "a chunk of no member's announcement")
            a = self.announced[name]
            member = [n for _, n in self.group].index(name)
            root = merkle.root_of_path("meshnode/nddfe/v1/chunk", index, count, data, path)
            need(len(data) == wanted and root == a.root, "a chunk that is not its member's")
            masks = [self.heard[c][0][1][member] for c in range(len(task.subsets))]
            element = data[at * width : (at + 1) * width]
            need(not in_range(s, task.round, place, element, masks), "an element within its range")
            found.append(a.submitter)
        return sorted(found)
