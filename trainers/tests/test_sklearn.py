"""scikit-learn through the protocol: what is averaged, what is refused and why."""

import node
import numpy as np
import pytest
from conftest import TRAIN

from meshnode_trainer.adapters.sklearn_estimators import KINDS, REFUSED
from meshnode_trainer.conformance.process import Refused

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")


def federation(tmp_path, labels=node.LABELS, **settings):
    return node.Federation(tmp_path, ("sklearn",), {"settings": settings, "labels": labels})


def digits(tmp_path, parts=2):
    held_out = node.digits(tmp_path / "held-out.npz", rows=1797)
    with np.load(held_out) as archive:
        np.savez(held_out, x=archive["x"][1437:], y=archive["y"][1437:])
    return [
        {"train": str(node.digits(tmp_path / f"rows{part}.npz", part, parts, rows=1437)), "evaluation": str(held_out)}
        for part in range(parts)
    ]


@pytest.mark.parametrize(("settings", "rounds", "least"), [
    ({"estimator": "SGDClassifier", "epochs": 2}, 3, 0.85),
    ({"estimator": "SGDClassifier", "loss": "hinge", "schedule": "invscaling", "lr": 0.1}, 3, 0.8),
    ({"estimator": "Perceptron", "epochs": 2}, 3, 0.8),
    ({"estimator": "LogisticRegression"}, 3, 0.85),
    ({"estimator": "MLPClassifier", "lr": 0.05, "batch_size": 10, "epochs": 3}, 4, 0.85),
    ({"estimator": "MLPClassifier", "solver": "adam", "batch_size": 10, "epochs": 3}, 4, 0.85),
], ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else None)  # fmt: skip
def test_two_nodes_learn_together(tmp_path, settings, rounds, least):
    with federation(tmp_path, **settings) as together:
        for data in digits(tmp_path):
            together.add(data)
        before = together.evaluate()
        for number in range(1, rounds + 1):
            together.round(number)
        after = together.evaluate()
        assert after["measure"] == "accuracy" and after["score"] > max(least, before["score"])
        assert sum(rows for rows, _ in after["per_class"]) == after["examples"] == 360
        assert sum(right for _, right in after["per_class"]) == round(after["score"] * 360)


def test_classes_that_a_node_lacks_do_not_change_the_shapes(tmp_path):
    paths = []
    for part in (0, 1):
        path = node.digits(tmp_path / f"skewed{part}.npz", rows=1437)
        with np.load(path) as archive:
            x, y = archive["x"], archive["y"]
        np.savez(path, x=x[y % 2 == part], y=y[y % 2 == part])
        paths.append({"train": str(path), "evaluation": digits(tmp_path)[0]["evaluation"]})
    with federation(tmp_path, estimator="SGDClassifier") as together:
        for data in paths:
            classes = together.add(data).prepared["classes"]
            assert classes.count(0) == 5
        for number in range(1, 6):
            together.round(number)
        assert together.evaluate()["score"] > 0.7
    with federation(tmp_path / "second", estimator="LogisticRegression") as together, pytest.raises(Refused) as caught:
        together.add(paths[0])
    assert caught.value.code == "data"
    assert "'1'" in caught.value.error["text"] and len(caught.value.error["more"]) == 4


def test_regressions_tell_r2(tmp_path):
    generator = np.random.default_rng(1)
    x = generator.standard_normal((300, 4))
    y = x @ [1, -2, 0.5, 0] + 3
    np.savez(tmp_path / "a.npz", x=x[:200], y=y[:200])
    np.savez(tmp_path / "b.npz", x=x[200:], y=y[200:])
    for name, settings in (
        ("sgd", {"estimator": "SGDRegressor", "epochs": 5}),
        ("mlp", {"estimator": "MLPRegressor", "epochs": 30, "hidden": [16], "lr": 0.02}),
    ):
        with federation(tmp_path / name, None, **settings) as together:
            together.add({"train": str(tmp_path / "a.npz"), "evaluation": str(tmp_path / "b.npz")})
            for number in (1, 2):
                together.round(number)
            result = together.evaluate()
            assert result["measure"] == "r2" and result["score"] > 0.9 and "per_class" not in result


