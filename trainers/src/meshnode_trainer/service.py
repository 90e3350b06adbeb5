"""Serves one adapter: requests in, events and answers out. The main thread works, a second one reads, a third one
says every two seconds that the process lives."""

from __future__ import annotations

import faulthandler
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from . import limits
from .adapter import Adapter, Hello
from .channel import Channel
from .errors import Cancelled, Fault, TrainerError, fault_of
from .messages import Fields, ProtocolError
from .requests import Requests

EXIT_DONE = 0
EXIT_BROKEN = 3

_PROGRESS_FIELDS = ("step", "of", "epoch", "loss", "rows_per_s", "memory_mb")
_WAKE_SECONDS = 0.25
_AGAIN_SECONDS = 1.0
"""Between two tries to cancel: a library's clean-up after the first one is left alone for so long."""


class Service:
    """One process's side of the protocol. ``run`` never returns."""

    def __init__(self, channel: Channel, adapter: Adapter) -> None:
        self._channel = channel
        self._adapter = adapter
        self._queue: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        # The request at work. Events are sent under the lock, so that none follows the answer of its request.
        self._lock = threading.Lock()
        self._job: int | None = None
        self._since = 0.0
        self._cancel = False
        # Only the main thread writes these: whether a cancel may be raised right now, and whether one is due.
        self._interruptible = False
        self._due = False
        self._raised = 0.0
        self._sent: deque[float] = deque(maxlen=limits.PROGRESS_A_SECOND)
        self._last_id = 0
        self._requests = Requests(adapter)

    def run(self) -> NoReturn:
        faulthandler.enable(file=sys.__stderr__ or 2)
        signal.signal(signal.SIGUSR1, self._interrupted)
        threading.Thread(target=self._read, name="trainer-read", daemon=True).start()
        threading.Thread(target=self._live, name="trainer-live", daemon=True).start()
        while True:
            self._work(self._queue.get())

    # The main thread.

    def _work(self, request: dict[str, Any]) -> None:
        number, op = request["id"], request["op"]
        answer: dict[str, Any] = {}
        try:
            self._interruptible = True
            try:
                answer = {"ok": True, **self._requests.answer(op, Fields(request), self._progress_of(number))}
            except Cancelled:
                self._interruptible = False
                answer = _refusal(TrainerError(Fault("cancelled", "cancelled by the node")))
            except BaseException as error:
                self._interruptible = False
                answer = _refusal(error, cancelled=self._cancel)
            self._interruptible = False
        except Cancelled:
            # It came between two lines of the block above; the next one is seconds away.
            self._interruptible = False
            answer = _refusal(TrainerError(Fault("cancelled", "cancelled by the node")))
        with self._lock:
            self._job, self._cancel, self._due = None, False, False
        self._raised = 0.0
        self._send({"id": number, **answer})
        if op == "bye" and answer["ok"]:
            self._end(EXIT_DONE)

    def _send(self, answer: dict[str, Any]) -> None:
        try:
            self._channel.send(answer)
        except (ValueError, TypeError) as error:
            fault = Fault(
                "failed", f"the answer cannot be sent: {error}", "return plain, finite numbers and fewer of them"
            )
            self._channel.send({"id": answer["id"], **_refusal(TrainerError(fault))})
        except OSError:
            self._end(EXIT_DONE)

    def _interrupted(self, number: int, frame: object) -> None:
        """Runs in the main thread, between two of its instructions or in a call that waits."""
        if not self._cancel:
            return
        if not self._interruptible:
            self._due = True
        elif time.monotonic() - self._raised > _AGAIN_SECONDS:
            self._raised = time.monotonic()
            raise Cancelled

    def _progress_of(self, number: int) -> Callable[..., None]:
        def progress(**fields: float) -> None:
            is_main = threading.current_thread() is threading.main_thread()
            # A cancel that is raised while a line is half written would spoil the channel.
            was = self._interruptible
            if is_main:
                self._interruptible = False
            try:
                self._report(number, fields)
            finally:
                if is_main:
                    self._interruptible = was
            if is_main and was and self._due:
                self._due, self._raised = False, time.monotonic()
                raise Cancelled

        return progress

    def _report(self, number: int, fields: Mapping[str, float]) -> None:
        now = time.monotonic()
        event: dict[str, Any] = {"id": number, "event": "progress"}
        for name in _PROGRESS_FIELDS:
            value = fields.get(name)
            if value is None and name == "step":
                value = fields.get("epoch")
            if value is None or not math.isfinite(value):
                continue
            event[name] = int(value) if name in ("step", "of", "epoch") else float(value)
        with self._lock:
            if self._job != number:
                return
            if len(self._sent) == self._sent.maxlen and now - self._sent[0] < 1.0:
                return
            self._sent.append(now)
            try:
                self._channel.send(event)
            except OSError:
                self._end(EXIT_DONE)

    # The other threads.

    def _live(self) -> None:
        """Every two seconds of a request: alive. After a cancel, the main thread is asked again and again, since code
        of a library may have swallowed the exception."""
        last = time.monotonic()
        while True:
            time.sleep(_WAKE_SECONDS)
            now = time.monotonic()
            with self._lock:
                if self._job is None:
                    continue
                if self._cancel:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                if now - max(last, self._since) < limits.ALIVE_SECONDS - _WAKE_SECONDS / 2:
                    continue
                last = now
                try:
                    self._channel.send({"id": self._job, "event": "alive", "seconds": round(now - self._since, 1)})
                except OSError:
                    self._end(EXIT_DONE)

    def _read(self) -> None:
        try:
            while (message := self._channel.receive()) is not None:
                self._take(message)
        except (ProtocolError, OSError) as error:
            os.write(2, f"meshnode-trainer: the node's side of the protocol is broken: {error}\n".encode())
            self._end(EXIT_BROKEN)
        self._end(EXIT_DONE)

    def _take(self, message: dict[str, Any]) -> None:
        number, op = message.get("id"), message.get("op")
        if type(number) is not int or not self._last_id < number < limits.INTEGER or not isinstance(op, str):
            raise ProtocolError("a request has no op, or no id above the last one")
        self._last_id = number
        if op == "cancel":
            with self._lock:
                hit = self._job is not None and message.get("job") == self._job
                self._cancel = self._cancel or hit
                if hit:
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
                self._channel.send({"id": number, "ok": True, "cancelled": hit})
            return
        with self._lock:
            if self._job is not None:
                fault = Fault("busy", f"request {self._job} is at work", "wait for its answer, or cancel it")
                self._channel.send({"id": number, **_refusal(TrainerError(fault))})
                return
            self._job, self._since = number, time.monotonic()
        self._queue.put(message)

    def _end(self, code: int) -> NoReturn:
        """Ends the process at once, with the children that it started; nothing of an app runs any more."""
        if os.getpgrp() == os.getpid():
            signal_of_others = signal.SIGTERM
            try:
                # Only the main thread may ignore the signal; elsewhere the whole group ends by SIGKILL.
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            except ValueError:
                signal_of_others = signal.SIGKILL
            os.killpg(0, signal_of_others)
        os._exit(code)


def _refusal(error: BaseException, cancelled: bool = False) -> dict[str, Any]:
    if isinstance(error, TrainerError):
        return {"ok": False, "error": error.json()}
    if cancelled:
        return {"ok": False, "error": Fault("cancelled", "cancelled by the node").json()}
    traceback.print_exception(error)
    return {"ok": False, "error": fault_of(error).json()}


def serve(make: Callable[[], Adapter], channel: Channel | None = None) -> NoReturn:
    """Serves the adapter that ``make`` returns, until the node says bye or is gone. Never returns.

    The channel is taken before ``make`` is called, so what an adapter's imports print goes to the log.
    """
    taken = channel or Channel.take()
    try:
        adapter = make()
    except BaseException as error:
        # The reason goes to the node as the answer of its hello.
        adapter = _Failing(error)
    Service(taken, adapter).run()


class _Failing(Adapter):
    """Stands for an adapter that could not be made: every hello is answered with the reason."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def hello(self, hello: Hello) -> NoReturn:
        raise self.error
