"""Shared pieces of the tests; every test that was skipped is counted and its reason printed (-ra)."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

import node


@pytest.fixture
def faulty(tmp_path):
    """Starts the misbehaving trainer in a mode, with hello and, unless told otherwise, prepare."""
    started = []

    def begin(mode, prepare=True, **environment):
        process = node.start(
            tmp_path / f"process{len(started)}",
            "--trainer",
            str(node.HERE / "faulty.py"),
            environment={"MODE": mode, **environment},
            hello=False,
        )
        started.append(process)
        if prepare:
            node.greet(process)
            rows = node.digits(tmp_path / "rows.npz", rows=200)
            process.ask(
                "prepare",
                node.SECONDS,
                data={"train": str(rows), "evaluation": str(rows)},
                labels=node.LABELS,
                seed=1,
                initial_out="base",
            )
        return process

    yield begin
    for process in started:
        process.kill()


TRAIN = {"round": 1, "rounds": 2, "base": "base", "out": "out", "seed": 1}


@pytest.fixture
def train():
    """A training of round 1 on what prepare wrote."""

    def run(process, **more):
        return process.ask("train", node.SECONDS, **{**TRAIN, **more})

    return run
