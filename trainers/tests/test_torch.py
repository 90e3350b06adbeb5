"""PyTorch in four functions, through the protocol."""

import node
import numpy as np
import pytest
from conftest import TRAIN
from test_conformance import suite

from meshnode_trainer.conformance.process import Refused

torch = pytest.importorskip("torch", reason="torch is not installed")
ROLES = ("torch", "--app", str(node.HERE / "apps/torch_roles.py"))
EXAMPLE = ("torch", "--app", str(node.ROOT / "examples/torch_digits.py"))
SETTINGS = {"lr": 0.1, "epochs": 1}


def rows(tmp_path, part=0, parts=1, count=600):
    return {
        "train": str(node.digits(tmp_path / f"rows{part}.npz", part, parts, count)),
        "evaluation": str(node.digits(tmp_path / "held-out.npz", rows=200)),
    }


def test_the_example_learns_on_two_nodes(tmp_path):
    with node.Federation(tmp_path, EXAMPLE, {"settings": {"lr": 0.1, "epochs": 3}, "labels": node.LABELS}) as together:
        for part in (0, 1):
            data = {"train": rows(tmp_path, part, 2, 1437)["train"]}
            prepared = together.add(data).prepared
            assert prepared["rows"] + prepared["evaluation_rows"] in (718, 719)
        for number in (1, 2, 3):
            answers = together.round(number)
            assert all(answer["device"] == "cpu" and answer["metrics"]["loss"] > 0 for answer in answers)
        result = together.evaluate()
        assert result["measure"] == "accuracy" and result["score"] > 0.9


def test_every_role_is_where_it_belongs(tmp_path):
    with node.Federation(tmp_path, ROLES, {"settings": SETTINGS, "labels": node.LABELS}) as together:
        member = together.add(rows(tmp_path))
        entries = {entry["name"]: entry for entry in member.prepared["tensors"]}
        roles = {name: entry["role"] for name, entry in entries.items()}
        assert roles["first.weight"] == "train" and roles["first.bias"] == "frozen"
        assert roles["norm.running_var"] == "buffer" and roles["norm.num_batches_tracked"] == "counter"
        assert roles["again.weight"] == "tied" and entries["again.weight"]["as"] == "head.weight"
        assert entries["scale"]["shape"] == [] and entries["narrow"]["dtype"] == "BF16"
        names = [entry["name"] for entry in member.prepared["tensors"] if entry["name"].startswith("layers.")]
        assert names == [f"layers.{place}.weight" for place in range(12)]
        start = together.model
        assert set(start) == {name for name, role in roles.items() if role in ("train", "buffer")}
        assert start["narrow"].tolist() == [1, 1]
        together.round(1)
        for place in range(12):
            name = f"layers.{place}.weight"
            assert np.allclose(together.model[name] - start[name], place, atol=1e-5)
        assert not np.array_equal(start["norm.running_mean"], together.model["norm.running_mean"])
        # Frozen tensors and counters come from the carrier and stay as they are.
        import safetensors.numpy

        carrier = safetensors.numpy.load_file(member.process.scratch / "carrier")
        assert set(carrier) == {"first.bias", "norm.num_batches_tracked"}
        assert carrier["norm.num_batches_tracked"].dtype == np.int64


def test_a_member_with_another_carrier_trains_from_the_tasks_frozen_tensors(tmp_path):
    """The frozen tensors decide: two seeds make two, and the carrier gives one to both."""
    outs = []
    for seed, carrier in ((1, None), (2, None), (2, str(tmp_path / "process0/carrier"))):
        process = node.start(tmp_path / f"process{len(outs)}", *ROLES)
        try:
            more = {"carrier_in": carrier} if carrier else {"carrier_out": "carrier"}
            process.ask(
                "prepare", node.SECONDS, data=rows(tmp_path), settings=SETTINGS, seed=seed, initial_out="base", **more
            )
            base = str(tmp_path / "process0/base")
            process.ask("train", node.SECONDS, **{**TRAIN, "base": base}, settings=SETTINGS)
            outs.append((process.scratch / "out").read_bytes())
        finally:
            process.kill()
    assert outs[0] != outs[1]
    assert outs[0] == outs[2]


def test_the_state_of_the_optimiser_is_a_file_and_changes_the_next_round(tmp_path):
    process = node.start(tmp_path / "warm", *ROLES)
    cold = node.start(tmp_path / "cold", *ROLES)
    try:
        for one in (process, cold):
            one.ask("prepare", node.SECONDS, data=rows(tmp_path), settings=SETTINGS, seed=1, initial_out="base")
        process.ask("train", node.SECONDS, **TRAIN, settings=SETTINGS, state_out="state1")
        second = {**TRAIN, "round": 2, "base": str(process.scratch / "out"), "out": "out2", "settings": SETTINGS}
        state = str(process.scratch / "state1")
        process.ask("train", node.SECONDS, **second, state_in=state, state_out="state2")
        cold.ask("train", node.SECONDS, **second, state_in=state, state_out="state2")
        for name in ("out2", "state2"):
            assert (process.scratch / name).read_bytes() == (cold.scratch / name).read_bytes()
        kept = (process.scratch / "out2").read_bytes()
        process.ask("train", node.SECONDS, **second)
        assert (process.scratch / "out2").read_bytes() != kept
    finally:
        process.kill(), cold.kill()


