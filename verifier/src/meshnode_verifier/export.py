"""An export while its lines go by, and what only the whole of it tells (export.md; rounds.md, What a full verifier does)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from . import lines, proofs
from .blocks import header
from .certificates import certificate
from .codec import Reader, Reference
from .contents import BLOCK_BODY, MODEL, content
from .faults import Fault, need
from .identifiers import content_id
from .limits import BODY
from .registry import Registry
from .ristretto import mask_base
from .task import Task

Progress = Callable[[str], None]


def silent(text: str) -> None:
    """Tells nobody how far the verification is."""


class Checkpoint(NamedTuple):
    """A registry block that is known from elsewhere, its id in hexadecimal (export.md, What checks it)."""

    height: int
    block: str


@dataclass(frozen=True)
class Known:
    """What is known of the network beside the file (export.md, What checks it)."""

    network: str | None = None
    checkpoint: Checkpoint | None = None


@dataclass
class Checked:
    """Numbers of what was checked behind the blocks."""

    results: int = 0
    equations: int = 0
    repeats: int = 0
    openings: int = 0
    # Results whose server step this program does not compute.
    unfollowed: int = 0


@dataclass
class Export:
    """An export while its lines go by (export.md)."""

    known: Known = Known()
    tasks: dict[bytes, Task] = field(default_factory=dict)
    # Contents that blocks name, with their kinds and places in the file; those that are here.
    named: dict[bytes, int] = field(default_factory=dict)
    places: dict[bytes, int] = field(default_factory=dict)
    held: dict[bytes, bytes] = field(default_factory=dict)
    blocks: int = 0
    # Lines so far, the place of the last content, what the end says is missing, and the chain of the last block.
    number: int = 0
    last: int = -1
    missing: int | None = None
    chain: bytes | None = None
    # What is not here, said with its chain and height.
    gaps: list[str] = field(default_factory=list)
    opened: Registry | None = None

    @property
    def registry(self) -> Registry:
        """The registry, which the first line begins."""
        if self.opened is None:
            raise Fault("the export has no end")
        return self.opened

    def take(self, text: str) -> None:
        """Takes a line (export.md)."""
        self.number += 1
        line = lines.parse(text, self.number)
        need(self.missing is None, "line %d stands behind the end" % self.number)
        if self.number == 1:
            need("format" in line and line["format"] == "meshnode-export/1", "another format")
            self.opened = Registry(bytes.fromhex(line["genesis"]))
            network = self.opened.network.hex()
            need(network == line["network"], "the network id is not the hash of the genesis")
            need(self.known.network in (None, network), "this is network %s, not the one asked for" % network)
        elif "chain" in line:
            self.block(line)
        elif "content" in line:
            self.content(line)
        else:
            need("end" in line, "line %d: a second head" % self.number)
            need(line["blocks"] == self.blocks and line["contents"] == len(self.held), "lines are missing")
            self.missing = line["missing"]

    def block(self, line: dict[str, Any]) -> None:
        """Takes a block, of the registry or of a task (export.md)."""
        try:
            need(not self.held, "a block behind contents")
            h = header(bytes.fromhex(line["header"]))
            body = bytes.fromhex(line["body"])
            named = len(body) <= BODY and h.body == Reference(content_id(body, BLOCK_BODY), len(body))
            need(named, "another body")
            need(h.chain.hex() == line["chain"] and h.height == line["height"], "another place")
            r = Reader(bytes.fromhex(line["certificate"]))
            cert = certificate(r)
            r.end()
            if h.chain == self.registry.chain:
                need(self.chain in (None, h.chain), "the registry comes first")
                self.registry.block(h, body, cert)
                point = self.known.checkpoint
                right = point is None or point.height != h.height or point.block == h.id.hex()
                need(right, "another block than the checkpoint")
            else:
                self.task_of(h.chain).block(h, body, cert)
            self.chain = h.chain
        except Fault as fault:
            raise Fault("chain %s, height %d: %s" % (line["chain"][:8], line["height"], fault)) from None
        self.blocks += 1

    def task_of(self, chain: bytes) -> Task:
        """The task that a block is of; chains stand in order of publication (export.md)."""
        if chain != self.chain:
            registry = self.registry
            records = registry.every_task()
            order = [t.id for t in records]
            need(chain in order, "an unknown task")
            later = self.chain in (None, registry.chain) or order.index(chain) > order.index(self.chain or b"")
            need(later, "chains are not in order of publication")
            self.tasks[chain] = Task(registry, records[order.index(chain)])
        return self.tasks[chain]

    def name_contents(self) -> None:
        """Every content that the chains name, in the order of the file, with its kind (export.md)."""
        for t in self.registry.every_task():
            if t.beacon is not None:
                self.named.setdefault(t.spec.initial.name, MODEL)
                for name, kind in self.tasks[t.id].named if t.id in self.tasks else []:
                    self.named.setdefault(name, kind)
        self.places = {name: place for place, name in enumerate(self.named)}

    def content(self, line: dict[str, Any]) -> None:
        """Takes a content (export.md)."""
        if not self.held:
            self.name_contents()
        name, data = bytes.fromhex(line["content"]), lines.decoded(line["bytes"], self.number)
        short = line["content"][:8]
        need(name in self.named, "content %s is named by no block" % short)
        need(name not in self.held, "content %s stands twice" % short)
        need(self.places[name] > self.last, "content %s is out of order" % short)
        need(self.named[name] == line["kind"], "content %s is of another kind than its block says" % short)
        need(content_id(data, line["kind"]) == name, "content %s has other bytes" % short)
        self.last, self.held[name] = self.places[name], data

    def gap(self, chain: bytes, height: int, what: str) -> None:
        """Something is not here, and is no fault (rounds.md, What a full verifier does)."""
        self.gaps.append("chain %s, height %d: %s" % (chain.hex()[:8], height, what))

    def finish(self, progress: Progress = silent) -> Checked:
        """What only the whole file tells (rounds.md, What a full verifier does)."""
        need(self.missing is not None, "the export has no end")
        registry = self.registry
        if not self.held:
            self.name_contents()
        lacking = len(self.named) - len(self.held)
        complete = self.missing == lacking or not self.held and self.missing == 0
        need(complete, "%d contents are missing, not %d" % (lacking, self.missing or 0))
        if registry.height == 0:
            self.gap(registry.chain, 0, "no block is here")
        point = self.known.checkpoint
        if point and point.height > registry.height:
            self.gap(registry.chain, registry.height, "the blocks up to the checkpoint are not here")
        self.compare_settlements()
        for chain, task in sorted(self.tasks.items()):
            for height, what in task.lacking:
                self.gap(chain, height, what)
        found = Checked()
        if not self.held:
            for t in registry.every_task():
                if t.beacon is not None:
                    height = self.tasks[t.id].height if t.id in self.tasks else 0
                    self.gap(t.id, height, "sums, equations and models: the file holds no contents")
            return found
        mask = mask_base()
        for _, task in sorted(self.tasks.items()):
            self.check_contents(task, mask, found, progress)
        return found

    def compare_settlements(self) -> None:
        """Every Settle names a block of its task's chain (rounds.md, What a full verifier does)."""
        for chain, height, block, at in self.registry.settles:
            task = self.tasks.get(chain)
            if task and task.height >= height:
                text = "chain %s, height %d: registry block %d settled another block" % (chain.hex()[:8], height, at)
                need(task.ids[height] == block, text)
            else:
                text = "registry block %d settled height %d, which is not here" % (at, height)
                self.gap(chain, task.height if task else 0, text)

    def check_contents(self, task: Task, mask: tuple[int, int, int, int], found: Checked, progress: Progress) -> None:
        """Repeated vectors, results, openings, and all other bodies of a task (rounds.md, What a full verifier does)."""
        key, height = task.chain, 0

        def here() -> str:
            return "chain %s, height %d" % (key.hex()[:8], height)

        try:
            content(self.held, task.spec.initial, "an initial model")
            for repeat in task.repeats:
                height = repeat.height
                progress(here())
                if proofs.check_repeat(task, repeat, self.held, mask):
                    found.repeats += 1
                elif repeat.counts:
                    self.gap(key, height, "a body that a later attempt repeats")
            for one in task.results:
                height = one.height
                progress(here())
                stepped, equation = proofs.check_result(task, one, self.held, mask)
                found.results += stepped is True
                found.equations += equation
                found.unfollowed += stepped is None
                if stepped is False or not equation:
                    self.gap(key, height, "sum, model or bodies of a result")
            for scored in task.openings:
                height = scored.height
                checked, lacking = proofs.check_openings(task, scored, self.held, mask)
                found.openings += checked
                if lacking:
                    self.gap(key, height, "direction or bodies of a scored round")
            # Bodies that nothing above rests on, of members that no set holds.
            for height, a in task.carried:
                if a.bytes not in task.sound:
                    progress(here())
                    proofs.points_of(task, a, self.held)
        except Fault as fault:
            raise Fault("%s: %s" % (here(), fault)) from None


def verify(texts: Iterable[str], known: Known = Known(), progress: Progress = silent) -> tuple[Export, Checked]:
    """Checks an export line by line, then as a whole (export.md)."""
    export = Export(known)
    for text in texts:
        export.take(text)
        progress("%d blocks, %d contents" % (export.blocks, len(export.held)))
    return export, export.finish(progress)
