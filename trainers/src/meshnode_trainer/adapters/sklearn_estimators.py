"""scikit-learn: settings only. Estimators that can start a round from weights that they are given, and no others."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..adapter import (
    Adapter,
    Data,
    Description,
    Estimate,
    Evaluated,
    Hello,
    Job,
    Prepared,
    Progress,
    Report,
    Task,
    Trained,
)
from ..errors import Fault, TrainerError
from ..rows import Rows, read_rows
from ..scores import classified, regressed, softmax
from ..settings import Setting, read_settings
from ..tensors import Array, TensorSpec, TensorTable
from ..version import VERSION

_LR = Setting("lr", "number", 0.01, "learning rate", 0, 1000)
_EPOCHS = Setting("epochs", "integer", 1, "passes over the rows in a round", 0, 10_000)
_ALPHA = Setting("alpha", "number", 0.0001, "weight of the penalty", 0, 1000)
_PENALTY = Setting("penalty", "text", "l2", "which penalty", choices=("l2", "l1", "elasticnet", "none"))
_SCHEDULE = Setting(
    "schedule",
    "text",
    "constant",
    "how the learning rate falls with the steps",
    choices=("constant", "invscaling", "optimal"),
)
_HIDDEN = Setting("hidden", "integers", [32], "width of each hidden layer", 1, 65536, most=32)
_MLP = (
    _LR, _EPOCHS, _ALPHA, _HIDDEN,
    Setting("activation", "text", "relu", "of the hidden layers", choices=("relu", "tanh", "logistic", "identity")),
    Setting("solver", "text", "sgd", "optimiser; its moments begin anew in each round", choices=("sgd", "adam")),
    Setting("momentum", "number", 0.0, "of sgd", 0, 0.9999),
    Setting("batch_size", "integer", 32, "rows of one step", 1, 1_000_000),
)  # fmt: skip


def _linear(settings: dict[str, Any]) -> dict[str, Any]:
    penalty = None if settings["penalty"] == "none" else settings["penalty"]
    return {"penalty": penalty, "alpha": settings["alpha"], "eta0": settings["lr"], "shuffle": False}


def _sgd(settings: dict[str, Any]) -> dict[str, Any]:
    return {**_linear(settings), "loss": settings["loss"], "learning_rate": settings["schedule"]}


def _mlp(settings: dict[str, Any]) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": tuple(settings["hidden"]),
        "activation": settings["activation"],
        "solver": settings["solver"],
        "learning_rate_init": settings["lr"],
        "momentum": settings["momentum"],
        "alpha": settings["alpha"],
        "nesterovs_momentum": settings["momentum"] > 0,
        "shuffle": False,
    }


@dataclass(frozen=True)
class Kind:
    """An estimator that is accepted: where it is, what it learns, its settings and its parameters from them."""

    module: str
    is_classifier: bool
    settings: Sequence[Setting]
    parameters: Callable[[dict[str, Any]], dict[str, Any]]


KINDS = {
    "SGDClassifier": Kind("sklearn.linear_model", True, (
        _LR, _EPOCHS, _ALPHA, _PENALTY, _SCHEDULE,
        Setting("loss", "text", "log_loss", "which loss", choices=("log_loss", "hinge", "modified_huber"))), _sgd),
    "SGDRegressor": Kind("sklearn.linear_model", False, (
        _LR, _EPOCHS, _ALPHA, _PENALTY, _SCHEDULE,
        Setting("loss", "text", "squared_error", "which loss", choices=("squared_error", "huber", "epsilon_insensitive"))),
        _sgd),
    "Perceptron": Kind("sklearn.linear_model", True, (_LR, _EPOCHS, _ALPHA, _PENALTY), _linear),
    "LogisticRegression": Kind("sklearn.linear_model", True, (
        Setting("C", "number", 1.0, "inverse of the weight of the penalty", 1e-9, 1e9),
        Setting("iterations", "integer", 5, "steps of L-BFGS in a round", 1, 10_000)),
        lambda settings: {"C": settings["C"], "max_iter": settings["iterations"], "warm_start": True}),
    "MLPClassifier": Kind("sklearn.neural_network", True, _MLP, _mlp),
    "MLPRegressor": Kind("sklearn.neural_network", False, _MLP, _mlp),
}  # fmt: skip

_TREES = "trees have no weights in common that could be averaged"
_ROWS = "its parameters are rows of the training data, which would leave the node"
_REFIT = (
    "it computes its weights anew from the rows alone, so that a round cannot begin with the weights that it is given"
)
REFUSED = {
    **dict.fromkeys(("DecisionTreeClassifier", "DecisionTreeRegressor", "ExtraTreeClassifier", "RandomForestClassifier",
                     "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor", "GradientBoostingClassifier",
                     "GradientBoostingRegressor", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor",
                     "AdaBoostClassifier", "AdaBoostRegressor", "IsolationForest", "XGBClassifier", "XGBRegressor",
                     "LGBMClassifier", "LGBMRegressor", "CatBoostClassifier"), _TREES),
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor", "RadiusNeighborsClassifier", "SVC", "SVR", "NuSVC",
                     "NuSVR", "OneClassSVM", "GaussianProcessClassifier", "GaussianProcessRegressor", "KernelRidge"), _ROWS),
    **dict.fromkeys(("LinearSVC", "LinearSVR", "Ridge", "RidgeClassifier", "Lasso", "ElasticNet", "LinearRegression",
                     "LinearDiscriminantAnalysis"), _REFIT),
    **dict.fromkeys(("GaussianNB", "MultinomialNB", "BernoulliNB", "ComplementNB", "CategoricalNB"),
                    "its parameters are counts and variances of the rows; their average is no model of all rows"),
    **dict.fromkeys(("Pipeline", "ColumnTransformer", "StandardScaler", "FeatureUnion"),
                    "fitted steps, such as the means of a scaler, are no weights; prepare the rows beforehand, the same "
                    "way on all nodes"),
    **dict.fromkeys(("VotingClassifier", "StackingClassifier", "BaggingClassifier", "GridSearchCV", "RandomizedSearchCV"),
                    "it holds several estimators; name one"),
}  # fmt: skip


def make(app: Path | None) -> Adapter:
    return SklearnEstimators()


class SklearnEstimators(Adapter):
    """Every round makes a new estimator and puts the base's weights into it, so nothing is carried over in memory."""

    def hello(self, hello: Hello) -> Description:
        import sklearn

        try:
            from threadpoolctl import threadpool_limits

            threadpool_limits(hello.threads)
        except ImportError:
            pass
        return Description(
            "scikit-learn",
            VERSION,
            libraries={"scikit-learn": sklearn.__version__, "numpy": np.__version__},
            capabilities={"evaluate": True},
        )

    def preflight(self, task: Task, data: Data | None) -> Report:
        faults: list[Fault] = []
        kind, settings = _chosen(task, faults)
        rows = None
        if data is not None:
            try:
                rows, _ = _read(task, data)
            except TrainerError as error:
                faults += error.faults
        if kind is None or settings is None or rows is None or faults:
            return Report(tuple(faults))
        faults += _missing_classes(task, settings, rows)
        if faults:
            return Report(tuple(faults))
        learner = _Learner(kind, settings, task.labels, rows.x.shape[1])
        some = Rows(rows.x[:512], rows.y[:512], rows.file)
        began = time.monotonic()
        if not isinstance(learner.estimator, import_module("sklearn.linear_model").LogisticRegression):
            learner.fit(some, 0, 1)
        seconds = (time.monotonic() - began) * len(rows) / len(some)
        return Report(
            estimate=Estimate(seconds_a_round=round(seconds, 3), ram_mb=round(4 * rows.x.nbytes / 2**20 + 200))
        )

    def prepare(self, task: Task, data: Data, seed: int, progress: Progress) -> Prepared:
        faults: list[Fault] = []
        kind, settings = _chosen(task, faults)
        try:
            self.rows, self.held_out = _read(task, data)
            faults += _missing_classes(task, settings, self.rows) if settings is not None else []
        except TrainerError as error:
            faults += error.faults
        if faults or kind is None or settings is None:
            raise TrainerError(*faults)
        self.labels = task.labels
        self.task = task
        learner = _Learner(kind, settings, task.labels, self.rows.x.shape[1], seed)
        arrays = learner.arrays()
        self.table = TensorTable(TensorSpec(name, array.shape, "F64", "train") for name, array in arrays.items())
        classes = self.rows.counts(len(task.labels)) if task.labels is not None else None
        return Prepared(len(self.rows), len(self.held_out or ()), self.table, arrays, classes)

    def _learner(self, job: Job) -> _Learner:
        faults: list[Fault] = []
        kind, settings = _chosen(Task(job.settings or self.task.settings, self.labels), faults)
        if faults or kind is None or settings is None:
            raise TrainerError(*faults)
        learner = _Learner(kind, settings, self.labels, self.rows.x.shape[1], job.seed)
        learner.put(self.table, job.weights)
        return learner

    def train(self, job: Job, progress: Progress) -> Trained:
        learner = self._learner(job)
        rows = self.rows if job.split == "train" else self.held_out
        assert rows is not None
        order = np.random.default_rng(job.seed)
        epochs = learner.settings.get("epochs", 1)
        learner.begin(1 + (job.round - 1) * epochs * len(rows))
        for epoch in range(epochs):
            chosen = order.permutation(len(rows))
            learner.fit(Rows(rows.x[chosen], rows.y[chosen], rows.file), job.seed, epochs)
            progress(step=epoch + 1, of=epochs, epoch=epoch + 1)
        metrics = {}
        if (loss := getattr(learner.estimator, "loss_", None)) is not None and epochs > 0:
            metrics["loss"] = float(loss)
        return Trained(learner.arrays(), len(rows), metrics)

    def evaluate(self, job: Job, progress: Progress) -> Evaluated:
        assert self.held_out is not None
        return self._learner(job).evaluate(self.held_out)


