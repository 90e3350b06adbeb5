"""Trains one round of softmax regression outside the node and writes the update for `meshnode submit`.

    meshnode model export leaves --out base.safetensors
    python3 examples/train_by_hand.py base.safetensors a1.csv update.safetensors
    meshnode submit leaves --update update.safetensors

The exported model says itself what its columns, labels and preprocessing are, how often the task trains, and which model it
is: columns are found by title in any order, labels are texts or numbers as in the task, and the update carries the id of
the base model so that a later round refuses it. Any trainer can stand here: what the node takes is a safetensors file with
*old minus new* for every tensor of the model, binary32, under the same names and shapes. Needs NumPy and nothing else.
"""

import argparse
import csv
import json
import struct
import sys
import unicodedata

import numpy as np


class Refused(Exception):
    """Something that the person at the keyboard can put right."""


def read_safetensors(path):
    with open(path, "rb") as file:
        raw = file.read()
    if len(raw) < 8 or struct.unpack("<Q", raw[:8])[0] > len(raw) - 8:
        raise Refused(f"{path}: is no safetensors file; write it with: meshnode model export TASK --out {path}")
    size = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + size])
    card = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(raw[8 + size + begin : 8 + size + end], "<f4").reshape(entry["shape"]).copy()
    if "specification" not in card:
        raise Refused(f"{path}: says nothing about itself; write it with: meshnode model export TASK --out {path}")
    return tensors, card


def write_safetensors(path, tensors, metadata):
    header, body = {"__metadata__": metadata}, b""
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


def composed(text):
    """A title or label as the program reads it: no blanks around it, one form of Unicode."""
    return unicodedata.normalize("NFC", text.strip())


def read_rows(path, card, label):
    """Features as the task prepares them, and the number of each row's class."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    if len(rows) < 2:
        raise Refused(f"{path}: no rows below a header line")
    titles = [composed(title) for title in rows[0]]
    label = composed(label)
    if label not in titles:
        raise Refused(f"{path}: no column is called {label!r} (there are {', '.join(titles)}); give --label")
    columns = json.loads(card["columns"])
    own = [title for title in titles if title != label]
    if not columns:
        columns = own
    missing = [title for title in columns if title not in own]
    if missing:
        raise Refused(f"{path}: the task's column {missing[0]!r} is not there")
    if card["columns_in_order"] == "true" and own != columns:
        raise Refused(f"{path}: the task takes its columns in this order: {', '.join(columns)}")
    classes = json.loads(card["labels"])
    features, labels = [], []
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(titles):
            raise Refused(f"{path}, row {number}: {len(row)} fields, the header has {len(titles)}")
        text = composed(row[titles.index(label)])
        if text not in classes:
            raise Refused(f"{path}, row {number}: {text!r} is none of the task's classes {', '.join(classes)}")
        try:
            features.append([float(row[titles.index(title)]) for title in columns])
        except ValueError as error:
            raise Refused(f"{path}, row {number}: {error}") from None
        labels.append(classes.index(text))
    values = np.array(features, "f4") / float(card["scale"])
    if not np.isfinite(values).all():
        raise Refused(f"{path}: a value is not finite")
    mean, deviation = json.loads(card["mean"]), json.loads(card["deviation"])
    if mean:
        values = (values - np.array(mean, "f4")) / np.array(deviation, "f4")
    return values, np.array(labels)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base", help="model of the round, as meshnode model export writes it")
    parser.add_argument("rows", help="your rows: CSV with a header")
    parser.add_argument("update", help="file to write")
    parser.add_argument("--label", help="column of the class; as the exporting node's configuration says without it")
    parser.add_argument("--epochs", type=int, help="as the task says without it")
    parser.add_argument("--batch", type=int, help="as the task says without it")
    parser.add_argument("--rate", type=float, help="as the task says without it")
    arguments = parser.parse_args()

    base, card = read_safetensors(arguments.base)
    if card["architecture"] != "softmax":
        raise Refused(f"{arguments.base}: a model of kind {card['architecture']}; this example trains softmax only")
    epochs = arguments.epochs or int(card["local_epochs"])
    size = arguments.batch or int(card["batch_size"])
    rate = arguments.rate or float(card["learning_rate"])
    weight_name = next(name for name in base if not name.startswith("state.") and base[name].ndim == 2)
    bias_name = next(name for name in base if not name.startswith("state.") and base[name].ndim == 1)
    weight, bias = base[weight_name].copy(), base[bias_name].copy()
    features, labels = read_rows(arguments.rows, card, arguments.label or card["label_column"])
    if features.shape[1] != weight.shape[1]:
        raise Refused(f"{arguments.rows}: {features.shape[1]} features, the model takes {weight.shape[1]}")

    order = np.random.default_rng(0)
    for _ in range(epochs):
        for batch in np.array_split(order.permutation(len(labels)), max(1, len(labels) // size)):
            scores = features[batch] @ weight.T + bias
            share = np.exp(scores - scores.max(1, keepdims=True))
            share /= share.sum(1, keepdims=True)
            share[np.arange(len(batch)), labels[batch]] -= 1
            share /= len(batch)
            weight -= rate * (share.T @ features[batch])
            bias -= rate * share.sum(0)

    update = {weight_name: base[weight_name] - weight, bias_name: base[bias_name] - bias}
    write_safetensors(arguments.update, update, {"content": card["content"], "task": card["task"]})
    print(f"{arguments.update}: {len(labels)} rows, {epochs} epochs, for the round after {card['round']}")


if __name__ == "__main__":
    try:
        main()
    except (Refused, OSError) as error:
        sys.exit(f"train_by_hand.py: {error}")
