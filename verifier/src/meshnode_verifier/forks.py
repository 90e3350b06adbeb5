"""What a fork of a network carries, held against the network that it comes from (registry.md, Forks)."""

from __future__ import annotations

from collections.abc import Iterable

from .faults import need, present
from .genesis import GenesisAccount
from .registry import Registry


def carried(old: Registry, without: Iterable[bytes]) -> list[GenesisAccount]:
    """The accounts of the fork that a registry gives, without proofs (registry.md, Forks)."""
    lost, voters, accounts = set(without), old.now, old.accounts
    weight = sum(voters.weight.get(k, 0) for k in lost)
    need(lost and all(k in voters.weight for k in lost), "a fork without somebody who has no vote")
    need(voters.total - weight < voters.quorum, "a fork of a network that decides without those who are left out")
    need(weight < voters.quorum, "a fork without voters who can decide by themselves")
    signers = [k for k in voters.weight if k not in lost and accounts[k].bond]
    signed = sum(voters.weight[k] for k in signers)
    need(
        2 * signed > voters.total or 2 * signed == voters.total and min(voters.weight) in signers,
        "a fork of voters without more than half of the weight: there may be another beside it",
    )
    held = {k: a.credits for k, a in accounts.items()}
    for t in old.tasks:
        left = t.escrow
        if t.paid is None and t.payable:
            for entry in t.payable.entries:
                left -= entry.credits
                held[entry.key] += entry.credits
        held[t.publisher] += left + t.deposit
    found = []
    for key in sorted(held):
        bond = 0 if key in lost else min(voters.weight.get(key, 0), accounts[key].bond)
        election = accounts[key].key if bond else bytes(32)
        found.append(GenesisAccount(key, held[key] - bond, bond, election, None))
    return found


def check_origin(new: Registry, old: Registry) -> bool:
    """Holds a fork against the registry that it comes from (registry.md, Forks); False where that one ends below the fork."""
    o = present(new.genesis.origin, "this network is no fork: it has no origin to check")
    need(
        o.network == old.network,
        "the fork comes from network %s, the origin is %s" % (o.network.hex(), old.network.hex()),
    )
    need(
        o.height >= old.height,
        "the old registry goes on to height %d: the fork leaves out decided blocks" % old.height,
    )
    if o.height > old.height:
        return False
    need(o.block == old.head, "the fork names another block than the old registry has")
    given, before = new.genesis, old.genesis
    for one, wanted in zip(given.accounts, carried(old, o.without)):
        same = (one.key, one.balance, one.bond, one.election) == (wanted.key, wanted.balance, wanted.bond, wanted.election)
        need(same, "account %s: the fork carries something else than the old registry gives" % one.key.hex()[:8])
    need(
        len(given.accounts) == len(old.accounts) and given.name == before.name and given.time == old.time
        and given.parameters == before.parameters,
        "accounts, name, time or parameters are not those of the old network",
    )
    return True
