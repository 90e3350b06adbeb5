"""Trains one round of softmax regression outside the node and writes the update for `meshnode submit`.

    meshnode model export leaves --out base.safetensors
    python3 examples/train_by_hand.py base.safetensors a1.csv update.safetensors --scale 16
    meshnode submit leaves --update update.safetensors

Any trainer can stand here: what the node takes is a safetensors file with *old minus new* for every tensor of the
model, binary32, under the same names and shapes. Needs NumPy and nothing else.
"""

import argparse
import csv
import json
import struct

import numpy as np


def read_safetensors(path):
    raw = open(path, "rb").read()
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    body = raw[8 + size :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[begin:end], "<f4").reshape(entry["shape"]).copy()
    return tensors


def write_safetensors(path, tensors):
    header, body = {}, b""
    for name in sorted(tensors):
        data = tensors[name].astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensors[name].shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def read_rows(path, label, scale):
    rows = list(csv.reader(open(path)))
    column = rows[0].index(label)
    values = np.array([[float(cell) for cell in row] for row in rows[1:]])
    return np.delete(values, column, 1) / scale, values[:, column].astype(int)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="model of the round, safetensors")
    parser.add_argument("rows", help="your rows: CSV with a header, labels 0, 1, 2, ...")
    parser.add_argument("update", help="file to write")
    parser.add_argument("--label", default="label")
    parser.add_argument("--scale", type=float, default=1, help="data.scale of the task")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--rate", type=float, default=0.1)
    arguments = parser.parse_args()

    base = read_safetensors(arguments.base)
    weight_name = next(name for name in base if base[name].ndim == 2)
    bias_name = next(name for name in base if base[name].ndim == 1)
    weight, bias = base[weight_name].copy(), base[bias_name].copy()
    features, labels = read_rows(arguments.rows, arguments.label, arguments.scale)
    if features.shape[1] != weight.shape[1]:
        raise SystemExit(f"{arguments.rows}: {features.shape[1]} features, the model takes {weight.shape[1]}")

    order = np.random.default_rng(0)
    for _ in range(arguments.epochs):
        for batch in np.array_split(order.permutation(len(labels)), max(1, len(labels) // arguments.batch)):
            scores = features[batch] @ weight.T + bias
            share = np.exp(scores - scores.max(1, keepdims=True))
            share /= share.sum(1, keepdims=True)
            share[np.arange(len(batch)), labels[batch]] -= 1
            share /= len(batch)
            weight -= arguments.rate * (share.T @ features[batch])
            bias -= arguments.rate * share.sum(0)

    write_safetensors(
        arguments.update, {weight_name: base[weight_name] - weight, bias_name: base[bias_name] - bias}
    )
    print(f"{arguments.update}: {len(labels)} rows, {arguments.epochs} epochs")


if __name__ == "__main__":
    main()
