"""Checks an exported chain (docs/protocol/export.md) without any code of this project.

Written from docs/protocol alone. It needs Python 3.10 and nothing else.

Checked of every chain: the form of the file; network id; block ids, parents, heights, times; that bodies are the named ones;
proposers, beacons and election proofs; every precommit of every certificate with the electorate of its height; signatures,
nonces, conditions and effects of all registry transactions, with them every balance; the context of every attempt; lists,
announcements with their proofs, Readys, complaints, key statements, opinions, blame, absences, orders and what they rest on;
sets, buckets, scored rounds, replaced holders, payout tables; the state root of every block; that every task chain is the one
that the registry settled. Of a fork: the signatures of all of its voters, the digest of what was carried and, with --origin, that
the old registry gives exactly this. With contents: the length of every reference; boxes hash, elements root and points of every body
that an announcement names and the file holds; the proof that a later attempt repeats its vector; of each result the digits of e, the
block equation, and the new model byte for byte; of each scored round the direction and every opening.
Not checked: the ranges of a published task's fields; the server step of tasks with compression, scaffold or scale = previous, which is
said and counted.
"""

from .export import Checked, Checkpoint, Export, Known, verify
from .faults import Fault

__all__ = ["Checked", "Checkpoint", "Export", "Fault", "Known", "verify"]
