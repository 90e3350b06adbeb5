"""A trainer of one's own in NumPy: softmax regression on rows of numbers, trained by plain gradient descent.

    python -m meshnode_trainer --trainer examples/softmax.py

Rows: CSV with a column "label", or NPZ with x [rows, features] and y [rows]; the task names the labels.
"""

import numpy as np

from meshnode_trainer import Adapter, Description, Evaluated, Prepared, Report, TensorSpec, TensorTable, Trained
from meshnode_trainer.rows import read_rows
from meshnode_trainer.scores import classified, softmax
from meshnode_trainer.settings import Setting, checked_settings, read_settings

SETTINGS = (
    Setting("lr", "number", 0.1, "learning rate", 0, 1000),
    Setting("epochs", "integer", 1, "passes over the rows in a round", 0, 10_000),
    Setting("batch_size", "integer", 32, "rows of one step", 1, 1_000_000),
)


class Softmax(Adapter):
    def hello(self, hello):
        return Description("softmax", "1", libraries={"numpy": np.__version__}, capabilities={"evaluate": True})

    def preflight(self, task, data):
        _, faults = read_settings(SETTINGS, task.settings)
        return Report(tuple(faults))

    def prepare(self, task, data, seed, progress):
        checked_settings(SETTINGS, task.settings)
        self.rows = read_rows(data.train, task.labels, data.options)
        held_out = data.evaluation and read_rows(data.evaluation, task.labels, data.options)
        self.held_out = held_out or None
        self.classes = len(task.labels)
        features = int(np.prod(self.rows.x.shape[1:]))
        table = TensorTable(
            [
                TensorSpec("layers.0.weight", (self.classes, features), "F32", "train"),
                TensorSpec("layers.0.bias", (self.classes,), "F32", "train"),
            ]
        )
        start = {spec.name: np.zeros(spec.shape, np.float32) for spec in table}
        return Prepared(len(self.rows), len(held_out or ()), table, start, self.rows.counts(self.classes))

    def train(self, job, progress):
        settings = checked_settings(SETTINGS, job.settings)
        rows = self.rows if job.split == "train" else self.held_out
        x, y = rows.x.reshape(len(rows), -1), rows.y
        weight, bias = job.weights["layers.0.weight"], job.weights["layers.0.bias"]
        order = np.random.default_rng(job.seed)
        loss = 0.0
        for epoch in range(settings["epochs"]):
            for batch in np.array_split(order.permutation(len(x)), max(1, len(x) // settings["batch_size"])):
                share = softmax(x[batch] @ weight.T + bias)
                loss = -np.log(share[np.arange(len(batch)), y[batch]] + 1e-12).mean()
                share[np.arange(len(batch)), y[batch]] -= 1
                share = (share * settings["lr"] / len(batch)).astype(np.float32)
                weight -= share.T @ x[batch]
                bias -= share.sum(axis=0)
            progress(step=epoch + 1, of=settings["epochs"], epoch=epoch + 1, loss=loss)
        return Trained({"layers.0.weight": weight, "layers.0.bias": bias}, len(x), {"loss": loss})

    def evaluate(self, job, progress) -> Evaluated:
        x = self.held_out.x.reshape(len(self.held_out), -1)
        scores = x @ job.weights["layers.0.weight"].T + job.weights["layers.0.bias"]
        return classified(softmax(scores), self.held_out.y, self.classes)


def trainer():
    return Softmax()
