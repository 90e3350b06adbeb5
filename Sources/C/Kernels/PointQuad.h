// Four points of edwards25519 (a = -1) in extended coordinates, one in each lane: x = X/Z, y = Y/Z, x y = T/Z.
// Formulas: Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited", ASIACRYPT 2008, section 3.1 (complete
// on this curve) and 3.3. Deviation: table entries hold ((y+x)/2, (y-x)/2, d x y), half of the usual values, so that
// Z enters undoubled and fewer sums need a carry.
#ifndef MESHNODE_POINT_QUAD_H
#define MESHNODE_POINT_QUAD_H

#include "FieldConstants.h"
#include "FieldQuad.h"
#include "Kernels.h"

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
    r.t = field_multiply(e, h);
    r.x = field_multiply(e, f);
    r.y = field_multiply_loose(g, h);
    r.z = field_multiply_loose(g, f);
    return r;
}

/// P + Q, 7 M. Complete: any P and Q of the curve, equal, opposite or the identity.
/// With A = (Y1 - X1)(y2 - x2) / 2, B = (Y1 + X1)(y2 + x2) / 2, C = T1 d x2 y2, D = Z1: E = B - A, F = D - C,
/// G = D + C = 2 D - F, H = B + A, where E, F and H are carried straight from the raw products.
/// Each product stands where the carries before it have time to finish.
KERNEL_INLINE PointQuad point_add_niels(PointQuad p, NielsQuad q) {
    uint64_t no_offset[5], twice_offset[5], f_offset[5];
    UNROLL for (int k = 0; k < 5; k++) {
        no_offset[k] = 0;
        twice_offset[k] = 2 * field_product_offset(k);
        f_offset[k] = LOW_HALF_BITS - field_product_offset(k);
    }
    FieldRaw a = field_multiply_raw(field_subtract(p.y, p.x), q.half_difference);
    FieldRaw b = field_multiply_raw(field_add(p.y, p.x), q.half_sum);
    FieldReduced e = field_carry(field_raw_subtract(b, a), no_offset);
    FieldReduced h = field_carry(field_raw_add(b, a), twice_offset);
    FieldRaw c = field_multiply_raw(field_loose(p.t), q.product_d);
    FieldReduced f = field_carry(field_raw_subtract(field_raw(p.z), c), f_offset);
    return point_complete(e, f, field_twice_minus(p.z, f), h);
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

/// The sums of squares and the product from which 2 P is made: E = 2 X Y, F = G - 2 Z^2, G = Y^2 - X^2 and
/// H' = Y^2 + X^2 = -H.
typedef struct {
    FieldReduced e, f, g, negative_h;
} DoublingTerms;

KERNEL_INLINE DoublingTerms point_doubling_terms(FieldReduced x, FieldReduced y, FieldReduced z) {
    uint64_t no_offset[5], twice_offset[5], f_offset[5];
    UNROLL for (int k = 0; k < 5; k++) {
        no_offset[k] = 0;
        twice_offset[k] = 2 * field_square_offset(k);
        f_offset[k] = LOW_HALF_BITS - 2 * field_square_offset(k);
    }
    DoublingTerms terms;
    FieldRaw xx = field_square_raw(x), yy = field_square_raw(y);
    terms.g = field_carry(field_raw_subtract(yy, xx), no_offset);
    terms.negative_h = field_carry(field_raw_add(yy, xx), twice_offset);
    FieldRaw zz = field_square_raw(z);
    terms.e = field_multiply_loose(field_add(x, x), y);
    terms.f = field_carry(field_raw_subtract(field_raw(terms.g), field_raw_add(zz, zz)), f_offset);
    return terms;
}

/// 2 P, 5 M + 3 S. (X : Y : Z : T) = (E F : -G H' : F G : -E H').
KERNEL_INLINE PointQuad point_double(PointQuad p) {
    DoublingTerms terms = point_doubling_terms(p.x, p.y, p.z);
    PointQuad r;
    r.y = field_negate(field_multiply(terms.g, terms.negative_h));
    r.t = field_negate(field_multiply(terms.e, terms.negative_h));
    r.x = field_multiply(terms.e, terms.f);
    r.z = field_multiply(terms.f, terms.g);
    return r;
}

/// 2 P without T (which is left as it was), 4 M + 3 S: enough where only doublings follow.
KERNEL_INLINE PointQuad point_double_without_t(PointQuad p) {
    DoublingTerms terms = point_doubling_terms(p.x, p.y, p.z);
    p.y = field_negate(field_multiply(terms.g, terms.negative_h));
    p.x = field_multiply(terms.e, terms.f);
    p.z = field_multiply(terms.f, terms.g);
    return p;
}

/// Reads four points of `KernelPoint` form.
KERNEL_INLINE PointQuad point_load(const KernelPoint *points) {
    // Five times four limbs of each point, turned into lanes: limbs 0...4 are X, 5...9 Y, 10...14 Z, 15...19 T.
    __m256i limb[20];
    _Pragma("GCC unroll 5") for (int group = 0; group < 5; group++) {
        _Pragma("GCC unroll 4") for (int lane = 0; lane < 4; lane++) {
            const uint64_t *source = points[lane].limbs + 4 * group;
            limb[4 * group + lane] = _mm256_loadu_si256((const __m256i *)(const void *)source);
        }
        transpose_words(limb + 4 * group);
    }
    const uint64_t no_offset[5] = {0, 0, 0, 0, 0};
    FieldReduced coordinate[4];
    _Pragma("GCC unroll 4") for (int c = 0; c < 4; c++) {
        FieldRaw raw;
        UNROLL for (int k = 0; k < 5; k++) raw.limb[k] = limb[5 * c + k];
        coordinate[c] = field_carry(raw, no_offset);
    }
    return (PointQuad){coordinate[0], coordinate[1], coordinate[2], coordinate[3]};
}

/// Writes four points in `KernelPoint` form, limbs below 2^51 + 2^6.
KERNEL_INLINE void point_store(KernelPoint *points, PointQuad p) {
    const __m256i limb_mask = _mm256_set1_epi64x((int64_t)LIMB_MASK);
    const FieldReduced coordinate[4] = {p.x, p.y, p.z, p.t};
    __m256i limb[20];
    _Pragma("GCC unroll 4") for (int c = 0; c < 4; c++) {
        // Adding 2 p makes every limb positive; one parallel carry makes them tight.
        __m256i biased[5];
        FieldRaw raw = field_raw(coordinate[c]);
        UNROLL for (int k = 0; k < 5; k++) {
            uint64_t bias = (k == 0 ? (1ull << 52) - 38 : (1ull << 52) - 2) - LOW_HALF_BITS;
            biased[k] = _mm256_add_epi64(raw.limb[k], _mm256_set1_epi64x((int64_t)bias));
        }
        UNROLL for (int k = 0; k < 5; k++) {
            __m256i carry = _mm256_srli_epi64(biased[k == 0 ? 4 : k - 1], 51);
            if (k == 0) carry = times19(carry);
            limb[5 * c + k] = _mm256_add_epi64(_mm256_and_si256(biased[k], limb_mask), carry);
        }
    }
    _Pragma("GCC unroll 5") for (int group = 0; group < 5; group++) {
        transpose_words(limb + 4 * group);
        _Pragma("GCC unroll 4") for (int lane = 0; lane < 4; lane++) {
            uint64_t *target = points[lane].limbs + 4 * group;
            _mm256_storeu_si256((__m256i *)(void *)target, limb[4 * group + lane]);
        }
    }
}

#endif
