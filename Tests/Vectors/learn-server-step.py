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
    print(json.dumps({"provenance": "learn-server-step.py, NumPy " + np.__version__, "cases": cases}, indent=1))


main()
