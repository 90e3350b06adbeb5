"""The three training rows of `meshnode bench learn` beside NumPy and PyTorch: same data, model, batch, epochs, rate, one thread.

    learn_peers.py MESHNODE [--quick] [--check]    MESHNODE: the built program

Ours and the peers run in turn, TURNS times; of each the least processor time counts, so that other work on the machine
slows none of them more than the others. Prints one line of JSON a row; speed_vs_* above 1: ours is faster. --check ends
with 1 where a ratio is below 1.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import numpy as np
import torch

TURNS = 5


def digits(folder):
    """The shipped rows, divided by 16. The first 1437 train: speed does not depend on which."""
    with gzip.open(os.path.join(folder, "digits.csv.gz"), "rt") as file:
        header = file.readline().strip().split(",")
        rows = np.array([line.strip().split(",") for line in file], dtype=np.float32)
    label = header.index("label")
    x = np.delete(rows, label, axis=1) / 16
    return x[:1437].astype(np.float32), rows[:1437, label].astype(np.int64)


def numpy_dense(x, y, widths, batch, epochs, rate):
    """Softmax or MLP by hand: what a careful NumPy user writes."""
    rng = np.random.default_rng(0)
    sizes = [x.shape[1], *widths, 10]
    weights = [
        ((rng.random((a, b), dtype=np.float32) * 2 - 1) * np.float32((6 / a) ** 0.5)) for a, b in zip(sizes, sizes[1:])
    ]
    biases = [np.zeros(b, dtype=np.float32) for b in sizes[1:]]
    rate = np.float32(rate)
    start = time.process_time()
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            layers = [x[rows]]
            for index, (w, b) in enumerate(zip(weights, biases)):
                out = layers[-1] @ w + b
                layers.append(np.maximum(out, 0) if index < len(weights) - 1 else out)
            out = layers[-1]
            out = np.exp(out - out.max(axis=1, keepdims=True))
            out /= out.sum(axis=1, keepdims=True)
            out[np.arange(len(rows)), y[rows]] -= 1
            grad = out / np.float32(len(rows))
            for index in reversed(range(len(weights))):
                gw, gb = layers[index].T @ grad, grad.sum(axis=0)
                if index:
                    grad = (grad @ weights[index].T) * (layers[index] > 0)
                weights[index] -= rate * gw
                biases[index] -= rate * gb
    return time.process_time() - start


def numpy_unfold(pictures):
    """n x c x h x w to n x (c*9) x (h*w), padding 1."""
    n, c, h, w = pictures.shape
    padded = np.pad(pictures, ((0, 0), (0, 0), (1, 1), (1, 1)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
    return view.transpose(0, 1, 4, 5, 2, 3).reshape(n, c * 9, h * w)


def numpy_cnn(x, y, channels, batch, epochs, rate):
    rng = np.random.default_rng(0)
    shapes, size, inputs = [], 8, 1
    for c in channels:
        shapes.append((c, inputs * 9))
        inputs, size = c, size // 2
    kernels = [(rng.random(s, dtype=np.float32) * 2 - 1) * np.float32((6 / s[1]) ** 0.5) for s in shapes]
    offsets = [np.zeros(s[0], dtype=np.float32) for s in shapes]
    flat = inputs * size * size
    dense = (rng.random((flat, 10), dtype=np.float32) * 2 - 1) * np.float32((1 / flat) ** 0.5)
    bias = np.zeros(10, dtype=np.float32)
    rate = np.float32(rate)
    pictures = x.reshape(-1, 1, 8, 8)
    start = time.process_time()
    for _ in range(epochs):
        order = rng.permutation(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            current, kept = pictures[rows], []
            n = len(rows)
            for kernel, offset in zip(kernels, offsets):
                h = current.shape[2]
                columns = numpy_unfold(current)
                out = np.maximum((kernel @ columns + offset[:, None]).reshape(n, -1, h, h), 0)
                windows = out.reshape(n, -1, h // 2, 2, h // 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(n, -1, h // 2, h // 2, 4)
                best = windows.argmax(axis=4)
                pooled = np.take_along_axis(windows, best[..., None], axis=4)[..., 0]
                kept.append((columns, out, best, current.shape))
                current = pooled
            final = current.reshape(n, -1)
            out = final @ dense + bias
            out = np.exp(out - out.max(axis=1, keepdims=True))
            out /= out.sum(axis=1, keepdims=True)
            out[np.arange(n), y[rows]] -= 1
            grad = out / np.float32(n)
            gw, gb = final.T @ grad, grad.sum(axis=0)
            back = (grad @ dense.T).reshape(current.shape)
            dense -= rate * gw
            bias -= rate * gb
            for index in reversed(range(len(kernels))):
                columns, out, best, shape = kept[index]
                h = out.shape[2]
                spread = np.zeros((*best.shape, 4), dtype=np.float32)
                np.put_along_axis(spread, best[..., None], back[..., None], axis=4)
                full = spread.reshape(*best.shape, 2, 2).transpose(0, 1, 2, 4, 3, 5).reshape(out.shape)
                full = (full * (out > 0)).reshape(n, out.shape[1], h * h)
                gk = np.einsum("nop,ncp->oc", full, columns, optimize=True)
                go = full.sum(axis=(0, 2))
                if index:
                    gc = (kernels[index].T @ full).reshape(n, shape[1], 3, 3, h, h)
                    padded = np.zeros((n, shape[1], h + 2, h + 2), dtype=np.float32)
                    for dy in range(3):
                        for dx in range(3):
                            padded[:, :, dy : dy + h, dx : dx + h] += gc[:, :, dy, dx]
                    back = padded[:, :, 1:-1, 1:-1]
                kernels[index] -= rate * gk
                offsets[index] -= rate * go
    return time.process_time() - start


def torch_run(x, y, model, batch, epochs, rate):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layers, kind, widths = [], model.split(":")[0], [int(n) for n in model.split(":")[1].split("-")] if ":" in model else []
    if kind == "cnn":
        inputs, size = 1, 8
        for c in widths:
            layers += [torch.nn.Conv2d(inputs, c, 3, padding=1), torch.nn.ReLU(), torch.nn.MaxPool2d(2)]
            inputs, size = c, size // 2
        layers += [torch.nn.Flatten(), torch.nn.Linear(inputs * size * size, 10)]
    else:
        inputs = x.shape[1]
        for width in widths:
            layers += [torch.nn.Linear(inputs, width), torch.nn.ReLU()]
            inputs = width
        layers += [torch.nn.Linear(inputs, 10)]
    network = torch.nn.Sequential(*layers)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    loss_of = torch.nn.CrossEntropyLoss()
    features = torch.from_numpy(x.reshape(-1, 1, 8, 8) if kind == "cnn" else x)
    labels = torch.from_numpy(y)
    start = time.process_time()
    for _ in range(epochs):
        order = torch.randperm(len(x))
        for first in range(0, len(x), batch):
            rows = order[first : first + batch]
            optimiser.zero_grad()
            loss = loss_of(network(features[rows]), labels[rows])
            loss.backward()
            optimiser.step()
    return time.process_time() - start


def ours(program, scale):
    """Rows of one run by name."""
    command = [program, "bench", "learn", "--json", "--repeats", "1", "--scale", scale]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return {row["name"]: row for row in rows}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    x, y = digits(os.environ["MESHNODE_DATA"])
    best = {}
    for _ in range(TURNS):
        for name, row in ours(options.program, "0.1" if options.quick else "1").items():
            kind, _, text = row["model"].partition(":")
            widths = [int(n) for n in text.split("-")] if text else []
            arguments = (row["batch"], row["epochs"], 0.1)
            times = (
                row["cpu_seconds"],
                (numpy_cnn if kind == "cnn" else numpy_dense)(x, y, widths, *arguments),
                torch_run(x, y, row["model"], *arguments),
            )
            kept = best.setdefault(name, (row, times))
            best[name] = (row, tuple(min(pair) for pair in zip(kept[1], times)))
    slower = False
    for name, (row, (mine, numpy_time, torch_time)) in best.items():
        slower |= mine > min(numpy_time, torch_time)
        out = {
            "name": name, "model": row["model"], "batch": row["batch"], "epochs": row["epochs"], "cpu_seconds": mine,
            "numpy_cpu_seconds": numpy_time, "pytorch_cpu_seconds": torch_time,
            "speed_vs_numpy": round(numpy_time / mine, 2), "speed_vs_pytorch": round(torch_time / mine, 2),
            "numpy": np.__version__, "pytorch": torch.__version__,
        }
        print(json.dumps(out), flush=True)
    if options.check and slower:
        sys.exit("a peer is faster on one row")


if __name__ == "__main__":
    main()
