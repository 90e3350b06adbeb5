"""The protocol's descriptors, taken before any code of a user or a library runs.

Descriptors 0 and 1 of the process are the channel only until ``Channel.take()``. Then they are moved to private
descriptors that no child inherits, 0 becomes /dev/null and 1 a copy of 2. What an app, a C library or a child process
prints can only reach the log; an answer that an app forges on descriptor 1 does so, too.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

from . import limits
from .messages import ProtocolError, decoded, encoded


class Channel:
    """Lines in and out. Any thread may send; one thread receives."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._lock = threading.Lock()
        self._buffer = bytearray()

    @classmethod
    def take(cls) -> Channel:
        """Moves descriptors 0 and 1 away and puts /dev/null and the log in their places. Called once, first."""
        sys.stdout.flush()
        incoming, outgoing = os.dup(0), os.dup(1)
        null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(null, 0)
        os.close(null)
        os.dup2(2, 1)
        sys.stdin = open(0, closefd=False)
        sys.stdout = open(1, "w", buffering=1, closefd=False, errors="backslashreplace")
        return cls(incoming, outgoing)

    def send(self, message: dict[str, Any]) -> None:
        """Writes one line whole. Raises what ``encoded`` raises, and ``OSError`` where the node is gone."""
        data = memoryview(encoded(message))
        with self._lock:
            while data:
                data = data[os.write(self._outgoing, data) :]

    def receive(self) -> dict[str, Any] | None:
        """The next message, or None at the end of the input.

        Raises ``ProtocolError`` for a line that is too long or no message.
        """
        searched = 0
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched = len(self._buffer)
            if searched >= limits.LINE_BYTES:
                raise ProtocolError(f"a line is longer than {limits.LINE_BYTES} bytes")
            part = os.read(self._incoming, 1 << 16)
            if not part:
                return None
            self._buffer += part
        if end >= limits.LINE_BYTES:
            raise ProtocolError(f"a line is longer than {limits.LINE_BYTES} bytes")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return decoded(line)
