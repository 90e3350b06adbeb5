"""Both forms of a Flower app pass the suite that any trainer has to pass."""

import json
import subprocess
import sys

import node
import pytest
from test_conformance import suite
from test_flower import APPS, options

flwr = pytest.importorskip("flwr", reason="flwr is not installed")


@pytest.mark.parametrize("app", ["named", "lists"])
def test_an_app_passes_the_suite(tmp_path, app):
    done = subprocess.run(
        [sys.executable, "-m", "meshnode_trainer.adapters.flower_peek", str(APPS / app), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=node.SECONDS,
        check=True,
    )
    seen = json.loads(done.stdout)
    (tmp_path / "tensors.json").write_text(json.dumps(seen["tensors"]))
    given = (
        "--data",
        str(node.digits(tmp_path / "rows.npz")),
        "--options",
        json.dumps(options(0)),
        "--settings",
        json.dumps(seen["settings"]),
        "--tensors",
        str(tmp_path / "tensors.json"),
        "--initial",
        str(tmp_path / "initial"),
    )
    done, lines = suite(*node.COMMAND, "flower", "--app", str(APPS / app), options=given)
    assert done.returncode == 0, done.stdout
    assert {name for name, word in lines.items() if word != "ok"} <= {"alive", "busy_and_cancel"}
