"""Tensor files, tables of tensors, apps and settings, without a process."""

import os
import struct

import numpy as np
import pytest
import safetensors.numpy

from meshnode_trainer import TensorSpec, TensorTable, TrainerError
from meshnode_trainer.appfolder import app_digest
from meshnode_trainer.messages import ProtocolError, decoded, encoded
from meshnode_trainer.safefile import output_path, write_whole
from meshnode_trainer.settings import Setting, read_settings
from meshnode_trainer.tensorfile import read_listing, read_state, read_tensors, write_tensors
from meshnode_trainer.tensors import checked_weights

TWELVE = [f"layer.{number}" for number in range(12)]


def specs(**shapes):
    return [TensorSpec(name, shape, "F32", "train") for name, shape in shapes.items()]


def test_files_are_those_of_the_safetensors_library(tmp_path):
    tensors = {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.array(7, np.float32),
        "10": np.ones(2, "f4"),
        "2": np.zeros(1, "f4"),
        "ü": np.ones((1, 1), "f4"),
    }
    write_tensors(tmp_path / "own", tensors)
    safetensors.numpy.save_file(tensors, tmp_path / "theirs")
    theirs = safetensors.numpy.load_file(tmp_path / "own")
    wanted = specs(**{name: array.shape for name, array in tensors.items()})
    ours = read_tensors(tmp_path / "theirs", wanted, travelling=True)
    for name, array in tensors.items():
        assert np.array_equal(theirs[name], array) and theirs[name].shape == array.shape
        assert np.array_equal(ours[name], array) and ours[name].shape == array.shape
    assert [spec.name for spec in read_listing(tmp_path / "own")] == ["10", "2", "a", "b", "ü"]


def test_every_element_type_goes_through_a_state_file(tmp_path):
    tensors = {
        str(dtype): np.zeros(3, dtype)
        for dtype in ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?")
    }
    write_tensors(tmp_path / "state", tensors, {"note": "ä"})
    named, texts = read_state(tmp_path / "state", 1 << 20)
    assert texts == {"note": "ä"}
    assert {name: array.dtype for name, array in named.items()} == {
        name: array.dtype for name, array in tensors.items()
    }
    with pytest.raises(ValueError):
        write_tensors(tmp_path / "state", {"a": np.zeros(1, complex)})


@pytest.mark.parametrize(("header", "body", "text"), [
    (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 4, "bytes of values"),
    (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}', 12, "gap"),
    (b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}', 8, "does not fit its shape"),
    (b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}', 8, "twice"),
    (b'{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}', 8, "malformed"),
    (b'{"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}', 4, "malformed"),
    (b'{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}', 8, "not read"),
    (b"[" * 4000, 0, "no JSON"),
    (b"{}", 0, "lacks this tensor"),
    (b"[]", 0, "no JSON object"),
])  # fmt: skip
def test_malformed_files_are_refused(tmp_path, header, body, text):
    path = tmp_path / "bad"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(body))
    with pytest.raises(TrainerError, match=text):
        read_tensors(path, specs(a=(2,)), travelling=True)
    path.write_bytes(struct.pack("<Q", 1 << 60) + header)
    with pytest.raises(TrainerError, match="length does not fit"):
        read_tensors(path, specs(a=(2,)), travelling=True)


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    (tmp_path / "file.part").write_bytes(b"left by a killed process")

    def fail(file):
        file.write(b"half")
        raise OSError("no room")

    with pytest.raises(OSError):
        write_whole(path, fail)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]
    target = tmp_path / "target"
    target.write_bytes(b"not mine")
    path.unlink()
    path.symlink_to(target)
    write_whole(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new" and not path.is_symlink() and target.read_bytes() == b"not mine"
    assert path.stat().st_mode & 0o777 == 0o600


def test_outputs_stay_in_the_scratch_folder(tmp_path):
    scratch = tmp_path / "scratch"
    (scratch / "in").mkdir(parents=True)
    (scratch / "away").symlink_to(tmp_path)
    for text in ("a", "in/a", str(scratch / "a"), "in/../a"):
        assert output_path(text, scratch, "out").parent.is_relative_to(scratch)
    for text in ("../a", "away/a", str(tmp_path / "a"), "..", ".", "none/a", "/etc/passwd"):
        with pytest.raises(TrainerError, match="outside"):
            output_path(text, scratch, "out")


def test_the_order_of_tensors_is_that_of_the_app():
    table = TensorTable(specs(**dict.fromkeys(TWELVE, (2, 2))))
    arrays = [np.full((2, 2), number, np.float32) for number in range(12)]
    named = table.named(arrays)
    # What a file or a node may do with names must not change which array is which.
    shuffled = {name: named[name] for name in sorted(named)}
    assert [int(array[0, 0]) for array in table.arrays(shuffled)] == list(range(12))
    back = TensorTable.from_json(sorted(table.json(), key=lambda entry: entry["name"]))
    assert back.names == tuple(TWELVE)


def test_tables_name_every_tensor_at_fault():
    good = TensorSpec("w", (2,), "F32", "train")
    for bad, text in (
        (TensorSpec("b", (0,), "F32", "train"), "extent"),
        (TensorSpec("", (1,), "F32", "train"), "name"),
        (TensorSpec("b", (1,), "I64", "train"), "floating"),
        (TensorSpec("b", (1,), "F32", "own"), "role"),
        (TensorSpec("b", (1,), "F32", "tied"), "tied"),
        (TensorSpec("b", (3,), "F32", "tied", "w"), "tied"),
        (good, "one name"),
        (TensorSpec("b", (1,) * 9, "F32", "train"), "axes"),
    ):
        with pytest.raises(TrainerError, match=text) as caught:
            TensorTable([good, bad])
        assert caught.value.faults[0].code == "not_averageable"
    with pytest.raises(TrainerError, match="no tensor is trained"):
        TensorTable([TensorSpec("b", (1,), "F32", "frozen")])
    with pytest.raises(TrainerError) as caught:
        TensorTable([good, TensorSpec("b", (0,), "F32", "train"), TensorSpec("c", (0,), "F32", "train")])
    assert [fault.field for fault in caught.value.faults] == ["b", "c"]


def test_roles_decide_what_travels():
    table = TensorTable(
        [
            TensorSpec("w", (1,), "F16", "train"),
            TensorSpec("mean", (1,), "F32", "buffer"),
            TensorSpec("n", (), "I64", "counter"),
            TensorSpec("e", (1,), "F32", "frozen"),
            TensorSpec("t", (1,), "F16", "tied", "w"),
        ]
    )
    assert [spec.name for spec in table.travelling("average")] == ["w", "mean"]
    assert [spec.name for spec in table.travelling("local")] == ["w"]
    assert [spec.name for spec in table.carried()] == ["n", "e"]


def test_weights_that_overflow_binary32_are_refused():
    with pytest.raises(TrainerError, match="not finite"):
        checked_weights(specs(a=(1,)), {"a": np.array([1e300])})


def test_differences_of_two_tables_name_each_tensor():
    own = TensorTable(specs(a=(1,), b=(2,)))
    assert own.differences(own) == []
    assert [fault.field for fault in own.differences(TensorTable(specs(a=(2,), c=(1,))))] == ["a", "b", "c"]
    assert own.differences(TensorTable(specs(b=(2,), a=(1,))))[0].field == "tensors"


def test_lines_are_strict():
    assert decoded(encoded({"id": 1, "text": "ä"})) == {"id": 1, "text": "ä"}
    for line in (
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1e999}',
        b'{"a":1,"a":2}',
        b"[]",
        b"",
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ):
        with pytest.raises(ProtocolError):
            decoded(line)
    for message in ({"a": float("nan")}, {"a": "x" * (1 << 20)}):
        with pytest.raises(ValueError):
            encoded(message)