def test_local_buffers_stay_in_the_members_own_state(tmp_path):
    with node.Federation(
        tmp_path, ROLES, {"settings": SETTINGS, "labels": node.LABELS, "buffers": "local"}
    ) as together:
        for part in (0, 1):
            together.add(rows(tmp_path, part, 2))
        assert "norm.running_mean" not in together.model and "first.weight" in together.model
        for number in (1, 2):
            together.round(number)
        import safetensors.numpy

        states = [safetensors.numpy.load_file(member.state) for member in together.members]
        assert not np.array_equal(*(state["buffer:norm.running_mean"] for state in states))
        own = together.evaluate(0)["loss"]
        together.members[0].state = together.members[1].state
        assert together.evaluate(0)["loss"] != own


def test_the_direction_of_a_publisher_comes_from_the_held_out_rows(tmp_path):
    with node.Federation(tmp_path, ROLES, {"settings": SETTINGS, "labels": node.LABELS}) as together:
        member = together.add(rows(tmp_path))
        assert together.train(member, 1, 0, split="evaluation")["examples"] == 200
        assert together.train(member, 2, 0)["examples"] == 600


@pytest.mark.parametrize(("what", "op", "code", "text", "field"), [
    ("lacks", "hello", "config", "lacks this function", "train"),
    ("no-model", "prepare", "config", "returned str, no torch.nn.Module", "model_fn"),
    ("complex", "prepare", "not_averageable", "complex64", "bad"),
    ("arrays", "prepare", "data", "look like inputs and labels", "load_data"),
    ("empty", "prepare", "data", "returned no rows", "load_data"),
    ("returns-model", "train", "failed", "returned Model", "train"),
    ("test-nothing", "evaluate", "failed", "neither (loss, score)", "test"),
])  # fmt: skip
def test_faults_of_an_app_name_the_function(tmp_path, what, op, code, text, field):
    process = node.start(tmp_path / "scratch", *ROLES, environment={"WHAT": what}, hello=False)
    try:
        with pytest.raises(Refused) as caught:
            node.greet(process)
            assert op != "hello"
            process.ask("prepare", node.SECONDS, data=rows(tmp_path), settings=SETTINGS, seed=1, initial_out="base")
            assert op != "prepare"
            process.ask(op, node.SECONDS, **TRAIN, settings=SETTINGS)
    finally:
        process.kill()
    error = caught.value.error
    assert error["code"] == code and text in error["text"] and error["field"] == field


def test_a_device_that_is_not_there_and_settings_that_mean_something_else(tmp_path):
    process = node.start(tmp_path / "scratch", *ROLES, hello=False)
    try:
        with pytest.raises(Refused) as caught:
            process.ask("hello", node.SECONDS, protocol=[1], scratch=str(process.scratch), device="cuda:99")
        assert caught.value.code == "device"
        node.greet(process)
        answer = process.ask("preflight", node.SECONDS, task={"settings": {"lr": 1, "round": 2, "state": 1}})
        assert [error["field"] for error in answer["errors"]] == ["settings.round", "settings.state"]
    finally:
        process.kill()


def test_a_task_of_another_model_is_refused_by_its_tensors(tmp_path):
    process = node.start(tmp_path / "scratch", *EXAMPLE)
    try:
        table = process.ask("prepare", node.SECONDS, data={"train": rows(tmp_path)["train"]}, settings=SETTINGS)[
            "tensors"
        ]
        table[0]["shape"] = [32, 63]
        with pytest.raises(Refused) as caught:
            process.ask(
                "prepare", node.SECONDS, data={"train": rows(tmp_path)["train"]}, settings=SETTINGS, tensors=table
            )
        assert caught.value.code == "config" and caught.value.error["field"] == "0.weight"
        assert "[32, 64]" in caught.value.error["text"] and "[32, 63]" in caught.value.error["text"]
    finally:
        process.kill()


def test_the_example_and_the_model_of_all_roles_pass_the_suite(tmp_path):
    data = (
        "--data",
        str(node.digits(tmp_path / "rows.npz", rows=300)),
        "--labels",
        ",".join(node.LABELS),
        "--settings",
        '{"lr":0.1,"epochs":1}',
    )
    for command in (EXAMPLE, ROLES):
        done, lines = suite(*node.COMMAND, *command, options=data)
        assert done.returncode == 0, done.stdout
        assert {name for name, word in lines.items() if word != "ok"} <= {"alive", "evaluation", "busy_and_cancel"}


def test_a_change_instead_of_weights_fails_the_suite(tmp_path):
    data = (
        "--data",
        str(node.digits(tmp_path / "rows.npz", rows=300)),
        "--labels",
        ",".join(node.LABELS),
        "--settings",
        '{"lr":0.1,"epochs":1}',
    )
    done, lines = suite("env", "WHAT=delta", *node.COMMAND, *ROLES, options=data)
    assert done.returncode == 1, done.stdout
    assert (lines["training"], lines["weights"]) == ("ok", "FAIL"), done.stdout
