"""Writes the small array files beside this script with NumPy, another implementation than the readers under test.

Run: python3 make.py (inside this folder).
"""
import gzip
import io
import struct

import numpy as np
from numpy.lib import format as npy

base = np.arange(24).reshape(2, 3, 4)
for name, dtype in [("f4", "<f4"), ("f8", "<f8"), ("u1", "u1"), ("i8", "<i8"), ("i2", "<i2"), ("f2", "<f2"), ("b1", "?")]:
    np.save(f"{name}.npy", (base % 2 if dtype == "?" else base).astype(dtype))
np.save("fortran.npy", np.asfortranarray(base.astype("<f4")))
np.save("big.npy", base.astype(">f4"))
np.save("object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
np.save("nan.npy", np.array([[1, 2], [3, np.nan]], dtype="<f4"))
np.save("scalar.npy", np.float32(5))
for version in [(1, 0), (2, 0), (3, 0)]:
    with open(f"v{version[0]}.npy", "wb") as f:
        npy.write_array(f, base.astype("<f4"), version=version)

rng = np.random.default_rng(1)
med = {}
for part, rows in [("train", 12), ("val", 4), ("test", 6)]:
    med[f"{part}_images"] = rng.integers(0, 256, (rows, 4, 5, 3), dtype=np.uint8)
    med[f"{part}_labels"] = (np.arange(rows) % 3).reshape(-1, 1).astype(np.uint8)
med["train_images"][0, 1, 2] = [10, 20, 30]
np.savez_compressed("medmnist.npz", **med)
np.savez("pair.npz", X=base.reshape(6, 4).astype("<f8"), y=np.array([0, 1, 2, 0, 1, 2]))
np.savez("multilabel.npz", train_images=med["train_images"], train_labels=np.zeros((12, 14), dtype=np.uint8))

pictures = (np.arange(5 * 3 * 2) % 256).astype(np.uint8)
with gzip.GzipFile("train-images-idx3-ubyte.gz", "wb", mtime=0) as f:
    f.write(struct.pack(">BBBBIII", 0, 0, 8, 3, 5, 3, 2) + pictures.tobytes())
with gzip.GzipFile("train-labels-idx1-ubyte.gz", "wb", mtime=0) as f:
    f.write(struct.pack(">BBBBI", 0, 0, 8, 1, 5) + bytes([7, 2, 1, 0, 4]))

# Forms that other programs write: either order of axes and of bytes, wide ZIP records, names beside the numbers.
import zipfile

np.save("fortran-big.npy", np.asfortranarray(base.astype(">i2")))
zipfile.ZIP64_LIMIT = 64  # the module then writes every size and offset as ZIP64 does above 4 GiB
np.savez("wide.npz", X=base.reshape(6, 4).astype(">f8"), y=np.array([[0], [1], [2], [0], [1], [2]], dtype=">i2"))
zipfile.ZIP64_LIMIT = (1 << 31) - 1
np.savez("frame.npz", X=np.asfortranarray(base.reshape(6, 4).astype("<f8")), y=np.array([0, 1, 0, 1, 0, 1], dtype=bool))
np.savez(
    "named.npz", X=base.reshape(6, 4).astype("<f4"), y=np.eye(3, dtype="<u1")[[0, 1, 2, 0, 1, 2]],
    columns=np.array(["a", "b", "Größe", "d"]), classes=np.array(["ill", "well", "5\" \\ pipe"]))
np.savez("chw.npz", X=np.arange(60 * 48).reshape(60, 3, 4, 4).astype("u1"), y=np.arange(60) % 2)
np.savez("one-hot.npz", X=base.reshape(6, 4).astype("<f4"), y=np.eye(4, dtype="<f8")[[0, 1, 2, 0, 1, 2]])
np.savez("sklearn.npz", X_train=base.reshape(6, 4), y_train=np.arange(6) % 2, X_test=base[0, :2], y_test=np.array([1, 0]))
np.savez("text-labels.npz", X=base.reshape(6, 4), y=np.array(["ill", "well"])[np.arange(6) % 2])
