"""``python -m meshnode_trainer.conformance [options] COMMAND…``: one line a check, exit code 1 for a failure."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from .checks import run
from .subject import Subject


def sample(folder: Path) -> tuple[Path, Path]:
    """120 and 60 rows of 8 features in 3 classes, which can be told apart."""
    generator = np.random.default_rng(0)
    paths = (folder / "rows.npz", folder / "held-out.npz")
    centres = generator.standard_normal((3, 8))
    for path, rows in zip(paths, (120, 60), strict=True):
        y = np.arange(rows) % 3
        x = centres[y] + 0.5 * generator.standard_normal((rows, 8))
        np.savez(path, x=x.astype(np.float32), y=y)
    return paths


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m meshnode_trainer.conformance",
        description="Checks a program that speaks "
        "trainer/1. Without --data it trains on 120 rows of 8 numbers in 3 classes (NPZ).",
    )
    parser.add_argument("--data", type=Path, help="rows of the training")
    parser.add_argument("--evaluation", type=Path, help="held-out rows")
    parser.add_argument(
        "--options", type=json.loads, default={}, metavar="JSON", help="the owner's options of the rows"
    )
    parser.add_argument("--labels", type=lambda text: text.split(","), metavar="A,B,…", help="the task's classes")
    parser.add_argument("--settings", type=json.loads, default={}, metavar="JSON", help="the task's settings")
    parser.add_argument(
        "--tensors", type=Path, metavar="FILE", help="the task's list of tensors (JSON), where the trainer needs it"
    )
    parser.add_argument("--initial", type=Path, metavar="FILE", help="the task's initial weights, where it needs them")
    parser.add_argument("--seconds", type=float, default=600, help="longest wait for one answer (600)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the program and its arguments")
    arguments = parser.parse_args()
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    if not command:
        parser.error("name the program to check")
    with tempfile.TemporaryDirectory(prefix="conformance-") as text:
        folder = Path(text).resolve()
        labels = arguments.labels
        if arguments.data is None:
            train, evaluation = sample(folder)
            labels = labels or ["a", "b", "c"]
        else:
            train, evaluation = arguments.data.resolve(), arguments.evaluation and arguments.evaluation.resolve()
        data = {"train": str(train), "options": arguments.options}
        if evaluation is not None:
            data["evaluation"] = str(evaluation)
        tensors = None if arguments.tensors is None else json.loads(arguments.tensors.read_text("utf-8"))
        initial = None if arguments.initial is None else arguments.initial.resolve()
        subject = Subject(
            command, folder, data, labels, arguments.settings, tensors, initial, seconds=arguments.seconds
        )
        passed, failed, unseen = run(subject, lambda line: print(line, flush=True))
        if failed and subject.warm is not None:
            print("--- the end of the trainer's log", subject.warm.log()[-3000:], sep="\n")
    print(f"{passed} passed, {failed} failed, {unseen} did not come up")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
