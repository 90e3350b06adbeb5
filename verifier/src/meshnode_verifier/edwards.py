"""The curve below Ed25519 and ristretto255 (RFC 8032, 5.1; crypto.md, Bases), in numbers of any length.

Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, T = XY/Z. Nothing here is secret, so nothing takes equal times.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Point = tuple[int, int, int, int]

P = 2**255 - 19
# The order of the group that the base point makes.
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
TWICE_D = 2 * D % P
# A root of -1.
ROOT = pow(2, (P - 1) // 4, P)
ZERO: Point = (0, 1, 1, 0)


def add(p: Point, q: Point) -> Point:
    """p + q, for all points (Hisil, Wong, Carter, Dawson 2008, 3.1)."""
    x, y, z, t = p
    x2, y2, z2, t2 = q
    a, b = (y - x) * (y2 - x2) % P, (y + x) * (y2 + x2) % P
    c, d = t * t2 % P * TWICE_D % P, 2 * z * z2 % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def double(p: Point) -> Point:
    """2p, for all points (Hisil, Wong, Carter, Dawson 2008, 3.3)."""
    x, y, z, _ = p
    a, b, c = x * x % P, y * y % P, 2 * z * z
    e, g = (x + y) * (x + y) - a - b, b - a
    f, h = (g - c) % P, -a - b
    e %= P
    return e * f % P, g * h % P, f * g % P, e * h % P


def minus(p: Point) -> Point:
    return -p[0] % P, p[1], p[2], -p[3] % P


def times(n: int, p: Point) -> Point:
    """n * p, n non-negative."""
    return linear((n, p))


def times8(p: Point) -> Point:
    """8 * p: whatever p has of a small order is gone."""
    return double(double(double(p)))


def linear(*terms: tuple[int, Point]) -> Point:
    """The sum of n * p over the terms (n, p), n non-negative, four bits at a time with one chain of doublings."""
    tables = []
    for n, p in terms:
        multiples = [ZERO, p]
        for _ in range(14):
            multiples.append(add(multiples[-1], p))
        tables.append((n, multiples))
    out = ZERO
    for shift in range((max(n.bit_length() for n, _ in terms) + 3) // 4 * 4 - 4, -4, -4):
        out = double(double(double(double(out))))
        for n, multiples in tables:
            digit = n >> shift & 15
            if digit:
                out = add(out, multiples[digit])
    return out


class Multiples:
    """A point that many numbers multiply: 15 multiples of each 16^k times it, so that no product needs a doubling."""

    def __init__(self, point: Point) -> None:
        self.rows: list[list[Point]] = []
        for _ in range(65):
            row = [ZERO, point]
            for _ in range(14):
                row.append(add(row[-1], point))
            self.rows.append(row)
            point = add(row[-1], point)

    def times(self, n: int) -> Point:
        """n times the point, n non-negative and below 2^260."""
        out = ZERO
        for row in self.rows:
            if n & 15:
                out = add(out, row[n & 15])
            n >>= 4
        return out


def same(p: Point, q: Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def affine(p: Point) -> tuple[int, int]:
    """x and y."""
    inverse = pow(p[2], -1, P)
    return p[0] * inverse % P, p[1] * inverse % P


def affine_all(points: Sequence[Point]) -> list[tuple[int, int]]:
    """x and y of each point, with one inversion for all of them."""
    products, running = [], 1
    for p in points:
        products.append(running)
        running = running * p[2] % P
    inverse, out = pow(running, -1, P), []
    for p, before in zip(reversed(points), reversed(products)):
        one = inverse * before % P
        inverse = inverse * p[2] % P
        out.append((p[0] * one % P, p[1] * one % P))
    out.reverse()
    return out


def total(points: Iterable[Point]) -> Point:
    """The sum of the points."""
    rest = iter(points)
    out = next(rest, ZERO)
    for p in rest:
        out = add(out, p)
    return out


def combination(numbers: Sequence[int], points: Sequence[Point]) -> Point:
    """The sum of numbers[j] * points[j], numbers below 2^128 (crypto.md, Block equation; Pippenger's buckets).

    A number is read as digits of `width` bits from -2^(width-1) up, so that a bucket serves both signs.
    """
    width = 4 if len(points) < 100 else 6 if len(points) < 400 else 7 if len(points) < 2000 else 9
    half, rows = 1 << width - 1, 128 // width + 2
    # (y - x, y + x, 2dxy) of each point and of its negative: what an addition takes of it.
    ready = []
    for x, y in affine_all(points):
        t = x * y % P * TWICE_D % P
        ready.append(((y - x, y + x, t), (y + x, y - x, -t)))
    columns: list[list[tuple[int, tuple[int, int, int]]]] = [[] for _ in range(rows)]
    for n, (positive, negative) in zip(numbers, ready):
        row = 0
        while n:
            digit = n & 2 * half - 1
            n >>= width
            if digit > half:
                digit, n = 2 * half - digit, n + 1
                columns[row].append((digit, negative))
            elif digit:
                columns[row].append((digit, positive))
            row += 1
    out = ZERO
    for column in reversed(columns):
        for _ in range(width):
            out = double(out)
        buckets = [ZERO] * (half + 1)
        for digit, (less, more, t2) in column:
            x, y, z, t = buckets[digit]
            a, b, c, d = (y - x) * less % P, (y + x) * more % P, t * t2 % P, 2 * z
            e, f, g, h = b - a, d - c, d + c, b + a
            buckets[digit] = e * f % P, g * h % P, f * g % P, e * h % P
        running = part = ZERO
        if column:
            for bucket in buckets[:0:-1]:
                running = add(running, bucket)
                part = add(part, running)
        out = add(out, part)
    return out


def root_ratio(u: int, v: int) -> tuple[bool, int]:
    """Whether u/v is a square, and the even root of it, or of ROOT * u/v (RFC 9496, 4.2)."""
    v3 = v * v % P * v % P
    r = u * v3 % P * pow(u * v3 % P * v3 % P * v % P, (P - 5) // 8, P) % P
    check = v * r % P * r % P
    square = check in (u % P, -u % P)
    if check in (-u % P, -u * ROOT % P):
        r = r * ROOT % P
    return square, P - r if r & 1 else r


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = root_ratio(BASE_Y**2 - 1, D * BASE_Y**2 + 1)[1]
# The base point of RFC 8032 and RFC 9496.
G: Point = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)
_base: list[Multiples] = []


def times_base(n: int) -> Point:
    """n * G, n non-negative and below 2^260."""
    if not _base:
        _base.append(Multiples(G))
    return _base[0].times(n)


def small_ys() -> set[int]:
    """y of every point of order 1, 2, 4 and 8: the double of one of order 8 has y = 0, which is d*y^4 + 2*y^2 - 1 = 0."""
    found = {1, P - 1, 0}
    _, root = root_ratio(1 + D, 1)
    for numerator in (-1 + root, -1 - root):
        square, y = root_ratio(numerator % P, D)
        if square:
            found |= {y, P - y}
    return found


SMALL_Y = small_ys()
