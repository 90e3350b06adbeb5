// Four points of edwards25519 (a = -1) in extended coordinates, one in each lane: x = X/Z, y = Y/Z, x y = T/Z.
// Formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited", ASIACRYPT 2008, section 3.1 (complete
// on this curve) and 3.3. Deviation: table entries hold ((y+x)/2, (y-x)/2, d x y), half of the usual values, so that
// Z enters undoubled and fewer sums need a carry.
#ifndef MESHNODE_POINT_QUAD_H
#define MESHNODE_POINT_QUAD_H

#include "FieldConstants.h"
#include "FieldQuad.h"

typedef struct {
    FieldReduced x, y, z, t;
} PointQuad;

/// Four affine points as half sums: (y + x) / 2, (y - x) / 2, d x y.
typedef struct {
    FieldReduced half_sum, half_difference, product_d;
} NielsQuad;

KERNEL_INLINE PointQuad point_identity(void) {
    PointQuad p;
    p.x = field_small(0);
    p.y = field_small(1);
    p.z = field_small(1);
    p.t = field_small(0);
    return p;
}

/// The last step of both additions and of doubling: from the completed point (E, F, G, H), with E, F, H reduced.
KERNEL_INLINE PointQuad point_complete(FieldReduced e, FieldReduced f, FieldLoose g, FieldReduced h) {
    PointQuad r;
    r.x = field_multiply(e, f);
    r.y = field_multiply_loose(g, h);
    r.z = field_multiply_loose(g, f);
    r.t = field_multiply(e, h);
    return r;
}

/// From the raw products A = (Y1 - X1)(y2 - x2), B = (Y1 + X1)(y2 + x2), C = T1 2 d t2 and the doubled Z1 D, all four
/// scaled by the same factor: E = B - A, F = D - C, G = D + C = 2 D - F, H = B + A. F is carried straight from the raw product.
KERNEL_INLINE PointQuad point_finish_addition(FieldRaw a, FieldRaw b, FieldRaw c, FieldReduced d) {
    uint64_t no_offset[5], twice_offset[5], f_offset[5];
    UNROLL for (int k = 0; k < 5; k++) {
        no_offset[k] = 0;
        twice_offset[k] = 2 * field_product_offset(k);
        f_offset[k] = LOW_HALF_BITS - field_product_offset(k);
    }
    FieldReduced e = field_carry(field_raw_subtract(b, a), no_offset);
    FieldReduced h = field_carry(field_raw_add(b, a), twice_offset);
    FieldReduced f = field_carry(field_raw_subtract(field_raw(d), c), f_offset);
    return point_complete(e, f, field_twice_minus(d, f), h);
}

/// P + Q, 7 M. Complete: any P and Q of the curve, equal, opposite or the identity.
KERNEL_INLINE PointQuad point_add_niels(PointQuad p, NielsQuad q) {
    FieldRaw a = field_multiply_raw(field_subtract(p.y, p.x), q.half_difference);
    FieldRaw b = field_multiply_raw(field_add(p.y, p.x), q.half_sum);
    FieldRaw c = field_multiply_raw(field_loose(p.t), q.product_d);
    return point_finish_addition(a, b, c, p.z);
}

/// Q as an extended point with Z = 1.
KERNEL_INLINE PointQuad point_from_niels(NielsQuad q) {
    PointQuad r;
    r.x = field_reduce(field_subtract(q.half_sum, q.half_difference));
    r.y = field_reduce(field_add(q.half_sum, q.half_difference));
    r.z = field_small(1);
    r.t = field_multiply(r.x, r.y);
    return r;
}

/// 2 P, 4 M + 3 S.
KERNEL_INLINE PointQuad point_double(PointQuad p) {
    uint64_t no_offset[5], twice_offset[5], f_offset[5];
    UNROLL for (int k = 0; k < 5; k++) {
        no_offset[k] = 0;
        twice_offset[k] = 2 * field_square_offset(k);
        f_offset[k] = LOW_HALF_BITS - 2 * field_square_offset(k);
    }
    FieldRaw xx = field_square_raw(p.x), yy = field_square_raw(p.y), zz = field_square_raw(p.z);
    FieldReduced e = field_multiply_loose(field_add(p.x, p.x), p.y);
    FieldReduced g = field_carry(field_raw_subtract(yy, xx), no_offset);
    // H is taken with the opposite sign (Y^2 + X^2), and so are E and T with it below.
    FieldReduced h = field_carry(field_raw_add(yy, xx), twice_offset);
    FieldReduced f = field_carry(field_raw_subtract(field_raw(g), field_raw_add(zz, zz)), f_offset);
    // (X : Y : Z : T) = (E F : -G H : F G : -E H)
    PointQuad r;
    r.x = field_multiply(e, f);
    r.y = field_negate(field_multiply(g, h));
    r.z = field_multiply(f, g);
    r.t = field_negate(field_multiply(e, h));
    return r;
}

#endif