def _chosen(task: Task, faults: list[Fault]) -> tuple[Kind | None, dict[str, Any] | None]:
    """The estimator of a task and its settings; what is wrong goes into ``faults``."""
    name = task.settings.get("estimator")
    if not isinstance(name, str):
        faults.append(Fault("config", "has to be set", f"choose one of {', '.join(KINDS)}", field="settings.estimator"))
        return None, None
    if name not in KINDS:
        code, reason = (
            ("not_averageable", REFUSED[name]) if name in REFUSED else ("config", "is no estimator that is known")
        )
        faults.append(
            Fault(code, f"{name[:60]}: {reason}", f"choose one of {', '.join(KINDS)}", field="settings.estimator")
        )
        return None, None
    kind = KINDS[name]
    own = {key: value for key, value in task.settings.items() if key != "estimator"}
    settings, found = read_settings(kind.settings, own)
    faults += found
    if kind.is_classifier != (task.labels is not None):
        text = (
            "learns classes, and the task has no labels"
            if kind.is_classifier
            else "learns numbers, and the task has labels"
        )
        faults.append(
            Fault("config", f"{name} {text}", "choose another estimator or labels", field="settings.estimator")
        )
    elif task.labels is not None and len(task.labels) < 2:
        faults.append(Fault("config", "a classifier needs two labels or more", "name them", field="labels"))
    return kind, None if faults else settings | {"estimator": name}


