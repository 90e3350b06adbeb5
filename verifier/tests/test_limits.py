"""A limit that the verifier does not have, or has otherwise than the node, is a way past it."""

import re

from support import REPOSITORY, Case

from meshnode_verifier import limits

NAMED = dict(
    PAYLOAD="envelopePayload", VOTERS="voters", SUBMITTERS="submitters", HOLDERS="holders", COMPONENTS="components", NAMED="named",
    PATH="pathLength", ANNOUNCEMENTS="announcements", TRANSACTIONS="transactionsPerBlock", EVICTIONS="evictions", BODY="blockBody",
    ACCOUNTS="accounts", TASKS="tasks", REGISTRY_BODY="registryBody", CONTENT="content", TIME="timeMs", TEXT="name",
    LAYERS="layers", COLUMNS="columns", PROOF="decisionProof", ELEMENTS="elements", ROUNDS="rounds", STEPS="proofSteps",
    ORDERS="orders", UNBONDINGS="unbondings", OPEN_TASKS="openTasksPerAccount", COMPLAINTS="complaints", EPOCH="epochHeights",
)
# What no exported block can break: a node's own tables, the ranges of a task and the size of a message in it.
ELSEWHERE = {
    "buckets", "reason", "remark", "roundMemory", "pendingPlaces", "pendingPlaceBytes", "pendingTransactionsPerSigner",
    "gappedPlaces", "gappedTransactionMs", "creditsPerPendingPlace", "scoredRounds", "coordinatesPerScore", "clockAheadMs",
}


class Limits(Case):
    def test_limits_are_the_nodes(self) -> None:
        node: dict[str, int] = {}
        text = (REPOSITORY / "Sources" / "Wire" / "Limits.swift").read_text()
        for name, value in re.findall(r"static let (\w+)(?:: \w+)? = ([^\n]+)", text):
            node[name] = eval(value.replace("/", "//"), {}, node)
        for own, name in NAMED.items():
            self.assertEqual(getattr(limits, own), node[name], name)
        self.assertEqual(set(node) - set(NAMED.values()) - ELSEWHERE, set(), "the verifier says nothing of these")
