"""A trainer that misbehaves as the environment variable MODE says; everything else is the softmax example."""

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "examples"))
from softmax import Softmax

from meshnode_trainer import State, Trained

MODE = os.environ.get("MODE", "good")

if MODE == "noisy":
    print("printed while it was imported")
    os.system("echo printed by a child")
    os.write(1, b'{"id":1,"ok":true,"protocol":1,"name":"forged"}\n')
    ctypes.CDLL(None).puts(b"printed by C")
    ctypes.CDLL(None).fflush(None)


class Faulty(Softmax):
    calls = 0

    def train(self, job, progress):
        base = {name: array.copy() for name, array in job.weights.items()}
        if MODE == "noisy":
            print("printed in a training")
            sys.stdout.flush()
            os.write(1, b'{"id":3,"ok":true,"examples":1}\n')
            subprocess.run(["echo", "printed by another child"], check=True)
            print("what stdin holds:", repr(sys.stdin.read()))
        if MODE == "wait":
            # Until the test opens the other end.
            with open(os.environ["GATE"]) as gate:
                gate.read()
        if MODE == "swallow":
            self.swallow(progress)
        if MODE == "exit":
            sys.exit("the app ends itself")
        if MODE == "raise":
            raise ValueError("no such\ncolumn \ud800" + "x" * 10_000)
        if MODE == "memory":
            np.ones(1 << 55)
        if MODE == "flood":
            for step in range(200_000):
                progress(step=step + 1, of=200_000, loss=float("nan") if step else 1.0, no_such_field=1)
        if MODE == "thread":
            worker = threading.Thread(target=lambda: [progress(step=step) for step in range(10)])
            worker.start()
            worker.join()
        if MODE == "child":
            child = subprocess.Popen(["cat", os.environ["GATE"]])
            Path(os.environ["PID"]).write_text(str(child.pid))
            child.wait()
        result = super().train(job, progress)
        weights, metrics = dict(result.weights), dict(result.metrics)
        first = "layers.0.weight"
        examples, state = result.examples, None
        if MODE == "delta":
            weights = {name: base[name] - array for name, array in weights.items()}
        if MODE == "memory-state":
            Faulty.calls += 1
            weights = {name: array + np.float32(Faulty.calls) for name, array in weights.items()}
        if MODE == "unseeded":
            weights[first] = weights[first] + np.random.default_rng().random(weights[first].shape).astype(np.float32)
        if MODE == "nan":
            weights[first][0, 0] = np.nan
        if MODE == "shape":
            weights[first] = weights[first].T
        if MODE == "missing":
            del weights[first]
        if MODE == "extra":
            weights["layers.1.weight"] = weights[first]
        if MODE == "rows":
            examples += 1
        if MODE == "metrics":
            metrics = {"nan": float("nan"), "text": "a", "good": 1, **{f"m{number}": number for number in range(50)}}
        if MODE == "state":
            kept = job.state.tensors.get("sum", np.zeros(3, np.float64))
            state = State({"sum": kept + job.round}, {"note": job.state.texts.get("note", "") + str(job.round)})
            weights[first] = weights[first] + np.float32(kept.sum())
        return Trained(weights, examples, metrics, state)

    def swallow(self, progress):
        """Code that catches everything, once or for ever."""
        progress(step=1)
        try:
            with open(os.environ["GATE"]) as gate:
                gate.read()
        except BaseException:
            print("swallowed", file=sys.stderr)
        while True:
            threading.Event().wait(60)

    def evaluate(self, job, progress):
        result = super().evaluate(job, progress)
        if MODE == "evaluate-nan":
            return type(result)(result.examples, float("nan"))
        if MODE == "evaluate-objects":
            return type(result)(result.examples, result.loss, result.score, object())
        return result


def trainer():
    if MODE == "no-library":
        import a_library_that_nobody_has  # noqa: F401
    return Faulty()
