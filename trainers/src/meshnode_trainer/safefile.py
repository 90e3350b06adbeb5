"""Files of the protocol: inputs that are what they seem, outputs that are whole or not there."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from .errors import Fault, TrainerError


def open_input(path: Path, most: int, *, code: str = "config", follow: bool = False) -> io.BufferedReader:
    """Opens a regular file of at most ``most`` bytes for reading; never waits for a pipe.

    With ``follow`` false, a symbolic link in the last place is refused. Errors name the file, with ``code``.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW)
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else (os.strerror(error.errno or 0)).lower()
        raise TrainerError(Fault(code, reason, "name a regular file that can be read", file=str(path))) from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise TrainerError(Fault(code, "is no regular file", "name a regular file", file=str(path)))
        if status.st_size > most:
            text = f"has {status.st_size} bytes, at most {most} are read"
            raise TrainerError(Fault(code, text, "name the right file", file=str(path)))
        return open(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_whole(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Writes ``path`` so that it is there whole or not at all: ``path``.part, fsync, rename, fsync of the folder.

    What lies at ``path`` is replaced, a symbolic link by the file and not its target. Raises ``OSError``.
    """
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def output_path(text: str, scratch: Path, field: str) -> Path:
    """Where an output goes: a path within ``scratch``, given absolute or relative to it, whose folder exists."""
    path = scratch / text
    try:
        folder = path.parent.resolve(strict=True)
        inside = folder.is_relative_to(scratch.resolve(strict=True)) and path.name not in ("", ".", "..")
    except (OSError, RuntimeError):
        inside = False
    if not inside:
        raise TrainerError(
            Fault(
                "config",
                "lies outside of the scratch folder, or its folder does not exist",
                f"name a file in {scratch}",
                file=text,
                field=field,
            )
        )
    return folder / path.name
