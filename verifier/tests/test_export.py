"""A real export, whole and altered, by the package and by its command."""

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from support import SMALL, TESTS, Case

from meshnode_verifier import Checkpoint, Known, lines, verify

TEXTS = SMALL.read_text().splitlines(keepends=True)
PARSED = [json.loads(text) for text in TEXTS]
NETWORK = PARSED[0]["network"]


def changed(number: int, **fields: object) -> list[str]:
    return TEXTS[:number] + [json.dumps(dict(PARSED[number], **fields)) + "\n"] + TEXTS[number + 1 :]


class Package(Case):
    def test_whole(self) -> None:
        export, checked = verify(TEXTS, Known(NETWORK))
        self.assertEqual(export.gaps, [])
        self.assertEqual((checked.results, checked.equations, checked.unfollowed), (2, 2, 0))

    def test_altered(self) -> None:
        last = len(TEXTS) - 1
        for words, copy in [
            ("has no end", TEXTS[:-1]),
            ("stands behind the end", TEXTS + TEXTS[1:2]),
            ("a second head", TEXTS[:1] + TEXTS),
            ("does not follow", TEXTS[:2] + TEXTS[3:]),
            ("has other fields", changed(2, note="x")),
            ("no lower case", changed(2, body=PARSED[2]["body"].upper())),
            ("beyond 2^64 - 1", changed(2, height=2**64)),
            ("is no JSON", [TEXTS[0], "{\n"]),
            ("is not the hash of the genesis", changed(0, network="00" * 32)),
            ("lines are missing", changed(last, blocks=1)),
            ("contents are missing", changed(last, missing=1)),
        ]:
            with self.subTest(words):
                self.refused(words, lambda: verify(copy))

    def test_anchors(self) -> None:
        self.refused("not the one asked for", lambda: verify(TEXTS[:1], Known("00" * 32)))
        self.refused("than the checkpoint", lambda: verify(TEXTS[:2], Known(checkpoint=Checkpoint(1, "00" * 32))))

    def test_no_line_is_read_without_an_end(self) -> None:
        text = "".join(TEXTS)
        self.assertEqual(list(lines.bounded(io.StringIO(text), 1000)), TEXTS)
        self.refused("other characters", lambda: list(lines.bounded(io.StringIO(text + "\0"), 1000)))


class Command(Case):
    def run_verifier(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        script = str(TESTS.parent / "verify.py")
        return subprocess.run([sys.executable, "-B", script, "-q", *arguments], capture_output=True, text=True)

    def test_exit_codes(self) -> None:
        good = self.run_verifier(str(SMALL), "--network", NETWORK)
        self.assertEqual(good.returncode, 0, good.stdout + good.stderr)
        self.assertIn("15 blocks of 2 chains hold, 15 contents, 2 results, 2 equations", good.stdout)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy"
            copy.write_text("".join(TEXTS[:-1]))
            bad = self.run_verifier(str(copy))
            self.assertEqual((bad.returncode, bad.stdout), (1, "FAILED: the export has no end\n"))
            kept = [text for text in TEXTS[:-1] if '"content"' not in text]
            copy.write_text("".join(kept) + json.dumps(dict(PARSED[-1], contents=0)) + "\n")
            part = self.run_verifier(str(copy))
            self.assertEqual(part.returncode, 3, part.stdout + part.stderr)
            self.assertIn("NOT HERE: ", part.stdout)
        self.assertEqual(self.run_verifier(os.devnull).stdout, "FAILED: %s is not a plain file\n" % os.devnull)
        self.assertEqual(self.run_verifier("/nowhere/at/all").returncode, 2)
        self.assertEqual(self.run_verifier(str(SMALL), "--checkpoint", "1").returncode, 2)