def _read(task: Task, data: Data) -> tuple[Rows, Rows | None]:
    """Both files, as [rows, features]; faults of both at once."""
    found: list[Rows] = []
    faults: list[Fault] = []
    for path in (data.train, data.evaluation):
        try:
            if path is not None:
                rows = read_rows(path, task.labels, data.options)
                found.append(Rows(rows.x.reshape(len(rows), -1), rows.y, rows.file))
        except TrainerError as error:
            faults += error.faults
    if not faults and len(found) == 2 and found[0].x.shape[1] != found[1].x.shape[1]:
        faults.append(
            Fault(
                "data",
                f"has {found[1].x.shape[1]} features, {data.train} has {found[0].x.shape[1]}",
                "name files of the same columns",
                file=str(data.evaluation),
            )
        )
    if faults:
        raise TrainerError(*faults)
    return found[0], found[1] if len(found) == 2 else None


def _missing_classes(task: Task, settings: dict[str, Any] | None, rows: Rows) -> list[Fault]:
    """LogisticRegression takes its classes from the rows of each call: one that is missing would change the shapes."""
    if settings is None or settings["estimator"] != "LogisticRegression" or task.labels is None:
        return []
    return [
        Fault(
            "data",
            f"no row has the label {label!r}, and LogisticRegression needs every class on every node",
            "use SGDClassifier, which does not",
            file=rows.file,
        )
        for label, count in zip(task.labels, rows.counts(len(task.labels)), strict=True)
        if count == 0
    ]


