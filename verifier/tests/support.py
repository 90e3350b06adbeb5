"""What the tests share: the package of this checkout, the project's vectors, and a small real export.

`exports/small.jsonl` is of a testnet of five nodes with two rounds of fedadam over wdbc, one holder: written by
`meshnode testnet --rounds 2 --data wdbc --partition iid --server fedadam --holders 1,0` and `meshnode chain export --contents`.
"""

from __future__ import annotations

import sys
import unittest
from collections.abc import Callable
from pathlib import Path

TESTS = Path(__file__).resolve().parent
REPOSITORY = TESTS.parents[1]
VECTORS = REPOSITORY / "Tests" / "Vectors"
SMALL = TESTS / "exports" / "small.jsonl"
sys.dont_write_bytecode = True
if str(TESTS.parent / "src") not in sys.path:
    sys.path.insert(0, str(TESTS.parent / "src"))

from meshnode_verifier import Fault  # noqa: E402


def rows(name: str) -> list[list[str]]:
    """The columns of a text of vectors, without its comments."""
    texts = (VECTORS / name).read_text().splitlines()
    return [text.split(" ") for text in texts if text and not text.startswith("#")]


def frames() -> dict[str, bytes]:
    """The encoded values that the node's tests have (Tests/Vectors/wire/frames.txt)."""
    return {row[0]: bytes.fromhex(row[1]) for row in rows("wire/frames.txt")}


class Case(unittest.TestCase):
    """A test that expects refusals with their words."""

    def refused(self, words: str, run: Callable[[], object]) -> None:
        with self.assertRaises(Fault) as caught:
            run()
        self.assertIn(words, str(caught.exception))
