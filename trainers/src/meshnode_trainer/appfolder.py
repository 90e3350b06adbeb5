"""A user's code: the hash that its owner allows, and loading it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import stat
import sys
from pathlib import Path
from types import ModuleType

from . import limits
from .errors import Fault, TrainerError

SUFFIXES = (".py", ".toml", ".json")


def app_files(app: Path) -> list[tuple[str, bool, bytes]]:
    """Path with slashes, whether its owner may execute it, and bytes of every file that the hash covers, in the order
    of the paths' UTF-8 bytes. A file is an app of this one file.

    Folders whose names begin with a dot, and __pycache__, are left out. Raises ``TrainerError`` (config) for symbolic
    links among the covered files and folders, and above the limits.
    """
    found: list[tuple[str, bool, bytes]] = []
    places = [app]
    while places:
        place = places.pop()
        status = os.lstat(place)
        if stat.S_ISLNK(status.st_mode) and (place.suffix in SUFFIXES or place.is_dir()):
            raise TrainerError(
                Fault("config", "is a symbolic link", "put the file itself into the app", file=str(place))
            )
        if stat.S_ISDIR(status.st_mode):
            if place == app or not (place.name.startswith(".") or place.name == "__pycache__"):
                places += list(place.iterdir())
        elif stat.S_ISREG(status.st_mode) and place.suffix in SUFFIXES:
            name = place.name if place == app else place.relative_to(app).as_posix()
            found.append((name, bool(status.st_mode & stat.S_IXUSR), place.read_bytes()))
        if len(found) > limits.APP_FILES or sum(len(content) for _, _, content in found) > limits.APP_BYTES:
            text = f"has more than {limits.APP_FILES} files or {limits.APP_BYTES} bytes of code"
            raise TrainerError(Fault("config", text, "keep data and environments out of it", file=str(app)))
    return sorted(found, key=lambda entry: entry[0].encode("utf-8"))


def app_digest(app: Path) -> tuple[str, int]:
    """``blake2b:`` and 64 hexadecimal digits, and the number of files."""

    def packed(value: bytes) -> bytes:
        return len(value).to_bytes(8, "little") + value

    files = app_files(app)
    root = hashlib.blake2b(b"meshnode/app/v1" + len(files).to_bytes(4, "little"), digest_size=32)
    for name, is_executable, content in files:
        leaf = hashlib.blake2b(b"meshnode/app/v1/file", digest_size=32)
        leaf.update(packed(name.encode("utf-8")) + bytes([is_executable]) + packed(content))
        root.update(leaf.digest())
    return f"blake2b:{root.hexdigest()}", len(files)


def load_file(path: Path, name: str) -> ModuleType:
    """Runs a Python file as module ``name``; files beside it can be imported by it. No bytecode is written or read."""
    if not path.is_file():
        raise TrainerError(Fault("config", "is no file", "name the app's Python file", file=str(path)))
    sys.dont_write_bytecode = True
    folder = str(path.parent.resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