class _Learner:
    """One estimator with the shapes that the task gives it, whatever rows a node has."""

    def __init__(
        self, kind: Kind, settings: dict[str, Any], labels: Sequence[str] | None, features: int, seed: int = 0
    ) -> None:
        self.kind, self.settings = kind, settings
        self.classes = len(labels) if labels is not None else 0
        parameters = kind.parameters(settings)
        estimator = (
            getattr(import_module(kind.module), settings["estimator"])(random_state=seed, **parameters)
            if (settings["estimator"] != "LogisticRegression")
            else import_module(kind.module).LogisticRegression(**parameters)
        )
        self.estimator: Any = estimator
        self.has_passes = hasattr(estimator, "partial_fit")
        if not self.has_passes:
            outputs = self.classes if self.classes > 2 else 1
            estimator.classes_, estimator.n_features_in_ = np.arange(self.classes), features
            estimator.coef_, estimator.intercept_ = np.zeros((outputs, features)), np.zeros(outputs)
            return
        # One step on rows of zeros makes the shapes and the random start. No row of a node is looked at.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind.is_classifier:
                every = np.arange(self.classes)
                self._partial(np.zeros((self.classes, features)), every, classes=every)
            else:
                self._partial(np.zeros((2, features)), np.zeros(2))
        if hasattr(estimator, "coef_"):
            estimator.coef_, estimator.intercept_ = np.zeros_like(estimator.coef_), np.zeros_like(estimator.intercept_)

    def _partial(self, x: Array, y: Array, **more: Any) -> None:
        if "batch_size" in self.settings:
            self.estimator.set_params(batch_size=min(self.settings["batch_size"], len(x)))
        self.estimator.partial_fit(x, y, **more)

    def begin(self, steps: int) -> None:
        """``steps``: that all earlier rounds made, which schedules of the learning rate count. The moments of the
        optimiser begin anew."""
        if hasattr(self.estimator, "t_"):
            self.estimator.t_ = float(steps)
        if hasattr(self.estimator, "_optimizer"):
            del self.estimator._optimizer

    def arrays(self) -> dict[str, Array]:
        """Weights by name, in the order that holds everywhere: layers by their number."""
        estimator = self.estimator
        if hasattr(estimator, "coefs_"):
            layers = range(len(estimator.coefs_))
            return {
                **{f"coefs.{layer}": estimator.coefs_[layer] for layer in layers},
                **{f"intercepts.{layer}": estimator.intercepts_[layer] for layer in layers},
            }
        return {"coef": estimator.coef_, "intercept": np.atleast_1d(estimator.intercept_)}

    def put(self, table: TensorTable, weights: dict[str, Array]) -> None:
        for name, array in zip(self.arrays(), table.arrays(weights), strict=True):
            value = np.array(array, dtype=np.float64, order="C")
            kind, _, layer = name.partition(".")
            if layer:
                getattr(self.estimator, f"{kind}_")[int(layer)] = value
            else:
                setattr(self.estimator, f"{kind}_", value)

    def fit(self, rows: Rows, seed: int, epochs: int) -> None:
        """One pass, or all steps of an estimator without passes."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if self.has_passes:
                self._partial(rows.x.astype(np.float64), rows.y)
            else:
                self.estimator.fit(rows.x.astype(np.float64), rows.y)

    def evaluate(self, rows: Rows) -> Evaluated:
        if not self.kind.is_classifier:
            return regressed(self.estimator.predict(rows.x.astype(np.float64)), rows.y)
        try:
            probabilities = self.estimator.predict_proba(rows.x.astype(np.float64))
        except AttributeError:
            scores = self.estimator.decision_function(rows.x.astype(np.float64))
            probabilities = softmax(scores if scores.ndim == 2 else np.stack([np.zeros_like(scores), scores], axis=1))
        return classified(probabilities, rows.y, self.classes)