def test_a_learning_rate_of_zero_gives_the_base_back(tmp_path):
    """Weights and not a change of them; and no step is left over from making the shapes."""
    for estimator in ("MLPClassifier", "SGDRegressor"):
        labels = node.LABELS if estimator.endswith("Classifier") else None
        # scikit-learn refuses a rate of 0 in some estimators, so there are no passes instead.
        with federation(tmp_path / estimator, labels, estimator=estimator, epochs=0) as together:
            together.add(digits(tmp_path)[0])
            generator = np.random.default_rng(2)
            together.model = {
                name: generator.standard_normal(array.shape).astype(np.float32)
                for name, array in together.model.items()
            }
            before = together.model
            together.round(1)
            for name, array in before.items():
                assert np.array_equal(together.model[name], array)
                assert np.array_equal(node.read(together.members[0].process.scratch / "out")[name], array)


def test_layers_above_nine_keep_their_places(tmp_path):
    """Twelve layers of one shape: a sort of their names would give layer 10 to layer 2."""
    with federation(tmp_path, estimator="MLPClassifier", hidden=[8] * 12, epochs=0) as together:
        member = together.add(digits(tmp_path)[0])
        names = [entry["name"] for entry in member.prepared["tensors"]]
        assert names == [f"coefs.{layer}" for layer in range(13)] + [f"intercepts.{layer}" for layer in range(13)]
        together.model = {name: np.full_like(array, int(name.split(".")[1])) for name, array in together.model.items()}
        together.round(1)
        for name, array in node.read(member.process.scratch / "out").items():
            assert (array == int(name.split(".")[1])).all(), name


@pytest.mark.parametrize(
    "estimator",
    [
        "RandomForestClassifier",
        "SVC",
        "LinearSVC",
        "GaussianNB",
        "Pipeline",
        "KNeighborsClassifier",
        "XGBClassifier",
        "GridSearchCV",
    ],
)
def test_what_cannot_be_averaged_is_refused_with_the_reason(tmp_path, estimator):
    process = node.start(tmp_path, "sklearn")
    try:
        answer = process.ask(
            "preflight",
            node.SECONDS,
            task={"settings": {"estimator": estimator}, "labels": node.LABELS},
            data={"train": str(node.digits(tmp_path / "rows.npz"))},
        )
    finally:
        process.kill()
    (error,) = answer["errors"]
    assert error["code"] == "not_averageable" and error["field"] == "settings.estimator"
    assert REFUSED[estimator] in error["text"] and "SGDClassifier" in error["next"]


def test_preflight_tells_all_faults_at_once(tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,label\n1,x\nb,0\n")
    process = node.start(tmp_path / "scratch", "sklearn")
    try:
        answer = process.ask(
            "preflight",
            node.SECONDS,
            task={
                "settings": {"estimator": "MLPClassifier", "lr": -1, "solver": "sag", "hiden": [1]},
                "labels": node.LABELS,
            },
            data={"train": str(bad), "evaluation": str(bad)},
        )
        good = process.ask(
            "preflight",
            node.SECONDS,
            task={"settings": {"estimator": "MLPClassifier"}, "labels": node.LABELS},
            data={"train": str(node.digits(tmp_path / "rows.npz"))},
        )
    finally:
        process.kill()
    assert [(error.get("row"), error["field"]) for error in answer["errors"]] == [
        (None, "settings.lr"),
        (None, "settings.solver"),
        (None, "settings.hiden"),
        (2, "label"),
        (3, "a"),
        (2, "label"),
        (3, "a"),
    ]
    assert good["errors"] == [] and good["estimate"]["seconds_a_round"] >= 0


def test_every_estimator_that_is_accepted_has_its_settings_tried(tmp_path):
    """scikit-learn renames parameters; each accepted estimator has to be makeable from its defaults."""
    rows = {"train": str(node.digits(tmp_path / "rows.npz", rows=200))}
    for name, kind in KINDS.items():
        process = node.start(tmp_path / name, "sklearn")
        try:
            labels = {"labels": node.LABELS} if kind.is_classifier else {}
            process.ask("prepare", node.SECONDS, data=rows, settings={"estimator": name}, initial_out="base", **labels)
            process.ask("train", node.SECONDS, **TRAIN, settings={"estimator": name})
        finally:
            process.kill()
