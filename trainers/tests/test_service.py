"""The protocol over real pipes, with a trainer that misbehaves."""

import os
import threading
import time

import node
import pytest
from conftest import TRAIN

from meshnode_trainer.conformance.process import Ended, Refused


def refusal(process, **fields):
    with pytest.raises(Refused) as caught:
        process.ask("train", node.SECONDS, **{**TRAIN, **fields})
    return caught.value.error


def open_gate(path):
    """A named pipe that a trainer waits at, until ``open(path, "w")`` is closed."""
    os.mkfifo(path)
    return str(path)


def test_what_code_prints_goes_to_the_log(faulty, train):
    process = faulty("noisy")
    assert train(process)["examples"] == 200
    log = process.log()
    for text in (
        "printed while it was imported",
        "printed by a child",
        "printed by C",
        "forged",
        "printed in a training",
        '{"id":3,"ok":true',
        "printed by another child",
        "what stdin holds: ''",
    ):
        assert text in log


def test_a_library_that_is_missing_is_told_in_the_answer_of_hello(faulty):
    with pytest.raises(Refused) as caught:
        node.greet(faulty("no-library", prepare=False))
    assert caught.value.code == "failed"
    assert "a_library_that_nobody_has" in caught.value.error["text"]


def test_errors_of_an_app_name_the_place_and_the_process_goes_on(faulty):
    process = faulty("raise")
    for _ in range(2):
        error = refusal(process)
        assert error["code"] == "failed"
        assert error["text"].startswith("ValueError: no such column ?xxx")
        assert error["text"].endswith("(faulty.py, line " + error["text"].rsplit(" ", 1)[1])
        assert len(error["text"]) <= 500
        assert error["next"]
    assert "Traceback" in process.log()


@pytest.mark.parametrize(("mode", "code", "text", "field"), [
    ("exit", "failed", "SystemExit: the app ends itself", None),
    ("memory", "memory", "MemoryError", None),
    ("nan", "failed", "not finite", "layers.0.weight"),
    ("shape", "failed", "came back with shape [64, 10], it has [10, 64]", "layers.0.weight"),
    ("missing", "failed", "did not return this tensor", "layers.0.weight"),
    ("extra", "failed", "a tensor that the model does not have", "layers.1.weight"),
    ("rows", "failed", "201 rows, prepare told 200", None),
])  # fmt: skip
def test_bad_results_are_refused_and_nothing_is_written(faulty, mode, code, text, field):
    process = faulty(mode)
    error = refusal(process)
    assert error["code"] == code
    assert text in error["text"]
    assert error.get("field") == field
    assert not (process.scratch / "out").exists()
    assert not (process.scratch / "out.part").exists()


def test_metrics_are_finite_few_and_what_is_left_out_is_named(faulty, train):
    answer = train(faulty("metrics"))
    assert len(answer["metrics"]) == 32
    assert answer["metrics"]["good"] == 1
    assert "nan" not in answer["metrics"] and "text" not in answer["metrics"]
    assert any("the metric nan" in text for text in answer["warnings"])


def test_an_answer_that_is_no_json_or_not_finite_is_an_error(faulty):
    for mode, text in (("evaluate-nan", "not finite"), ("evaluate-objects", "cannot be sent")):
        with pytest.raises(Refused) as caught:
            faulty(mode).ask("evaluate", node.SECONDS, round=1, base="base")
        assert caught.value.code == "failed"
        assert text in caught.value.error["text"]


def test_a_flood_of_progress_is_thinned_and_keeps_no_nan(faulty):
    process = faulty("flood")
    began = time.monotonic()
    _, events = process.answer_of(process.send("train", **TRAIN), node.SECONDS)
    seconds = time.monotonic() - began
    events = [event for event in events if event["event"] == "progress"]
    assert 1 <= len(events) <= 4 * (seconds + 1)
    assert events[0]["loss"] == 1.0
    assert all("loss" not in event for event in events[1:4])
    assert all(set(event) <= {"id", "event", "at", "step", "of", "loss", "epoch"} for event in events)


def test_progress_from_another_thread(faulty):
    process = faulty("thread")
    _, events = process.answer_of(process.send("train", **TRAIN), node.SECONDS)
    assert len([event for event in events if event["event"] == "progress"]) >= 1


