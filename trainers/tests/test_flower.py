"""Flower apps, unchanged, through the protocol; and what a task takes from a ServerApp."""

import json
import subprocess
import sys

import node
import numpy as np
import pytest

from meshnode_trainer.conformance.process import Refused

flwr = pytest.importorskip("flwr", reason="flwr is not installed")
APPS = node.HERE / "apps"


def peek(app, folder, **settings):
    folder.mkdir()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "meshnode_trainer.adapters.flower_peek",
            str(APPS / app),
            "--out",
            str(folder),
            "--settings",
            json.dumps(settings),
        ],
        capture_output=True,
        text=True,
        timeout=node.SECONDS,
        check=False,
    )
    return done, json.loads(done.stdout)


def options(part):
    return {"partition-id": part, "num-partitions": 2}


@pytest.mark.parametrize("app", ["named", "lists"])
def test_an_app_as_it_is_learns_on_two_nodes(tmp_path, app):
    rows = str(node.digits(tmp_path / "rows.npz", rows=1200))
    done, seen = peek(app, tmp_path / "peek")
    assert done.returncode == 0, done.stderr
    with node.Federation(tmp_path, ("flower", "--app", str(APPS / app)), {"settings": seen["settings"]}) as together:
        for part in (0, 1):
            prepared = together.add({"train": rows, "options": options(part)}).prepared
            assert (prepared["rows"], prepared["evaluation_rows"]) == (480, 120)
            assert prepared["tensors"] == seen["tensors"]
        names = [entry["name"] for entry in seen["tensors"]]
        assert names[10] == {"named": "layer.10", "lists": "p0010"}[app]
        scores = [together.evaluate()["score"]]
        for number in (1, 2):
            answers = together.round(number)
            assert [answer["examples"] for answer in answers] == [480, 480]
            # Twelve arrays of one shape: each keeps its own place.
            for place in range(12):
                assert (together.model[names[place]] == number * place).all(), names[place]
            if app == "named":
                assert [answer["metrics"]["calls"] for answer in answers] == [number, number]
            result = together.evaluate()
            assert result["measure"] == "accuracy" and 0 < result["loss"] < 3
            scores.append(result["score"])
        assert scores[0] < 0.3 and scores[2] > 0.8
        log = together.members[0].process.log()
        assert {"named": "training round 2", "lists": "'round': 2"}[app] in log
        if app == "named":
            roles = {entry["name"]: entry["role"] for entry in seen["tensors"]}
            assert roles["norm.running_mean"] == "buffer" and roles["norm.num_batches_tracked"] == "counter"
            assert "norm.num_batches_tracked" not in together.model
            assert (together.model["norm.running_mean"] == 2).all()


@pytest.mark.parametrize("app", ["named", "lists"])
def test_what_a_server_app_was_about_to_send(tmp_path, app):
    done, seen = peek(app, tmp_path / "peek", **{"num-server-rounds": 3, "learning-rate": 0.5})
    assert done.returncode == 0, done.stderr
    assert seen["rounds"] == 3 and seen["server"] == {"rule": "fedavg", "strategy": "FedAvg"}
    assert seen["settings"]["train.lr"] == 0.5
    if app == "named":
        assert seen["settings"]["evaluate.note"] == "a"
    else:
        assert seen["settings"]["train-by-round.round"] == [1, 2, 3]
    assert len(node.read(tmp_path / "peek/initial")) == {"named": 15, "lists": 14}[app]


@pytest.mark.parametrize(("app", "settings", "text"), [
    ("named", {"strategy": "own"}, "OwnRules"),
    ("named", {"strategy": "FedAdagrad"}, "FedAdagrad"),
    ("lists", {"strategy": "FedMedian"}, "FedMedian"),
    ("named", {"no-such-key": 1}, "no key of the app"),
    ("named", {"learning-rate": "fast"}, "is str, the app has float"),
])  # fmt: skip
def test_what_cannot_be_mapped_is_refused_by_name(tmp_path, app, settings, text):
    done, seen = peek(app, tmp_path / "peek", **settings)
    assert done.returncode == 1
    assert text in seen["error"]["text"] and seen["error"]["code"] == "config" and seen["error"]["next"]


def test_strategies_are_mapped_with_their_numbers(tmp_path):
    for strategy, rule in (("FedAdam", "fedadam"), ("FedYogi", "fedyogi")):
        done, seen = peek("named", tmp_path / strategy, strategy=strategy)
        assert done.returncode == 0, done.stderr
        assert seen["server"]["rule"] == rule
        assert (seen["server"]["beta_1"], seen["server"]["beta_2"]) == (0.9, 0.99)
        assert {"eta", "eta_l", "tau"} <= set(seen["server"])


def test_a_round_is_the_arithmetic_of_the_app(tmp_path):
    """What the app does in its own process with the same seed, message and rows, computed here without Flower."""
    rows = node.digits(tmp_path / "rows.npz", rows=300)
    sys.path.insert(0, str(APPS / "lists"))
    try:
        from lists.task import fit, load_data
    finally:
        sys.path.pop(0)
    _, seen = peek("lists", tmp_path / "peek")
    with node.Federation(
        tmp_path, ("flower", "--app", str(APPS / "lists")), {"settings": seen["settings"]}
    ) as together:
        member = together.add({"train": str(rows), "options": options(0)})
        together.train(member, 1, 0)
        new = node.read(member.process.scratch / "out")
    weight, bias = np.zeros((10, 64), np.float32), np.zeros(10, np.float32)
    np.random.seed(10)
    fit(weight, bias, *load_data(rows, 0, 2)[0], 0.1, 1)
    assert np.array_equal(new["p0012"], weight) and np.array_equal(new["p0013"], bias)


def test_preflight_names_unknown_settings_and_an_app_without_components_is_refused(tmp_path):
    process = node.start(tmp_path / "scratch", "flower", "--app", str(APPS / "named"))
    try:
        answer = process.ask(
            "preflight", node.SECONDS, task={"settings": {"learning-rat": 1.0, "train.anything": 1, "lr": 2}}
        )
    finally:
        process.kill()
    assert [error["field"] for error in answer["errors"]] == ["settings.learning-rat", "settings.lr"]
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    with pytest.raises(Refused) as caught:
        node.start(tmp_path / "other", "flower", "--app", str(tmp_path))
    assert caught.value.code == "config" and caught.value.error["file"].endswith("pyproject.toml")
