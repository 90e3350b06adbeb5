"""Writes learn-server-step.json: the server rules in NumPy binary32, one rounded operation at a time.

An implementation apart from the Swift one. Floats are written as the hexadecimal of their bits.
Run: python3 learn-server-step.py > learn-server-step.json
"""
import json

import numpy as np

F = np.float32


def bits(values):
    return [format(int(v), "08x") for v in np.asarray(values, dtype=F).view(np.uint32)]


def mean(total, step, rows, cap):
    weight = F(rows) / F(cap)
    return (total.astype(F) * F(step)) / weight


def step_rule(rule, w, m, v, d):
    name, rate = rule["name"], F(rule["rate"])
    if name == "fedavg":
        return w - rate * d, m, v
    if name in ("fedavgm", "diloco"):
        mu = F(rule["momentum"])
        m = mu * m + d
        direction = m if name == "fedavgm" else d + mu * m
        return w - rate * direction, m, v
    b1, b2, tau = F(rule["beta1"]), F(rule["beta2"]), F(rule["tau"])
    m = b1 * m + (F(1) - b1) * d
    square = d * d
    change = (F(1) - b2) * square
    if name == "fedadam":
        v = b2 * v + change
    else:
        v = np.where(v > square, v - change, np.where(v < square, v + change, v)).astype(F)
    return w - (rate * m) / (np.sqrt(v) + tau), m, v


def ordered_sum(values):
    total = F(0) if values[0].dtype == F else np.float64(0)
    for value in values:
        total = total + value
    return total


def combine(rule, means):
    name, count, hostile = rule["name"], len(means), rule["hostile"]
    if name == "krum":
        wide = [m.astype(np.float64) for m in means]
        scores = []
        for s in range(count):
            near = []
            for t in range(count):
                if t != s:
                    difference = wide[s] - wide[t]
                    near.append(ordered_sum(difference * difference))
            scores.append(ordered_sum(sorted(near)[:count - hostile - 2]))
        return means[min(range(count), key=lambda s: (scores[s], s))]
    columns = np.sort(np.stack(means), axis=0)
    if name == "trimmed_mean":
        kept = columns[hostile:count - hostile]
        return ordered_sum(list(kept)) / F(len(kept))
    middle = count // 2
    return columns[middle] if count % 2 else (columns[middle - 1] + columns[middle]) * F(0.5)


def robust(rng):
    cases = []
    for name, hostile, count in [
        ("median", 0, 2), ("median", 0, 3), ("median", 0, 6), ("trimmed_mean", 1, 3), ("trimmed_mean", 2, 7),
        ("krum", 1, 5), ("krum", 2, 8),
    ]:
        d, step, cap = 24, F(4) / F(511), 293
        rule = {"name": name, "hostile": hostile, "rate": 0.7}
        rows = [int(n) for n in rng.integers(500, 1200, size=count)]
        w = rng.normal(size=d).astype(F)
        case = {"rule": rule, "step": bits([step])[0], "rows": rows, "row_cap": cap, "weights": bits(w), "rounds": []}
        for _ in range(3):
            honest = rng.integers(-300, 301, size=d)
            sums = honest + rng.integers(-40, 41, size=(count, d))
            for bad in range(hostile):  # far away, and each elsewhere
                sums[bad] = rng.integers(-2044, 2045, size=d)
            sums[:, 2] = 0
            total = [s.astype(np.int64) for s in sums]
            w = w - F(rule["rate"]) * combine(rule, [mean(s, step, n, cap) for s, n in zip(total, rows)])
            assert w.dtype == F
            case["rounds"].append({"sums": [s.tolist() for s in total], "weights": bits(w)})
        cases.append(case)
    return cases


def main():
    rng = np.random.default_rng(20261121)
    rules = [
        {"name": "fedavg", "rate": 1.0},
        {"name": "fedavg", "rate": 0.7},
        {"name": "fedavgm", "rate": 0.9, "momentum": 0.9},
        {"name": "diloco", "rate": 0.7, "momentum": 0.9},
        {"name": "fedadam", "rate": 0.01, "beta1": 0.9, "beta2": 0.99, "tau": 0.001},
        {"name": "fedyogi", "rate": 0.01, "beta1": 0.9, "beta2": 0.99, "tau": 0.001},
    ]
    cases = []
    for rule in rules:
        d = 24
        step = F(4) / F(511)
        rows, cap = 1437, 293
        w = rng.normal(size=d).astype(F)
        w[0], w[1] = F(0), F(-0.0)
        m = np.zeros(d, dtype=F)
        v = np.zeros(d, dtype=F)
        if rule["name"] in ("fedadam", "fedyogi"):
            v[:] = F(rule["tau"]) * F(rule["tau"])
        case = {"rule": rule, "step": bits([step])[0], "rows": rows, "row_cap": cap, "weights": bits(w), "rounds": []}
        for _ in range(4):
            total = rng.integers(-2555, 2556, size=d).astype(np.int64)
            total[2], total[3], total[4] = 0, 2555, -2555
            total[5] = 33554435  # does not fit binary32: the conversion rounds
            delta = mean(total, step, rows, cap)
            w, m, v = step_rule(rule, w, m, v, delta)
            assert w.dtype == F and m.dtype == F and v.dtype == F
            case["rounds"].append(
                {"sum": total.tolist(), "weights": bits(w), "first": bits(m), "second": bits(v)})
        cases.append(case)
    document = {
        "provenance": "learn-server-step.py, NumPy " + np.__version__, "cases": cases, "robust": robust(rng)}
    print(json.dumps(document, indent=1))


main()
