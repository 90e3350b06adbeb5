"""Key statements: a holder's roots over the keys of a set (rounds.md, 3. Keys)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codec import Reader
from .envelopes import KEY_STATEMENT, Envelope
from .faults import Fault, need
from .limits import COMPONENTS

if TYPE_CHECKING:
    from .task import Task


def key_statement(task: Task, e: Envelope) -> dict[int, bytes]:
    """A holder's roots by component, of the present set (rounds.md, 3. Keys; crypto.md, Key derivation and release)."""
    o = task.message(e, KEY_STATEMENT, task.holders, "a key statement")
    if task.current is None:
        raise Fault("a key statement of another set")
    need(o.id() == task.context() and o.id() == task.current.manifest, "a key statement of another set")
    stated = o.many(lambda r: (r.u8(), r.id()), COMPONENTS)
    o.end()
    wanted = task.components_of(task.holders.index(e.signer))
    roots = dict(stated)
    need(list(roots) == wanted and len(roots) == len(stated), "a key statement of other components than its holder's")
    return roots
