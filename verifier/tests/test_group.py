"""ristretto255 and the curve below it: RFC 9496, Appendix A, and products in more than one way."""

from support import Case, rows

from meshnode_verifier import edwards, ristretto, vrf
from meshnode_verifier.edwards import G, L, ZERO


class Vectors(Case):
    def test_rfc9496(self) -> None:
        seen = set()
        for kind, *columns in rows("crypto-rfc9496.txt"):
            seen.add(kind)
            data = bytes.fromhex(columns[-1])
            if kind == "multiple":
                n = int(columns[0])
                for point in (edwards.times(n, G) if n else ZERO, edwards.times_base(n)):
                    self.assertEqual(ristretto.encode_point(point), data)
                if n:
                    self.assertTrue(ristretto.equal(ristretto.decode_point(data), edwards.times_base(n)))
                    self.assertFalse(ristretto.equal(ristretto.decode_point(data), edwards.times_base(n + 1)))
            elif kind == "invalid":
                self.refused("no group element", lambda: ristretto.decode_point(data))
            else:
                self.assertEqual(ristretto.encode_point(ristretto.hash_to_point(bytes.fromhex(columns[0]))), data)
        self.assertEqual(seen, {"multiple", "invalid", "uniform"})
        self.refused("no group element", lambda: ristretto.decode_point(bytes(32)))

    def test_vrf(self) -> None:
        found = {row[0]: bytes.fromhex(row[1]) for row in rows("crypto-vrf-r255.txt")}
        vrf.check(found["pk"], found["alpha"], found["pi"])
        self.assertEqual(vrf.proof_to_hash(found["pi"]), found["beta"])
        for place in (32, 47, 48, 79):
            other = bytearray(found["pi"])
            other[place] ^= 1
            self.refused("an election proof", lambda: vrf.check(found["pk"], found["alpha"], bytes(other)))
        self.refused("of another key", lambda: vrf.check(found["pk"], found["alpha"] + b"\0", found["pi"]))


class Products(Case):
    def test_every_way_gives_the_same(self) -> None:
        points = [edwards.times_base(7**k % L) for k in range(1, 120)]
        numbers = [pow(3, 91 * k + 5, 2**128 - 159) for k in range(1, 120)]
        numbers[:4] = [0, 1, 2**128 - 1, 1 << 127]
        wanted = edwards.total(edwards.times(n, p) if n else ZERO for n, p in zip(numbers, points))
        self.assertTrue(edwards.same(edwards.combination(numbers, points), wanted))
        few = edwards.total(edwards.times(n, p) if n else ZERO for n, p in zip(numbers[:9], points))
        self.assertTrue(edwards.same(edwards.combination(numbers[:9], points[:9]), few))
        self.assertTrue(edwards.same(edwards.linear(*zip(numbers[:9], points)), few))
        self.assertTrue(edwards.same(edwards.combination([], []), ZERO))

    def test_widest_buckets(self) -> None:
        points = [edwards.times_base(k + 1) for k in range(450)]
        numbers = [(k * 0x9E3779B97F4A7C15F39CC0605CEDC835 + 1) % 2**128 for k in range(450)]
        n = sum(a * (k + 1) for k, a in enumerate(numbers)) % L
        self.assertTrue(edwards.same(edwards.combination(numbers, points), edwards.times_base(n)))
        self.assertTrue(edwards.same(edwards.Multiples(points[2]).times(n), edwards.times(3 * n % L, G)))

    def test_points_of_small_order(self) -> None:
        self.assertEqual(len(edwards.SMALL_Y), 5)
        self.assertTrue(edwards.same(edwards.add(G, edwards.minus(G)), ZERO))
        self.assertTrue(edwards.same(edwards.double(G), edwards.add(G, G)))
        self.assertEqual(edwards.affine_all([edwards.double(G)]), [edwards.affine(edwards.add(G, G))])
