"""The suite that others run: it passes a good trainer, and each check fails the trainer that it is for."""

import subprocess
import sys

import node
import pytest


def suite(*command, options=(), mode="good"):
    done = subprocess.run(
        [sys.executable, "-m", "meshnode_trainer.conformance", *options, *command],
        capture_output=True,
        text=True,
        timeout=node.SECONDS * 4,
        check=False,
        env={**__import__("os").environ, "MODE": mode},
    )
    lines = {}
    for line in done.stdout.splitlines():
        word, _, rest = line.partition(" ")
        if word in ("ok", "FAIL", "none"):
            lines[rest.split(":", 1)[0].strip()] = word
    return done, lines


SOFTMAX = (*node.COMMAND, "--trainer", str(node.ROOT / "examples/softmax.py"))


def test_the_softmax_example_passes():
    done, lines = suite(*SOFTMAX)
    assert done.returncode == 0, done.stdout
    assert len(lines) == 20
    assert [name for name, word in lines.items() if word != "ok"] in (["alive"], [])


def with_mode(mode):
    """The suite does not hand its environment on, so the mode is part of the command."""
    return ("env", f"MODE={mode}", *node.COMMAND, "--trainer", str(node.HERE / "faulty.py"))


@pytest.mark.parametrize(("mode", "failing"), [
    ("delta", {"weights"}),
    ("memory-state", {"repeated", "cold"}),
    ("unseeded", {"repeated", "cold"}),
    ("nan", {"training"}),
    ("rows", {"training"}),
    ("evaluate-nan", {"evaluation"}),
    ("raise", {"training"}),
])  # fmt: skip
def test_a_planted_fault_is_found(mode, failing):
    done, lines = suite(*with_mode(mode))
    assert done.returncode == 1, done.stdout
    assert failing <= {name for name, word in lines.items() if word == "FAIL"}, done.stdout


def test_a_program_that_prints_on_the_channel_fails():
    script = (
        "import sys; print('starting', flush=True); import runpy; sys.argv = ['x', '--trainer', sys.argv[1]]; "
        "runpy.run_module('meshnode_trainer', run_name='__main__')"
    )
    done, lines = suite(sys.executable, "-c", script, str(node.ROOT / "examples/softmax.py"))
    assert done.returncode == 1
    assert lines["hello"] == "FAIL"


def test_a_program_that_is_no_trainer_fails():
    done, lines = suite("true")
    assert done.returncode == 1
    assert set(lines.values()) == {"FAIL"}
