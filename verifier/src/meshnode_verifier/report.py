"""What is said of an export that holds (export.md, What checks it)."""

from __future__ import annotations

import sys
import time

from .export import Checked, Export


def when(ms: int) -> str:
    """A time of a block, as people write it."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(ms // 1000))


class Progress:
    """A line on stderr every two seconds."""

    def __init__(self, quiet: bool) -> None:
        self.quiet, self.next = quiet, time.monotonic() + 2

    def __call__(self, text: str) -> None:
        if not self.quiet and time.monotonic() >= self.next:
            self.next = time.monotonic() + 2
            print("... " + text, file=sys.stderr, flush=True)


def report(export: Export, checked: Checked, carried: bool | None, has_checkpoint: bool) -> list[str]:
    """The lines of the report; `carried` says whether what a fork carries was held against its origin."""
    registry = export.registry
    name = registry.name.encode("ascii", "backslashreplace").decode()
    out = ['network %s "%s"' % (registry.network.hex(), name)]
    out.append(
        "%d blocks of %d chains hold, %d contents, %d results, %d equations, %d repeated vectors, %d openings; "
        "credits %d, as in genesis"
        % (
            export.blocks, 1 + len(export.tasks), len(export.held), checked.results, checked.equations, checked.repeats,
            checked.openings, registry.total,
        )
    )
    o = registry.genesis.origin
    if o:
        lost = " ".join(k.hex()[:8] for k in o.without)
        voters = sum(a.bond > 0 for a in registry.genesis.accounts)
        out.append(
            "fork of network %s, at its registry block %d:%s, without %s; signed by all of its %d voters"
            % (o.network.hex(), o.height, o.block.hex(), lost, voters)
        )
        out.append(
            "carried: what the old registry gives at that block" if carried else
            "carried: whether that is what the old registry says was NOT checked: give an export of it with --origin"
        )
    if registry.height:
        out.append("as of registry block %d:%s, %s" % (registry.height, registry.head.hex(), when(registry.time)))
        if not has_checkpoint:
            out.append(
                "a history signed by validators that have taken their bonds back since cannot be told apart from this one: "
                "compare the block above with somebody you trust, or give --checkpoint"
            )
    out += ["NOT HERE: " + gap for gap in export.gaps]
    if checked.unfollowed:
        out.append(
            "NOT CHECKED: server step of %d results: this program follows no compression, no scaffold and no scale = previous"
            % checked.unfollowed
        )
    return out
