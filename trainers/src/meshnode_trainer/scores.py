"""Losses and scores of predictions, the same for all adapters."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .adapter import Evaluated
from .tensors import Array

Floats = npt.NDArray[np.float64]


def softmax(scores: Array) -> Floats:
    """Probabilities of [rows, classes] scores."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def classified(probabilities: Array, labels: Array, classes: int) -> Evaluated:
    """Mean cross-entropy (natural logarithm, probabilities at least 1e-12), accuracy, counts by class and confusion.

    ``probabilities``: [rows, classes]; ``labels``: [rows], 0 to classes - 1.
    """
    rows = len(labels)
    truth = labels.astype(np.int64)
    right = np.clip(probabilities.astype(np.float64)[np.arange(rows), truth], 1e-12, 1.0)
    predicted = probabilities.argmax(axis=1)
    confusion = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    per_class = tuple((int(confusion[one].sum()), int(confusion[one, one])) for one in range(classes))
    return Evaluated(
        rows,
        float(-np.log(right).mean()),
        float((predicted == truth).mean()),
        "accuracy",
        per_class,
        tuple(tuple(int(count) for count in row) for row in confusion),
    )


def regressed(predictions: Array, targets: Array) -> Evaluated:
    """Mean squared error and R². R² of targets that are all equal is 0, or 1 where all are met."""
    truth, guess = targets.astype(np.float64).reshape(-1), predictions.astype(np.float64).reshape(-1)
    errors = float(((truth - guess) ** 2).sum())
    spread = float(((truth - truth.mean()) ** 2).sum())
    score = 1 - errors / spread if spread > 0 else float(errors == 0)
    return Evaluated(len(truth), errors / len(truth), score, "r2")
