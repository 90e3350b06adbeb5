"""Rows of tables and arrays: what is read, and faults by file, row and field."""

import gzip

import numpy as np
import pytest

from meshnode_trainer import TrainerError
from meshnode_trainer.rows import read_rows


def faults(path, labels=("a", "b"), **options):
    with pytest.raises(TrainerError) as caught:
        read_rows(path, labels, options)
    assert all(fault.code in ("data", "config") and fault.next for fault in caught.value.faults)
    return [(fault.row, fault.field, fault.text) for fault in caught.value.faults]


def test_a_table_is_read_by_its_titles(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("\ufeffsize, label ,age\n1,a,2\n\n3, b ,4\n", encoding="utf-8")
    rows = read_rows(path, ["a", "b"], {})
    assert rows.x.tolist() == [[1, 2], [3, 4]] and rows.y.tolist() == [0, 1]
    assert read_rows(path, ["b", "a"], {"columns": ["age", "size"], "scale": 2}).x.tolist() == [[1, 0.5], [2, 1.5]]
    assert read_rows(path, ["b", "a"], {}).y.tolist() == [1, 0]
    packed = tmp_path / "rows.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert read_rows(packed, ["a", "b"], {}).x.tolist() == rows.x.tolist()
    assert rows.counts(3) == (1, 1, 0)


def test_all_faults_of_a_table_are_told_in_their_order(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("x,y,label\n1,2,a\n1,two,c\n1,2\n1,inf,a\n1,1e39,a\n")
    assert faults(path) == [
        (3, "y", "'two' is no finite number"),
        (3, "label", "'c' is none of the task's labels a, b"),
        (4, None, "has 2 fields, the header has 3"),
        (5, "y", "'inf' is no finite number"),
        (6, "y", "'1e39' is no finite number"),
    ]
    assert faults(path, label="class", columns=["x", "z"])[:2] == [
        (1, "class", "there is no such column"),
        (1, "z", "there is no such column"),
    ]
    path.write_text("x,x,label\n1,2,a\n")
    assert faults(path)[0] == (1, "x", "two columns have this title")
    for content in (b"", b"x,label\n", b"\xff\xfe\x00", b"x,label\n\0\0"):
        path.write_bytes(content)
        assert faults(path)


def test_arrays_are_checked_row_by_row(tmp_path):
    path = tmp_path / "rows.npz"
    np.savez(path, x=np.array([[1.0], [np.nan], [3.0]]), y=np.array([0, 1, 2]))
    assert faults(path) == [(2, "x", "a value is not finite"), (3, "y", "class 2 is none of 0 to 1")]
    np.savez(path, x=np.ones((2, 1)), y=np.array(["b", "c"]))
    assert faults(path) == [(2, "y", "'c' is none of the task's labels a, b")]
    np.savez(path, x=np.ones((2, 1)), y=np.array(["b", "a"]))
    assert read_rows(path, ["a", "b"], {}).y.tolist() == [1, 0]
    np.savez(path, x=np.ones((2, 1)))
    assert faults(path)[0][1] == "y"
    np.savez(path, x=np.array([{}, {}], dtype=object), y=np.zeros(2))
    assert "no NPZ of plain arrays" in faults(path)[0][2]
    np.savez(path, x=np.ones((2, 1)), y=np.zeros(3))
    assert "[rows]" in faults(path)[0][2]
    path.write_bytes(b"PK\x03\x04 no archive")
    assert faults(path)
    np.savez(path, x=np.ones((2, 1)), y=np.array([0.5, np.inf]))
    assert faults(path, None) == [(2, "y", "the target is not finite")]


def test_what_is_no_file_of_rows(tmp_path):
    assert "no such file" in faults(tmp_path / "none.csv")[0][2]
    (tmp_path / "rows.txt").write_text("a")
    assert "neither" in faults(tmp_path / "rows.txt")[0][2]
    (tmp_path / "folder.csv").mkdir()
    assert "no regular file" in faults(tmp_path / "folder.csv")[0][2]
    (tmp_path / "rows.csv").write_text("x,label\n1,a\n")
    (tmp_path / "link.csv").symlink_to("rows.csv")
    assert len(read_rows(tmp_path / "link.csv", ["a"], {})) == 1
    assert faults(tmp_path / "rows.csv", scale=0)[0][1] == "data.options.scale"
