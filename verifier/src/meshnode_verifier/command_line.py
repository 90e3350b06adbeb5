"""The command: options, anchors, the report and the exit code (export.md, What checks it)."""

from __future__ import annotations

import argparse
import re
import sys

import meshnode_verifier

from . import forks, lines
from .export import Checkpoint, Known, verify
from .faults import Fault
from .identifiers import network_id
from .report import Progress, report

HOLDS, FAILED, INCOMPLETE = 0, 1, 3


def parser() -> argparse.ArgumentParser:
    """The options."""
    first, rest = (meshnode_verifier.__doc__ or "").split("\n\n", 1)
    out = argparse.ArgumentParser(
        prog="meshnode-verify", description=first, formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="exit 0: everything holds; 1: something does not, with the first fault; 3: nothing wrong was found, but what is "
        "missing in the file, or a server step that this program does not follow, was not checked; 2: usage.\n\n" + rest,
    )
    out.add_argument("file", help="what `meshnode chain export --contents --out FILE` wrote")
    out.add_argument("--genesis", metavar="FILE", help="genesis file of the network that this must be")
    out.add_argument("--network", metavar="ID", help="id of the network that this must be, 64 digits")
    out.add_argument("--checkpoint", metavar="HEIGHT:BLOCK", help="a registry block that the history must hold")
    out.add_argument(
        "--origin", metavar="FILE",
        help="an export of the network that this one is a fork of: what was carried is held against it",
    )
    out.add_argument("-q", "--quiet", action="store_true", help="no progress on stderr")
    return out


def known(options: argparse.Namespace, usage: argparse.ArgumentParser) -> Known:
    """What the options say about the network."""
    network: str | None = options.network.lower() if options.network else None
    if options.genesis:
        try:
            with open(options.genesis, "rb") as file:
                named = network_id(file.read()).hex()
        except (OSError, Fault) as error:
            usage.error("--genesis: %s" % error)
        if network not in (None, named):
            usage.error("--genesis and --network name two networks")
        network = named
    if not options.checkpoint:
        return Known(network)
    if not re.fullmatch("[1-9][0-9]*:[0-9a-fA-F]{64}", options.checkpoint):
        usage.error("--checkpoint: write HEIGHT:BLOCK, the block with 64 digits")
    height, block = options.checkpoint.lower().split(":")
    return Known(network, Checkpoint(int(height), block))


def main() -> None:
    """Verifies a file, says what was found, and exits."""
    usage = parser()
    options = usage.parse_args()
    anchor = known(options, usage)
    carried = None
    try:
        with lines.opened(options.file) as file:
            export, checked = verify(lines.bounded(file), anchor, Progress(options.quiet))
        if options.origin:
            with lines.opened(options.origin) as file:
                try:
                    old, _ = verify(lines.bounded(file), progress=Progress(options.quiet))
                    carried = forks.check_origin(export.registry, old.registry)
                except Fault as fault:
                    raise Fault("origin: %s" % fault) from None
            if not carried:
                export.gaps.append(
                    "origin, height %d: the registry blocks up to the fork, so what was carried was not checked"
                    % old.registry.height
                )
    except OSError as error:
        usage.error(str(error))
    except Fault as fault:
        print("FAILED: %s" % fault)
        sys.exit(FAILED)
    print("\n".join(report(export, checked, carried, bool(options.checkpoint))))
    sys.exit(INCOMPLETE if export.gaps or checked.unfollowed else HOLDS)
