"""The checks, in the order in which they run. Each returns what it saw; a failure is an ``AssertionError``."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import limits
from ..errors import CODES
from ..messages import ProtocolError
from ..tensorfile import read_tensors, write_tensors
from ..tensors import TensorTable
from ..version import PROTOCOL
from .process import Ended, Refused, TrainerProcess
from .subject import END_SECONDS, NotSeen, Subject, checked_file, digest, need, refusal

# One function per check; the docstring is the line that is printed.


def version(subject: Subject) -> str:
    """a node of another protocol is refused"""
    with subject.start() as process:
        refusal("version", lambda: subject.hello(process, [99]), what="protocol 99")
    return "code version"


def too_early(subject: Subject) -> str:
    """nothing but hello comes first"""
    with subject.start() as process:
        refusal("config", lambda: subject.prepare(process), what="prepare before hello")
        subject.hello(process)
        fields = {"round": 1, "rounds": 1, "base": "nothing", "out": "out", "seed": 1}
        refusal("config", lambda: process.ask("train", subject.seconds, **fields), what="train before prepare")
    return "code config"


def hello(subject: Subject) -> str:
    """hello is answered with what the protocol asks for"""
    subject.warm = subject.start()
    answer = subject.hello(subject.warm, [PROTOCOL, PROTOCOL + 1])
    need(answer.get("protocol") == PROTOCOL, f"protocol is {answer.get('protocol')!r}")
    for name in ("name", "version", "adapter", "device"):
        need(isinstance(answer.get(name), str) and answer[name], f"{name} is no text")
    need(isinstance(answer.get("libraries"), dict), "libraries is no object")
    capabilities = answer.get("capabilities")
    assert isinstance(capabilities, dict), "capabilities is no object"
    for name in ("evaluate", "warm", "state", "proximal"):
        need(isinstance(capabilities.get(name), bool), f"capabilities.{name} is neither true nor false")
    return f"{answer['name']} {answer['version']} on {answer['device']}"


def preflight(subject: Subject) -> str:
    """preflight tells all faults at once"""
    process = subject.process()
    task = subject.task()
    good = process.ask("preflight", subject.seconds, task=task, data=subject.data)
    need(good.get("errors") == [], f"this task was refused: {good.get('errors')}")
    need(
        isinstance(good.get("warnings"), list) and isinstance(good.get("estimate"), dict),
        "warnings or estimate is missing",
    )
    task["settings"] = {**task["settings"], "no-such-setting-1": 1, "no-such-setting-2": 2}
    bad = process.ask(
        "preflight", subject.seconds, task=task, data={**subject.data, "train": str(subject.folder / "none")}
    )
    places = [str(error.get("field")) + str(error.get("file")) for error in bad["errors"]]
    need(any("none" in place for place in places), "rows that do not exist are no fault")
    for error in bad["errors"]:
        need(error.get("code") in CODES and error.get("text"), f"is no error of the protocol: {error}")
    unknown = sum("no-such-setting" in place for place in places)
    need(unknown in (0, 2), "of two unknown settings one was named")
    return f"{len(places)} of a bad task" + ("" if unknown else "; any setting is taken")


def prepare(subject: Subject) -> str:
    """prepare fixes rows and tensors, and the same seed makes the same model in another process"""
    files = []
    with subject.start() as other:
        subject.hello(other)
        for process in (subject.process(), other):
            answer = subject.prepare(process, initial_out="initial", carrier_out="carrier")
            files.append((answer, process.scratch / "initial", process.scratch / "carrier"))
        (first, initial, carrier), (second, *copies) = files
        need(first["tensors"] == second["tensors"], "two processes have other tensors")
        need(
            [digest(path) for path in copies] == [digest(initial), digest(carrier)], "two processes made other weights"
        )
    subject.table = TensorTable.from_json(first["tensors"])
    need(
        [entry.get("order") for entry in first["tensors"]] == list(range(len(first["tensors"]))),
        "order is not 0 to n - 1",
    )
    need(type(first.get("rows")) is int and first["rows"] > 0, "rows is no number above 0")
    need(type(first.get("evaluation_rows")) is int, "evaluation_rows is no whole number")
    classes = first.get("classes")
    need(classes is None or sum(classes) == first["rows"], "classes do not add up to the rows")
    subject.rows, subject.evaluation_rows = first["rows"], first["evaluation_rows"]
    checked_file(initial, subject.travelling)
    subject.keep("base1", initial)
    subject.keep("carrier", carrier)
    values = sum(spec.count for spec in subject.travelling)
    return f"{subject.rows} rows, {len(subject.table)} tensors, {values} values travel"


def training(subject: Subject) -> str:
    """two rounds give whole, canonical files, and rows no more than prepared"""
    process = subject.process()
    subject.prepare(process, carrier_in=str(subject.files["carrier"]))
    for number in (1, 2):
        more = {"state_in": str(subject.files["state2"])} if number == 2 else {}
        request = process.send("train", **subject.fields(process, number, **more))
        answer, events = process.answer_of(request, subject.seconds)
        need(0 < answer["examples"] <= subject.rows, f"examples are {answer['examples']} of {subject.rows} rows")
        metrics = answer["metrics"]
        need(
            len(metrics) <= limits.METRICS and all(isinstance(one, (int, float)) for one in metrics.values()), "metrics"
        )
        for name in ("seconds", "device"):
            need(name in answer, f"{name} is missing")
        checked_file(process.scratch / "out", subject.travelling)
        rate = [event["at"] for event in events if event["event"] == "progress"]
        for first, last in zip(rate, rate[limits.PROGRESS_A_SECOND * 2 :], strict=False):
            need(last - first > 0.9, f"more than {limits.PROGRESS_A_SECOND} progress events a second")
        subject.keep(f"base{number + 1}", process.scratch / "out")
        subject.keep(f"state{number + 1}", process.scratch / "state")
    return f"{answer['examples']} rows, {answer['seconds']} s, metrics {', '.join(metrics) or 'none'}"


def _second_round(subject: Subject, process: TrainerProcess, what: str) -> str:
    subject.train(process, 2, state_in=str(subject.files["state2"]))
    need(digest(process.scratch / "out") == digest(subject.files["base3"]), f"{what} gave other weights")
    need(digest(process.scratch / "state") == digest(subject.files["state3"]), f"{what} gave another state")
    return digest(subject.files["base3"])[:12]


def repeated(subject: Subject) -> str:
    """a round that is repeated gives the same bytes"""
    return _second_round(subject, subject.process(), "the same request")


def cold(subject: Subject) -> str:
    """a new process gives the same bytes as the warm one"""
    with subject.start() as process:
        subject.hello(process)
        subject.prepare(process, carrier_in=str(subject.files["carrier"]))
        return _second_round(subject, process, "a new process")


def weights(subject: Subject) -> str:
    """new weights come back, not a change of weights"""
    process = subject.process()
    base, before = subject.files["base2"], read_tensors(subject.files["base3"], subject.travelling, travelling=True)
    moved = read_tensors(base, subject.travelling, travelling=True)
    names = [spec.name for spec in subject.travelling if spec.role == "train"]
    # A change of weights keeps next to nothing of a shift of the base. Weights keep most of it, unless the training ends
    # at the same place wherever it begins: a larger shift tells then.
    shares = []
    for scale in (0.01, 1.0, 30.0):
        generator = np.random.default_rng(5)
        shift = {name: (generator.standard_normal(moved[name].shape) * scale).astype(np.float32) for name in names}
        write_tensors(process.scratch / "moved", {**moved, **{name: moved[name] + shift[name] for name in names}})
        try:
            subject.train(process, 2, base="moved", state_in=str(subject.files["state2"]))
        except Refused as refused:
            need(refused.code == "failed", f"from a shifted base the training is refused: {refused}")
            break
        after = read_tensors(process.scratch / "out", subject.travelling, travelling=True)
        along = sum(float(((after[name] - before[name]).astype(float) * shift[name]).sum()) for name in names)
        shares.append(along / sum(float((shift[name].astype(float) ** 2).sum()) for name in names))
        if shares[-1] > 0.25:
            return f"{shares[-1]:.2f} of a shift of the base came back"
    raise AssertionError(
        f"of shifts of the base {', '.join(f'{share:.2f}' for share in shares)} came back: changes "
        "instead of weights, or a training that forgets its base in one round: check with fewer steps"
    )


def evaluation(subject: Subject) -> str:
    """evaluate gives a loss and counts that belong together, twice the same"""
    process = subject.process()
    fields = {
        "round": 2,
        "base": str(subject.files["base3"]),
        "state_in": str(subject.files["state3"]),
        "split": "evaluation",
        "settings": dict(subject.settings),
    }
    if subject.evaluation_rows == 0:
        refusal(
            "data", lambda: process.ask("evaluate", subject.seconds, **fields), what="evaluate without held-out rows"
        )
        raise NotSeen("there are no held-out rows; that is refused with code data")
    first, second = (process.ask("evaluate", subject.seconds, **fields) for _ in range(2))
    for answer in (first, second):
        answer.pop("id")
    need(first == second, "the same request gave another answer")
    need(
        first["examples"] == subject.evaluation_rows, f"{first['examples']} examples of {subject.evaluation_rows} rows"
    )
    need("score" not in first or first.get("measure") in ("accuracy", "r2"), "measure is neither accuracy nor r2")
    if "per_class" in first:
        need(sum(rows for rows, _ in first["per_class"]) == first["examples"], "per_class does not add up")
    return f"loss {first['loss']:.4f}, " + (
        f"{first['measure']} {first['score']:.4f}" if "score" in first else "no score"
    )


def unknown(subject: Subject) -> str:
    """an unknown operation is unsupported, an unknown field is ignored"""
    process = subject.process()
    refusal("unsupported", lambda: process.ask("no-such-operation", 60), what="an unknown operation")
    subject.train(process, 2, state_in=str(subject.files["state2"]), no_such_field={"a": [1]})
    need(digest(process.scratch / "out") == digest(subject.files["base3"]), "an unknown field changed the weights")
    return "as they should be"


def bad_inputs(subject: Subject) -> str:
    """a base that is missing, a link, a pipe, cut, of other tensors or not finite is refused by its name"""
    process = subject.process()
    good = subject.files["base2"]
    named = read_tensors(good, subject.travelling, travelling=True)
    spec = subject.travelling[0]
    first = named[spec.name]
    broken: dict[str, Callable[[Path], object]] = {
        "missing": lambda path: None,
        "link": lambda path: path.symlink_to(good),
        "pipe": lambda path: os.mkfifo(path),
        "folder": lambda path: path.mkdir(),
        "cut": lambda path: path.write_bytes(good.read_bytes()[:-4]),
        "longer": lambda path: path.write_bytes(good.read_bytes() + bytes(4)),
        "no-tensors": lambda path: path.write_bytes(b"\x80\x04K\x01." * 20),
        "lacks": lambda path: write_tensors(path, {name: one for name, one in named.items() if name != spec.name}),
        "extra": lambda path: write_tensors(path, {**named, "one.more": first}),
        "shape": lambda path: write_tensors(path, {**named, spec.name: first.reshape(1, *first.shape)}),
        "type": lambda path: write_tensors(path, {**named, spec.name: first.astype(np.float64)}),
        "nan": lambda path: write_tensors(path, {**named, spec.name: np.full_like(first, np.nan)}),
        "infinite": lambda path: write_tensors(path, {**named, spec.name: np.full_like(first, np.inf)}),
    }
    for name, make in broken.items():
        path = process.scratch / f"base-{name}"
        make(path)
        (process.scratch / "out").unlink(missing_ok=True)
        refusal(
            "config",
            lambda path=path: subject.train(process, 2, base=str(path)),  # type: ignore[misc]
            names=path.name,
            what=f"the base {name}",
        )
        need(not (process.scratch / "out").exists(), f"weights were written for the base {name}")
    return f"{len(broken)} kinds"


def bad_outputs(subject: Subject) -> str:
    """nothing is written outside of the scratch folder or over an input"""
    process = subject.process()
    outside = subject.folder / "outside"
    (process.scratch / "away").symlink_to(subject.folder)
    for text in (str(outside), "../outside", "away/outside", "no-such-folder/out"):
        refusal("config", lambda text=text: subject.train(process, 2, out=text), what=f"out {text}")  # type: ignore[misc]
        refusal("config", lambda text=text: subject.train(process, 2, state_out=text), what="state_out")  # type: ignore[misc]
    need(not outside.exists(), "a file was written outside of the scratch folder")
    (process.scratch / "own").write_bytes(subject.files["base2"].read_bytes())
    refusal("config", lambda: subject.train(process, 2, base="own", out="own"), what="out over the base")
    refusal("config", lambda: subject.train(process, 2, out="same", state_out="same"), what="state_out over out")
    return "8 places"


def weights_before_state(subject: Subject) -> str:
    """no state is there where the weights could not be written"""
    process = subject.process()
    (process.scratch / "folder").mkdir()
    (process.scratch / "state").unlink(missing_ok=True)
    try:
        subject.train(process, 2, out="folder", state_in=str(subject.files["state2"]))
    except Refused:
        need(not (process.scratch / "state").exists(), "a state was written before the weights that belong to it")
        return "a folder stood where the weights go"
    raise AssertionError("weights were written over a folder")


def busy_and_cancel(subject: Subject) -> str:
    """while a request is at work others are refused, it can be cancelled, and the process goes on"""
    process = subject.process()
    request = process.send("train", **subject.fields(process, 2, state_in=str(subject.files["state2"])))
    second, cancel = process.send("evaluate", base="x"), process.send("cancel", job=request)
    sent, answers, end = time.monotonic(), dict[int, dict[str, Any]](), time.monotonic() + subject.seconds
    while not {request, second, cancel} <= set(answers):
        message = process.receive(end - time.monotonic())
        if "event" not in message:
            answers[message["id"]] = {**message, "at": time.monotonic()}
    need(answers[cancel].get("ok") is True, "cancel was not answered with ok")
    trained = answers[request]
    state = {"state_in": str(subject.files["state2"])}
    if trained["ok"]:
        subject.train(process, 2, **state)
        raise NotSeen("the training was over before it could be cancelled")
    need(trained["error"]["code"] == "cancelled", f"it ended as {trained['error']}")
    took = trained["at"] - sent
    need(took < END_SECONDS, f"the cancelled training ended after {took:.1f} s")
    need(
        answers[second]["ok"] is False and answers[second]["error"]["code"] == "busy",
        "a second request was not refused",
    )
    _second_round(subject, process, "after a cancel, the next training")
    return f"it ended after {took:.2f} s"


def alive(subject: Subject) -> str:
    """a request that takes long says every two seconds that it is alive"""
    process = subject.process()
    request = process.send("train", **subject.fields(process, 2, state_in=str(subject.files["state2"])))
    began = time.monotonic()
    _, events = process.answer_of(request, subject.seconds)
    took = time.monotonic() - began
    beats = [began, *(event["at"] for event in events if event["event"] == "alive"), began + took]
    gap = max(later - earlier for earlier, later in itertools.pairwise(beats))
    if took < 2 * limits.ALIVE_SECONDS:
        raise NotSeen(f"the training took {took:.1f} s")
    need(gap < 5 * limits.ALIVE_SECONDS, f"{gap:.1f} s passed without a sign of life")
    return f"{len(beats) - 2} signs in {took:.0f} s"


def long_lines(subject: Subject) -> str:
    """a line of 1 MiB is read, a longer one ends the process with code 3"""

    def line(size: int) -> bytes:
        start, end = b'{"id":1,"op":"no-such-operation","filler":"', b'"}\n'
        return start + b"x" * (size - len(start) - len(end)) + end

    with subject.start() as process:
        process.send_bytes(line(limits.LINE_BYTES))
        answer = process.receive(subject.seconds)
        need(answer.get("id") == 1 and answer.get("ok") is False, "the line of 1 MiB was not answered as unsupported")
        _broken(subject, process, line(limits.LINE_BYTES + 1).replace(b'"id":1', b'"id":2'), "a line above 1 MiB")
    return "as they should be"


def no_json(subject: Subject) -> str:
    """a line that is no message ends the process with code 3"""
    lines = (
        b"hello\n",
        b'{"id":1,"op":"hello","a":NaN}\n',
        b"[1]\n",
        b'{"op":"hello"}\n',
        b'\xff{"id":1,"op":"bye"}\n',
    )
    for one in lines:
        with subject.start() as process:
            _broken(subject, process, one, repr(one))
    return f"{len(lines)} kinds"


def _broken(subject: Subject, process: TrainerProcess, line: bytes, what: str) -> None:
    try:
        process.send_bytes(line)
    except BrokenPipeError:
        pass
    try:
        while True:
            message = process.receive(subject.seconds)
            need(message.get("ok") is not True, f"{what} was answered")
    except Ended:
        code = process.wait(END_SECONDS)
    # A process that leads its group may end itself with the children that it started.
    need(code in (3, -9), f"after {what} it ended with {code}, not 3")


def bye(subject: Subject) -> str:
    """bye ends the process with code 0"""
    process = subject.process()
    process.ask("bye", 60)
    code = process.wait(END_SECONDS)
    need(code == 0, f"it ended with {code}")
    process.kill()
    return "code 0"


def end_of_input(subject: Subject) -> str:
    """the process ends when its node is gone, in the middle of a training, too"""
    with subject.start() as process:
        subject.hello(process)
        process.close_input()
        process.wait(END_SECONDS)
    with subject.start() as process:
        subject.hello(process)
        subject.prepare(process)
        process.send("train", **subject.fields(process, 2, state_in=str(subject.files["state2"])))
        process.close_input()
        process.wait(END_SECONDS)
    return "idle and at work"


CHECKS: tuple[Callable[[Subject], str], ...] = (
    version, too_early, hello, preflight, prepare, training, repeated, cold, weights, evaluation, unknown, bad_inputs,
    bad_outputs, weights_before_state, busy_and_cancel, alive, long_lines, no_json, bye, end_of_input,
)  # fmt: skip


def run(subject: Subject, say: Callable[[str], None]) -> tuple[int, int, int]:
    """Runs every check and says a line for each. Returns how many passed, failed and saw nothing."""
    counts = {"ok": 0, "FAIL": 0, "none": 0}
    try:
        for check in CHECKS:
            try:
                word, text = "ok", check(subject)
            except NotSeen as reason:
                word, text = "none", str(reason)
            except (AssertionError, Refused, ProtocolError, Ended) as error:
                word, text = "FAIL", str(error) or type(error).__name__
            except Exception as error:
                word, text = "FAIL", f"{type(error).__name__}: {error}"
            counts[word] += 1
            say(f"{word:4} {check.__name__}: {check.__doc__}: {text}")
    finally:
        if subject.warm is not None:
            subject.warm.kill()
    return counts["ok"], counts["FAIL"], counts["none"]