def test_alive_comes_while_a_training_says_nothing(faulty, tmp_path):
    gate = open_gate(tmp_path / "gate")
    process = faulty("wait", GATE=gate)
    request = process.send("train", **TRAIN)
    times = []
    while len(times) < 3:
        message = process.receive(node.SECONDS)
        assert (message["id"], message["event"]) == (request, "alive")
        times.append(message["seconds"])
    assert times == sorted(times) and times[0] >= 1.5
    with open(gate, "w"):
        pass
    assert process.answer_of(request, node.SECONDS)[0]["examples"] == 200


def test_a_second_request_is_busy_and_the_first_one_goes_on(faulty, tmp_path):
    gate = open_gate(tmp_path / "gate")
    process = faulty("wait", GATE=gate)
    first, second = process.send("train", **TRAIN), process.send("bye")
    answer = next_answer(process)
    assert (answer["id"], answer["error"]["code"]) == (second, "busy")
    with open(gate, "w"):
        pass
    assert next_answer(process)["id"] == first


def next_answer(process):
    while "event" in (message := process.receive(node.SECONDS)):
        pass
    return message


def test_cancel_ends_a_call_that_waits_and_code_that_swallows_it(faulty, tmp_path):
    for mode in ("wait", "swallow"):
        process = faulty(mode, GATE=open_gate(tmp_path / f"gate-{mode}"))
        request = process.send("train", **TRAIN)
        assert process.receive(node.SECONDS)["event"] in ("alive", "progress")
        cancel = process.send("cancel", job=request)
        answers = {answer["id"]: answer for answer in (next_answer(process), next_answer(process))}
        assert answers[cancel]["ok"] is True and answers[cancel]["cancelled"] is True
        assert answers[request]["error"]["code"] == "cancelled"
        assert not (process.scratch / "out").exists()
        assert process.ask("evaluate", node.SECONDS, round=1, base="base")["examples"] == 200
    assert "swallowed" in process.log()


def test_cancel_of_what_is_over_is_answered_and_does_nothing(faulty, train):
    process = faulty("good")
    train(process)
    assert process.ask("cancel", node.SECONDS, job=2)["cancelled"] is False
    assert train(process)["examples"] == 200


def test_the_process_and_its_children_end_with_the_node(faulty, tmp_path):
    gate, pid = open_gate(tmp_path / "gate"), tmp_path / "pid"
    # The child's own end of the pipe tells when it is gone: a writer can only be opened while it reads.
    process = faulty("child", GATE=gate, PID=str(pid))
    process.send("train", **TRAIN)
    with open(gate, "w"):
        process.close_input()
        process.wait(node.SECONDS)
        child = int(pid.read_text())
        gone = threading.Event()
        end = time.monotonic() + node.SECONDS
        while not gone.is_set() and time.monotonic() < end:
            try:
                os.kill(child, 0)
                state = open(f"/proc/{child}/stat").read().rsplit(")", 1)[1].split()[0]
                if state == "Z":
                    gone.set()
            except (ProcessLookupError, FileNotFoundError):
                gone.set()
        assert gone.is_set()


def test_state_goes_through_files_alone(faulty, train, tmp_path):
    warm = faulty("state")
    train(warm, state_out="state1")
    train(warm, round=2, state_in="state1", state_out="state2", out="out2")
    cold = faulty("state")
    train(cold, round=2, state_in=str(warm.scratch / "state1"), state_out="state2", out="out2")
    for name in ("out2", "state2"):
        assert (warm.scratch / name).read_bytes() == (cold.scratch / name).read_bytes()
    import safetensors.numpy

    kept = safetensors.numpy.load_file(warm.scratch / "state2")
    assert kept["state:sum"].tolist() == [3.0, 3.0, 3.0]


def test_the_first_line_may_not_be_anything_but_a_request(faulty):
    process = faulty("good", prepare=False)
    process.send_bytes(b"GET / HTTP/1.1\r\n")
    with pytest.raises(Ended):
        process.receive(node.SECONDS)
    assert process.wait(node.SECONDS) in (3, -9)
    assert "protocol is broken" in process.log()


def test_started_by_hand_it_says_what_it_is(tmp_path):
    import pty
    import subprocess

    master, slave = pty.openpty()
    done = subprocess.run(
        [*node.COMMAND, "sklearn"], stdin=slave, capture_output=True, text=True, timeout=node.SECONDS, cwd=tmp_path
    )
    os.close(master), os.close(slave)
    assert done.returncode == 3
    assert "started by a node" in done.stderr
