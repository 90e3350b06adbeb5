"""Writes learn-privacy.json: figures of dp-accounting (PyPI), the reference accountant.

"divergences": Renyi divergence of one release at single orders, by numerical quadrature (mpmath).
"rows": epsilon of its RDP accountant for repeated releases; "complete" tells whether it had to leave orders out
(its series for fractional orders fails for large sampling rates, which makes its epsilon larger than need be), and
"tight" is its privacy-loss-distribution accountant's epsilon, a lower bound of what RDP can show.
Run: python3 learn-privacy.py > learn-privacy.json
"""
import json
import math
from importlib.metadata import version

import dp_accounting
import mpmath
from dp_accounting import pld, rdp

orders = [1.1, 1.5, 2.0, 2.5, 3.3, 5.0, 7.7, 10.9, 16.0, 63.0, 256.0]


def event(noise, rate):
    one = dp_accounting.GaussianDpEvent(noise)
    return one if rate == 1 else dp_accounting.PoissonSampledDpEvent(rate, one)


def divergences(noise, rate, orders):
    accountant = rdp.RdpAccountant(orders=orders)
    accountant.compose(event(noise, rate), 1)
    return list(map(float, accountant._rdp))


def quadrature(noise, rate, order):
    """The definition, integrated by mpmath: dp-accounting's own fractional orders are rough for large noise."""
    s, q = mpmath.mpf(noise), mpmath.mpf(rate)

    def integrand(x):
        ratio = (1 - q) + q * mpmath.exp((2 * x - 1) / (2 * s * s))
        return mpmath.npdf(x, 0, s) * ratio**order

    moment = mpmath.quad(integrand, mpmath.linspace(-14 * s, order + 14 * s, 30))
    return float(mpmath.log(moment) / (order - 1))


table, rows = [], []
default = list(rdp.rdp_privacy_accountant.DEFAULT_RDP_ORDERS)
for noise in (1.0, 2.0, 4.0, 8.0, 16.0):
    for rate in (1.0, 0.5, 0.1, 0.01):
        for order in orders:
            table.append(
                {"noise": noise, "rate": rate, "order": order, "divergence": quadrature(noise, rate, order)})
        complete = all(map(math.isfinite, divergences(noise, rate, default)))
        for rounds in (1, 10, 30, 100, 1000):
            for delta in (1e-5, 1e-3):
                accountant = rdp.RdpAccountant()
                accountant.compose(event(noise, rate), rounds)
                tight = pld.PLDAccountant(value_discretization_interval=1e-3)
                tight.compose(event(noise, rate), rounds)
                rows.append(
                    {"noise": noise, "rounds": rounds, "rate": rate, "delta": delta, "complete": complete,
                     "epsilon": accountant.get_epsilon(delta), "tight": tight.get_epsilon(delta)})
print(json.dumps(
    {"provenance": "learn-privacy.py, dp-accounting " + version("dp-accounting"), "divergences": table, "rows": rows},
    indent=1))
