"""What a network begins with, and what a fork of one claims (wire.md, Genesis; registry.md, Forks)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from . import ed25519, ristretto
from .codec import Reader, ascending, transcript, u16, u32, u64
from .faults import need
from .identifiers import network_id
from .limits import ACCOUNTS, TEXT, VOTERS
from .rules import RULES, other_rules


@dataclass(frozen=True)
class GenesisAccount:
    """An account as the genesis gives it; its proofs are of the election key, and a signature (wire.md, Genesis)."""

    key: bytes
    balance: int
    bond: int
    election: bytes
    proofs: tuple[bytes, bytes] | None


@dataclass(frozen=True)
class Origin:
    """Where a fork comes from, and whom it leaves out (registry.md, Forks)."""

    network: bytes
    height: int
    block: bytes
    carried: bytes
    without: list[bytes]


class Genesis:
    """A genesis, checked (wire.md, Genesis)."""

    def __init__(self, data: bytes) -> None:
        r = Reader(data)
        need(data[2:3] != b"\x01", other_rules(1))
        r.domain(5, 2)
        rules = r.u16()
        need(rules == RULES, other_rules(rules))
        self.name = r.text(TEXT)
        self.time = r.time()
        self.accounts = r.many(genesis_account, ACCOUNTS)
        ascending([a.key for a in self.accounts], "accounts")
        need(sum(a.balance + a.bond for a in self.accounts) < 2**63, "more credits than 2^63 - 1")
        start = r.at
        self.proof_bytes, propose, vote = r.choice(0, 80), r.u32(), r.u32()
        need(10 <= propose <= 600_000 and 10 <= vote <= 600_000, "timeouts out of range")
        self.settle_ms, self.evidence_ms, self.epoch_ms = r.u64(), r.u64(), r.u64()
        windows = self.settle_ms, self.evidence_ms, self.epoch_ms
        need(all(1 <= n <= 31_536_000_000 for n in windows), "windows out of range")
        self.parameters = r.data[start : r.at]
        self.origin = origin(r) if r.at < len(r.data) else None
        r.end()
        self.network = network_id(data)
        if self.origin:
            check_fork(self.origin, self.accounts)
        for account in self.accounts:
            check_member(account, self.proof_bytes, self.network if self.origin else None)
        need(any(a.bond for a in self.accounts), "a genesis without a validator")


def genesis_account(r: Reader) -> GenesisAccount:
    """Reads an account (wire.md, Genesis)."""
    return GenesisAccount(r.id(), r.u64(), r.u64(), r.id(), (r.sig(), r.sig()) if r.flag() else None)


def origin(r: Reader) -> Origin:
    """What follows the parameters of a fork's genesis (registry.md, Forks)."""
    need(r.u8() == 1, "an unknown section of the genesis")
    o = Origin(r.id(), r.u64(), r.id(), r.id(), r.ids(VOTERS))
    need(o.without, "a fork without anybody left out")
    ascending(o.without, "lost voters")
    return o


def check_member(account: GenesisAccount, proof_bytes: int, fork: bytes | None = None) -> None:
    """A validator has proven both of its keys; a key without a bond has at least to be one (wire.md, Genesis). In a fork, whose
    network id is given, the proofs are signatures under it, by its voters and nobody else (registry.md, Forks)."""
    need(ed25519.is_key(account.key), "an account that is the key of no node")
    if account.proofs is None:
        bare = account.bond == 0 and account.election == bytes(32)
        need(bare, "a validator that has not proven its keys, or not signed the fork")
        return
    need(fork is None or account.bond > 0, "a signature under a fork of an account without a vote")
    if fork:
        statement = transcript("meshnode/fork-voter/1", u16(RULES), fork, account.key, account.election)
    else:
        statement = transcript("meshnode/member/1", u16(RULES), account.key, account.election)
    election, signature = account.proofs
    ed25519.check_signature(account.key, signature, statement)
    if account.election == bytes(32):
        need(election == bytes(64), "a proof of an election key without the key")
        need(account.bond == 0 or proof_bytes == 0, "a validator without an election key")
    else:
        ristretto.check_key(election, account.election, statement)


def carried_digest(accounts: Sequence[GenesisAccount]) -> bytes:
    """The digest of what a fork carries (registry.md, Forks)."""
    carried = u32(len(accounts)) + b"".join(a.key + u64(a.balance + a.bond) for a in accounts)
    return transcript("meshnode/carried/1", carried)


def check_fork(o: Origin, accounts: Sequence[GenesisAccount]) -> None:
    """What a fork has to be in itself; whether it carries what it should, only the old registry can tell (registry.md, Forks)."""
    need(o.carried == carried_digest(accounts), "the credits are not those of the digest of what was carried")
    voters = sum(a.bond > 0 for a in accounts)
    need(1 <= voters <= VOTERS, "a fork with %d voters" % voters)
    bonds = {a.key: a.bond for a in accounts}
    need(all(bonds.get(key) == 0 for key in o.without), "a lost voter with a vote, or without an account")
