"""The server steps, as another implementation computes them (Tests/Vectors/learn-server-step.json)."""

import json
import struct

from support import VECTORS, Case

from meshnode_verifier.server_step import KEPT, f32, mean_of, server_step
from meshnode_verifier.spec import Server

RULES = ["", "fedavg", "fedavgm", "fedadam", "fedyogi", "diloco", "median", "trimmed_mean", "krum"]


def hexed(values: list[float]) -> list[str]:
    return [struct.pack(">f", one).hex() for one in values]


def unhexed(values: list[str]) -> list[float]:
    return [struct.unpack(">f", bytes.fromhex(one))[0] for one in values]


class Steps(Case):
    def test_every_rule(self) -> None:
        vectors = json.loads((VECTORS / "learn-server-step.json").read_text())
        seen = set()
        for case in vectors["cases"] + vectors["robust"]:
            rule = case["rule"]
            number = RULES.index(rule["name"])
            seen.add(number)
            rate, beta2, tau = (round(1e6 * rule.get(name, 0)) for name in ("rate", "beta2", "tau"))
            momentum = round(1e6 * rule.get("momentum", rule.get("beta1", 0)))
            server = Server(number, rate, momentum, beta2, tau, rule.get("hostile", 0))
            weights, first, second = unhexed(case["weights"]), None, None
            (step,) = unhexed([case["step"]])
            for one in case["rounds"]:
                counts = case["rows"] if isinstance(case["rows"], list) else [case["rows"]]
                means = [
                    mean_of(digits, step, f32(f32(count) / f32(case["row_cap"])))
                    for digits, count in zip(one.get("sums") or [one["sum"]], counts)
                ]
                weights, first, second = server_step(server, weights, first, second, means)
                state = [weights, first, second]
                wanted = [one["weights"]] + [one[name] for name in KEPT.get(number, [])]
                self.assertEqual([hexed(values) for values in state[: len(wanted)]], wanted, rule)
        self.assertEqual(seen, set(range(1, 9)))