def test_an_app_has_one_hash_of_its_code(tmp_path):
    app = tmp_path / "app"
    (app / "package" / "__pycache__").mkdir(parents=True)
    (app / ".git").mkdir()
    (app / "pyproject.toml").write_text("[project]\n")
    (app / "package" / "client.py").write_text("a = 1\n")
    first = app_digest(app)
    # Worked out by hand from docs/protocol/trainer.md.
    import hashlib

    def leaf(path, content):
        size = [len(part).to_bytes(8, "little") + part for part in (path, content)]
        return hashlib.blake2b(b"meshnode/app/v1/file" + size[0] + b"\0" + size[1], digest_size=32).digest()

    root = hashlib.blake2b(
        b"meshnode/app/v1"
        + (2).to_bytes(4, "little")
        + leaf(b"package/client.py", b"a = 1\n")
        + leaf(b"pyproject.toml", b"[project]\n"),
        digest_size=32,
    )
    assert first == (f"blake2b:{root.hexdigest()}", 2)
    (app / "package" / "__pycache__" / "client.py").write_text("b = 1\n")
    (app / ".git" / "config.py").write_text("")
    (app / "notes.txt").write_text("not code")
    assert app_digest(app) == first
    (app / "package" / "client.py").chmod(0o755)
    assert app_digest(app) != first
    (app / "link.py").symlink_to("/etc/hostname")
    with pytest.raises(TrainerError, match="symbolic link"):
        app_digest(app)


def test_settings_tell_all_faults():
    known = (
        Setting("lr", "number", 0.1, "learning rate", 0, 1),
        Setting("hidden", "integers", [1], "widths", 1, 9, most=2),
        Setting("must", "text", None, "has no default", choices=("a", "b")),
    )
    values, faults = read_settings(known, {"lr": 2, "hiden": [1], "hidden": [1, 2, 3], "must": "c"})
    assert values == {}
    assert [fault.field for fault in faults] == ["settings.lr", "settings.hiden", "settings.hidden", "settings.must"]
    assert faults[1].next == "did you mean hidden?"
    assert read_settings(known, {"must": "a", "lr": 1}) == ({"must": "a", "lr": 1.0, "hidden": [1]}, [])
    assert [fault.field for fault in read_settings(known, {})[1]] == ["settings.must"]
    assert read_settings(known, {"must": "a", "lr": True})[1][0].text == "is no number"
