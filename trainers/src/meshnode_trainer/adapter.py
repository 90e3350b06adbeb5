"""What an adapter is: five functions over arrays. Files, checks and the protocol are the service's business."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .errors import Fault
from .tensors import Named, TensorTable

Progress = Callable[..., None]
"""``progress(step=…, of=…, epoch=…, loss=…, rows_per_s=…, memory_mb=…)``: says how far a request is. Any thread may
call it, as often as it likes: what is above the protocol's rate is dropped."""


@dataclass(frozen=True)
class Hello:
    """What the node says first.

    - ``scratch``: the one folder that may be written.
    - ``device``: auto, cpu, cuda, cuda:INDEX or mps.
    - ``threads``: how many the owner gives. ``memory_mb``: MiB, or None.
    """

    node: str
    scratch: Path
    device: str
    threads: int
    memory_mb: int | None


@dataclass(frozen=True)
class Description:
    """What an adapter says of itself.

    - ``device``: the effective one.
    - ``libraries``: versions by name.
    - ``capabilities``: evaluate, warm, state, proximal.
    """

    name: str
    version: str
    device: str = "cpu"
    libraries: Mapping[str, str] = field(default_factory=dict)
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    app_digest: str | None = None
    app_files: int = 0


@dataclass(frozen=True)
class Data:
    """The owner's own rows.

    - ``train``: a file or folder. ``evaluation``: held-out rows in another one, or None.
    - ``options``: how to read them, and what else an app is told about its place; a flat map of the owner's.
    """

    train: Path
    evaluation: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """What the task fixes, the same for all members.

    - ``labels``: names of the classes in their order, or None for a regression or a text model.
    - ``settings``: the task's flat map.
    - ``table``: the task's tensors, or None where the task is being made.
    """

    settings: Mapping[str, Any]
    labels: tuple[str, ...] | None = None
    rounds: int | None = None
    table: TensorTable | None = None
    requirements: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """What a round will take, as far as it is known: seconds, MiB."""

    seconds_a_round: float | None = None
    ram_mb: float | None = None
    vram_mb: float | None = None
    disk_mb: float | None = None


@dataclass(frozen=True)
class Report:
    """Of a preflight: all faults and warnings at once."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    estimate: Estimate = Estimate()


@dataclass(frozen=True)
class Prepared:
    """What a node trains with.

    - ``rows``: those that a training uses; the enrolment's weight. ``evaluation_rows``: those that ``evaluate`` uses.
    - ``classes``: training rows of each label, or None. They stay with the node.
    - ``table``: the tensors, in the order that holds from now on.
    - ``start``: all tensors but tied ones, as the app makes them from the seed.
    """

    rows: int
    evaluation_rows: int
    table: TensorTable
    start: Named
    classes: tuple[int, ...] | None = None
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class State:
    """What one member keeps from one of its rounds to the next, beside the weights: arrays and texts."""

    tensors: Named = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """One training or evaluation.

    - ``weights``: all tensors but tied ones: those of the base as binary32, the others from the carrier. They are the
      adapter's to change.
    - ``split``: train or evaluation: the rows that are trained on. An evaluation always takes the latter.
    - ``seed``: of all randomness; 32 bits.
    - ``deadline_s``: seconds from the request, or None.
    """

    round: int
    rounds: int
    weights: Named
    state: State
    settings: Mapping[str, Any]
    seed: int = 0
    split: str = "train"
    deadline_s: float | None = None


@dataclass(frozen=True)
class Trained:
    """The new weights, never a difference: tensors of the roles train and buffer, by name.

    ``examples``: rows that the training used, each once. ``state``: what the next round's ``state`` shall be.
    """

    weights: Mapping[str, Any]
    examples: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    state: State | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluated:
    """Of the held-out rows.

    - ``loss``: mean over rows. ``score``: accuracy (0 to 1) or R² (at most 1), as ``measure`` says: accuracy or r2.
    - ``per_class``: (rows, right ones) of each label. ``confusion``: row counts, true label by predicted label.
    """

    examples: int
    loss: float
    score: float | None = None
    measure: str | None = None
    per_class: tuple[tuple[int, int], ...] | None = None
    confusion: tuple[tuple[int, ...], ...] | None = None


class Adapter:
    """Base class of all trainers. The process is warm, but everything that a later request depends on comes with it:
    the same request gives the same bytes in a new process (after the same ``prepare``) and the second time."""

    def hello(self, hello: Hello) -> Description:
        """First of all. Imports of libraries and of user code belong here."""
        raise NotImplementedError

    def preflight(self, task: Task, data: Data | None) -> Report:
        """Everything that speaks against this task on this node, at once, before anything is trained."""
        return Report()

    def prepare(self, task: Task, data: Data, seed: int, progress: Progress) -> Prepared:
        """Reads the rows and makes the model. Raises ``TrainerError`` with all faults of the rows."""
        raise NotImplementedError

    def train(self, job: Job, progress: Progress) -> Trained:
        raise NotImplementedError

    def evaluate(self, job: Job, progress: Progress) -> Evaluated:
        raise NotImplementedError
