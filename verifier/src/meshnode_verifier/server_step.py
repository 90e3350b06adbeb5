"""From a round's sums to the next model (learning.md, Server step; crypto.md, From e to the model)."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .faults import need
from .models import Tensor, model_file, tensors
from .spec import DILOCO, FEDADAM, FEDAVGM, FEDYOGI, KRUM, MEDIAN, TRIMMED_MEAN, Server, Spec

if TYPE_CHECKING:
    from .task import Task
    from .task_state import Result

Values = Sequence[float]
_F32 = struct.Struct("<f")
# Tensors that a rule keeps beside the model (learning.md, Server step).
KEPT = {FEDAVGM: ["first"], FEDADAM: ["first", "second"], FEDYOGI: ["first", "second"], DILOCO: ["first"]}


def f32(x: float) -> float:
    """The nearest binary32."""
    try:
        n: float = _F32.unpack(_F32.pack(x))[0]
        return n
    except OverflowError:
        return math.copysign(math.inf, x)


def binary32(n: int) -> float:
    """The binary32 of a whole number of millionths (learning.md, Server step)."""
    return f32(n / 1e6)


def is_followed(s: Spec) -> bool:
    """Whether this program computes the server step of a task: not under compression, scaffold or scale = previous."""
    return (s.compression, s.correction, s.scale) == (1, 1, 1)


def mean_of(digits: Sequence[int], step: float, weight: float) -> list[float]:
    """The mean that a sum's digits stand for (crypto.md, From e to the model)."""
    return [f32(f32(f32(n) * step) / weight) for n in digits]


def combined(server: Server, means: Sequence[Values]) -> Values:
    """One mean of those of the round's sums (learning.md, Server step: robust rules)."""
    if server.rule < MEDIAN:
        return means[0]
    if server.rule == KRUM:
        return krum(server, means)
    out, middle, cut = [], len(means) // 2, server.hostile
    for column in zip(*means):
        values = sorted(column)
        if server.rule == TRIMMED_MEAN:
            total = 0.0
            for one in values[cut : len(values) - cut]:
                total = f32(total + one)
            out.append(f32(total / f32(len(values) - 2 * cut)))
        elif len(values) % 2:
            out.append(values[middle])
        else:
            out.append(f32(f32(values[middle - 1] + values[middle]) * 0.5))
    return out


def krum(server: Server, means: Sequence[Values]) -> Values:
    """The mean that its nearest neighbours are nearest to (learning.md, Server step: krum)."""

    def distance(x: Values, y: Values) -> float:
        total = 0.0
        for a, b in zip(x, y):
            total += (a - b) * (a - b)
        return total

    scores = []
    for own, mean in enumerate(means):
        score = 0.0
        others = sorted(distance(mean, other) for at, other in enumerate(means) if at != own)
        for one in others[: len(means) - server.hostile - 2]:
            score += one
        scores.append(score)
    return means[scores.index(min(scores))]


def server_step(
    server: Server, old: Values, first: Values | None, second: Values | None, means: Sequence[Values]
) -> tuple[list[float], list[float], list[float]]:
    """Weights, first and second moments after the step: every operation rounds once to binary32 (learning.md, Server step)."""
    rule = server.rule
    rate, mu, beta2, tau = (binary32(n) for n in (server.rate, server.momentum, server.beta2, server.tau))
    fresh, rest = f32(1 - mu), f32(1 - beta2)
    first = first or [0.0] * len(old)
    second = second or [f32(tau * tau)] * len(old)
    new, ms, vs = [], [], []
    for w, d, m, v in zip(old, combined(server, means), first, second):
        if rule in (FEDAVGM, DILOCO):
            m = f32(f32(mu * m) + d)
            move = f32(rate * (m if rule == FEDAVGM else f32(d + f32(mu * m))))
        elif rule in (FEDADAM, FEDYOGI):
            m, square = f32(f32(mu * m) + f32(fresh * d)), f32(d * d)
            change = f32(rest * square)
            if rule == FEDADAM:
                v = f32(f32(beta2 * v) + change)
            elif v != square:
                v = f32(v - change) if v > square else f32(v + change)
            need(v >= 0, "a second moment that is no number, or below 0")
            spread = f32(f32(math.sqrt(v)) + tau)
            need(spread > 0, "a step by nothing")
            move = f32(f32(rate * m) / spread)
        else:
            move = f32(rate * d)
        new.append(f32(w - move))
        ms.append(m)
        vs.append(v)
    need(all(map(math.isfinite, new + ms + vs)), "a model that is not finite")
    return new, ms, vs


def next_model(task: Task, one: Result, digits: Sequence[Sequence[int]], base: bytes) -> bytes:
    """The file that the server step makes of a base model and a round's sums (learning.md, Server step and Model content)."""
    s, size = task.spec, task.spec.size
    need(s.weighting == 1 or s.cap > 0, "weights without a row cap")
    step = f32(binary32(s.range) / f32(s.B))
    means = []
    for members, values in zip(one.sums, digits):
        if s.weighting == 1:
            weight = f32(len(members))
        else:
            weight = f32(f32(sum(min(task.enrolments[k].rows, s.cap) for k in members)) / f32(s.cap))
        means.append(mean_of(values, step, weight))
    found = tensors(base)
    names, state = [n for n in found if not n.startswith("state.")], [n for n in found if n.startswith("state.")]
    kept = KEPT.get(s.server.rule, [])
    need(state in ([], ["state.server." + n for n in kept]), "a base model with other state")
    old = [w for n in names for w in found[n].values]
    need(len(old) == size and all(len(found[n].values) == size for n in state), "a model of another form")
    first, second = ([found[n].values for n in state] + [None, None])[:2]
    new, *moments = server_step(s.server, old, first, second, means)
    made, at = {}, 0
    for name in names:
        end = at + len(found[name].values)
        made[name], at = Tensor(found[name].shape, new[at:end]), end
    for name, kept_values in zip(kept, moments):
        made["state.server." + name] = Tensor([size], kept_values)
    return model_file(made)
