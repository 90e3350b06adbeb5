"""Ten lines that use an exported model: python3 examples/predict.py leaves.safetensors rows.csv. NumPy, tables, dense models."""
import csv, json, struct, sys, unicodedata
import numpy as np
raw = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
head = json.loads(raw[8 : 8 + size])
card = {key: text if key in ("label_column", "architecture") else json.loads(text) for key, text in head.pop("__metadata__").items()
        if key in ("label_column", "architecture", "columns", "labels", "scale", "mean", "deviation")}
tensor = {name: np.frombuffer(raw[8 + size + t["data_offsets"][0] : 8 + size + t["data_offsets"][1]], "<f4").reshape(t["shape"])
          for name, t in head.items() if not name.startswith("state.")}
file = open(sys.argv[2], encoding="utf-8-sig", newline="")
lines = [[unicodedata.normalize("NFC", text.strip()) for text in line] for line in csv.reader(file) if line]
rows = [dict(zip(lines[0], line)) for line in lines[1:]]
columns = card["columns"] or [title for title in rows[0] if title != card["label_column"]]
x = np.array([[float(row[title]) for title in columns] for row in rows], "f4") / card["scale"]
if card["mean"]:
    x = (x - np.array(card["mean"], "f4")) / np.array(card["deviation"], "f4")
layers = sorted((name[:-7] for name in tensor if name.endswith(".weight")), key=lambda name: int(name.split(".")[1]))
for layer in layers:
    x = np.maximum(x, 0) if layer != layers[0] else x
    x = x @ tensor[layer + ".weight"].T + tensor[layer + ".bias"]
for answer, row in zip(x, rows):
    others = [text for title, text in row.items() if title not in columns and title != card["label_column"]]
    print(*others, card["labels"][answer.argmax()] if card["labels"] else answer[0], row.get(card["label_column"], ""))
