"""Starts a trainer: ``python -m meshnode_trainer KIND [--app PATH]`` or ``--trainer FILE``."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from .channel import Channel
from .version import PROTOCOL, VERSION

if TYPE_CHECKING:
    from .adapter import Adapter

KINDS = ("torch", "sklearn", "flower", "lora")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Exit code 3: 2 means "try again later" to the node."""
        self.exit(3, f"{self.prog}: {message}\n")


def main() -> NoReturn:
    parser = _Parser("meshnode-trainer", description="A trainer of meshnode; speaks trainer/1 on stdin and stdout.")
    parser.add_argument("kind", nargs="?", choices=KINDS, help="which adapter")
    parser.add_argument("--app", type=Path, help="the user's code: a Python file (torch) or an app folder (flower)")
    parser.add_argument("--trainer", type=Path, metavar="FILE", help="a Python file whose trainer() returns an Adapter")
    parser.add_argument("--version", action="version", version=f"meshnode-trainer {VERSION}, trainer/{PROTOCOL}")
    arguments = parser.parse_args()
    if (arguments.kind is None) == (arguments.trainer is None):
        parser.error("name a kind, or a file with --trainer")
    if (arguments.kind in ("torch", "flower")) != (arguments.app is not None):
        parser.error("--app belongs to the kinds torch and flower, which need it")
    if os.isatty(0):
        parser.error(
            "this program is started by a node, which speaks trainer/1 with it; to try one out: "
            "python -m meshnode_trainer.conformance --help"
        )
    channel = Channel.take()
    from .service import serve

    def make() -> Adapter:
        if arguments.trainer is not None:
            from .appfolder import load_file

            adapter: Adapter = load_file(arguments.trainer, "meshnode_app").trainer()
            return adapter
        from .adapters import make_adapter

        return make_adapter(arguments.kind, arguments.app)

    serve(make, channel)


if __name__ == "__main__":
    main()
