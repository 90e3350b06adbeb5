// Arithmetic modulo p = 2^255 - 19 on four field elements at once, one in each 64-bit lane of an AVX2 register.
//
// Representation: an element is x = sum of limb[k] * 2^(51 k), k = 0..4, where every limb is a signed integer held
// exactly in a double. Multiplication splits a product of two limbs into halves by two fused multiply-adds
// (the method is known from "Faster Modular Exponentiation Using Double Precision Floating Point Arithmetic on
// the GPU", Emmart, Zheng, Weems, ARITH 2018): with C = 1.5 * 2^103, whose last place is 2^51,
//     high = fma(a, b, C)                   = C + h * 2^51,         h = round(a b / 2^51)
//     low  = fma(a, b, (C + 1.5 * 2^52) - high) = 1.5 * 2^52 + l,   l = a b - h * 2^51, |l| <= 2^50
// and both bit patterns, read as 64-bit integers, are a constant plus h or l. They are summed as integers; the
// constants are taken off once at the end. All steps are exact in round-to-nearest, the default mode.
//
// Bounds. The type of a value states its bound, and the signatures keep the products inside it:
//     FieldReduced   |limb| <= R = 2^50 + 2^14
//     FieldLoose     |limb| <= 3 R  (a sum of up to three reduced elements)
//     FieldRaw       integer limbs |limb| < 2^60 after the known offset is taken off
// A product of limbs needs |a b| <= 2^102 - 2^51: loose times reduced gives 3 R^2 < 2^101.6. Loose times loose is
// not offered. One product column sums up to five l (<= 2^50) and five h (<= 2^51): < 2^54; folding 2^255 = 19
// multiplies by at most 20: < 2^58.4; two raw products added or subtracted: < 2^59.4.
// The carry moves c = round(limb / 2^51), |c| <= 2^9, one limb up and 19 c from the top limb to the lowest:
// |limb| <= 2^50 + 19 * 2^9 + 1 < R.
#ifndef MESHNODE_FIELD_QUAD_H
#define MESHNODE_FIELD_QUAD_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The control word is set at run time (FloatingPointGuard.h). The pragma also keeps floating-point operations in
// program order, which matters more here: LLVM's scheduler otherwise hoists all products and spills them, at twice
// the run time.
#if defined(__clang__)
#pragma STDC FENV_ACCESS ON
#endif

#define KERNEL_TARGET __attribute__((target("avx2,fma")))
#define KERNEL_INLINE KERNEL_TARGET static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 10")

typedef struct {
    __m256d limb[5];
} FieldReduced;

typedef struct {
    __m256d limb[5];
} FieldLoose;

typedef struct {
    __m256i limb[5];
} FieldRaw;

/// Four canonical elements (< p): word[k] holds bits 64 k .. 64 k + 63 of each lane's element.
typedef struct {
    __m256i word[4];
} FieldWords;

// Bit patterns of 1.5 * 2^52 and 1.5 * 2^103: the offsets that low and high halves carry.
#define LOW_HALF_BITS 0x4338000000000000ull
#define HIGH_HALF_BITS 0x4668000000000000ull
#define LIMB_MASK ((1ull << 51) - 1)

/// The number of limb products in column `k` (0..8) of a five by five multiplication.
KERNEL_INLINE uint64_t field_column_products(int k) {
    return k < 0 || k > 8 ? 0 : (uint64_t)(k < 5 ? k + 1 : 9 - k);
}

/// The number of limb products in column `k` of a squaring, where a_i a_j and a_j a_i are one product.
KERNEL_INLINE uint64_t field_column_squares(int k) {
    return (field_column_products(k) + 1) / 2;
}

/// The offset (mod 2^64) of limb `k` of a raw product, after the fold by 19.
KERNEL_INLINE uint64_t field_product_offset(int k) {
    return field_column_products(k) * LOW_HALF_BITS + field_column_products(k - 1) * HIGH_HALF_BITS
        + 19 * (field_column_products(k + 5) * LOW_HALF_BITS + field_column_products(k + 4) * HIGH_HALF_BITS);
}

/// The offset (mod 2^64) of limb `k` of a raw square.
KERNEL_INLINE uint64_t field_square_offset(int k) {
    return field_column_squares(k) * LOW_HALF_BITS + field_column_squares(k - 1) * HIGH_HALF_BITS
        + 19 * (field_column_squares(k + 5) * LOW_HALF_BITS + field_column_squares(k + 4) * HIGH_HALF_BITS);
}

/// 19 x by shifts; the empty assembly hides the constant, which the compiler would turn into two slow multiplications.
KERNEL_INLINE __m256i times19(__m256i x) {
    __m256i three = _mm256_add_epi64(x, _mm256_slli_epi64(x, 1));
    __asm__("" : "+x"(three));
    return _mm256_add_epi64(three, _mm256_slli_epi64(x, 4));
}

/// The two constants of the split, kept from the compiler, which would load them anew for nearly every product.
typedef struct {
    __m256d high, high_and_low;
} SplitConstants;

KERNEL_INLINE SplitConstants split_constants(void) {
    SplitConstants split = {_mm256_set1_pd(0x1.8p103), _mm256_set1_pd(0x1.8p103 + 0x1.8p52)};
    __asm__("" : "+x"(split.high), "+x"(split.high_and_low));
    return split;
}

/// The halves of a * b, each with its offset, added to two neighbouring columns; a column's `first` product sets it.
/// The empty assembly pins the order of the products, without which the compiler spills nearly all of them.
KERNEL_INLINE void field_accumulate_product(SplitConstants split, __m256i *low_column, bool first_low,
                                            __m256i *high_column, bool first_high, __m256d a, __m256d b) {
    __m256d high = _mm256_fmadd_pd(a, b, split.high);
    __m256d low = _mm256_fmadd_pd(a, b, _mm256_sub_pd(split.high_and_low, high));
    __m256i high_bits = _mm256_castpd_si256(high), low_bits = _mm256_castpd_si256(low);
    *low_column = first_low ? low_bits : _mm256_add_epi64(*low_column, low_bits);
    *high_column = first_high ? high_bits : _mm256_add_epi64(*high_column, high_bits);
    __asm__ volatile("" : "+x"(*low_column), "+x"(*high_column));
}

/// limb[k] = column[k] + 19 column[k + 5], since 2^255 = 19.
KERNEL_INLINE FieldRaw field_fold(const __m256i column[10]) {
    FieldRaw raw;
    UNROLL for (int k = 0; k < 5; k++) raw.limb[k] = _mm256_add_epi64(column[k], times19(column[k + 5]));
    return raw;
}

/// a * b as five integer limbs, each its value plus `field_product_offset(k)` mod 2^64.
KERNEL_INLINE FieldRaw field_multiply_raw(FieldLoose a, FieldReduced b) {
    const SplitConstants split = split_constants();
    __m256i column[10];
    UNROLL for (int k = 0; k < 9; k++) {
        int first = k < 5 ? 0 : k - 4;
        UNROLL for (int i = 0; i < 5; i++) {
            int j = k - i;
            if (j < 0 || j > 4) continue;
            field_accumulate_product(split, &column[k], k == 0, &column[k + 1], i == first, a.limb[i], b.limb[j]);
        }
    }
    return field_fold(column);
}

/// a^2 as five integer limbs, each its value plus `field_square_offset(k)` mod 2^64.
KERNEL_INLINE FieldRaw field_square_raw(FieldReduced a) {
    const SplitConstants split = split_constants();
    __m256i column[10];
    __m256d twice[5];
    UNROLL for (int k = 0; k < 5; k++) twice[k] = _mm256_add_pd(a.limb[k], a.limb[k]);
    UNROLL for (int k = 0; k < 9; k++) {
        int first = k < 5 ? 0 : k - 4;
        UNROLL for (int i = 0; i < 5; i++) {
            int j = k - i;
            if (j < i || j > 4) continue;
            field_accumulate_product(split, &column[k], k == 0, &column[k + 1], i == first, i == j ? a.limb[i] : twice[i],
                                     a.limb[j]);
        }
    }
    return field_fold(column);
}

/// Takes `offset` off and carries once in every limb, all limbs at the same time.
KERNEL_INLINE FieldReduced field_carry(FieldRaw raw, const uint64_t offset[5]) {
    // Adding 2^62 makes the limb positive and 2^50 turns the floor of the shift into rounding; what they add to
    // the carry (2^11) and to the rest (2^50) leaves with the conversion to double.
    const __m256i limb_mask = _mm256_set1_epi64x((int64_t)LIMB_MASK);
    const __m256i two52 = _mm256_set1_epi64x(0x4330000000000000);
    const __m256d excess = _mm256_set1_pd(0x1p52 + 0x1p50 + 0x1p11);
    const __m256d excess_lowest = _mm256_set1_pd(0x1p52 + 0x1p50 + 0x13p11);
    __m256i carry[5], rest[5];
    UNROLL for (int k = 0; k < 5; k++) {
        uint64_t bias = (1ull << 62) + (1ull << 50) - offset[k];
        __m256i biased = _mm256_add_epi64(raw.limb[k], _mm256_set1_epi64x((int64_t)bias));
        carry[k] = _mm256_srli_epi64(biased, 51);
        rest[k] = _mm256_and_si256(biased, limb_mask);
    }
    FieldReduced result;
    UNROLL for (int k = 0; k < 5; k++) {
        __m256i incoming = k == 0 ? _mm256_mul_epu32(carry[4], _mm256_set1_epi64x(19)) : carry[k - 1];
        __m256i sum = _mm256_or_si256(_mm256_add_epi64(rest[k], incoming), two52);
        result.limb[k] = _mm256_sub_pd(_mm256_castsi256_pd(sum), k == 0 ? excess_lowest : excess);
    }
    return result;
}

KERNEL_INLINE FieldLoose field_loose(FieldReduced a) {
    FieldLoose result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = a.limb[k];
    return result;
}

KERNEL_INLINE FieldLoose field_add(FieldReduced a, FieldReduced b) {
    FieldLoose result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_add_pd(a.limb[k], b.limb[k]);
    return result;
}

KERNEL_INLINE FieldLoose field_subtract(FieldReduced a, FieldReduced b) {
    FieldLoose result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_sub_pd(a.limb[k], b.limb[k]);
    return result;
}

/// 2 a - b.
KERNEL_INLINE FieldLoose field_twice_minus(FieldReduced a, FieldReduced b) {
    FieldLoose result;
    UNROLL for (int k = 0; k < 5; k++) {
        result.limb[k] = _mm256_fmsub_pd(_mm256_set1_pd(2.0), a.limb[k], b.limb[k]);
    }
    return result;
}

KERNEL_INLINE FieldReduced field_negate(FieldReduced a) {
    FieldReduced result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_sub_pd(_mm256_setzero_pd(), a.limb[k]);
    return result;
}

/// Lane by lane b where the mask's sign bit is set, else a.
KERNEL_INLINE FieldReduced field_select(FieldReduced a, FieldReduced b, __m256d mask) {
    FieldReduced result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_blendv_pd(a.limb[k], b.limb[k], mask);
    return result;
}

/// One carry on a sum, done in doubles: adding 1.5 * 2^103 rounds to a multiple of 2^51.
KERNEL_INLINE FieldReduced field_reduce(FieldLoose a) {
    const __m256d rounder = _mm256_set1_pd(0x1.8p103);
    __m256d carried[5];
    FieldReduced result;
    UNROLL for (int k = 0; k < 5; k++) {
        carried[k] = _mm256_sub_pd(_mm256_add_pd(a.limb[k], rounder), rounder);
        result.limb[k] = _mm256_sub_pd(a.limb[k], carried[k]);
    }
    UNROLL for (int k = 0; k < 5; k++) {
        __m256d scale = k == 0 ? _mm256_set1_pd(0x13p-51) : _mm256_set1_pd(0x1p-51);
        result.limb[k] = _mm256_fmadd_pd(carried[k == 0 ? 4 : k - 1], scale, result.limb[k]);
    }
    return result;
}

KERNEL_INLINE FieldReduced field_multiply_loose(FieldLoose a, FieldReduced b) {
    uint64_t offset[5];
    UNROLL for (int k = 0; k < 5; k++) offset[k] = field_product_offset(k);
    return field_carry(field_multiply_raw(a, b), offset);
}

KERNEL_INLINE FieldReduced field_multiply(FieldReduced a, FieldReduced b) {
    return field_multiply_loose(field_loose(a), b);
}

KERNEL_INLINE FieldReduced field_square(FieldReduced a) {
    uint64_t offset[5];
    UNROLL for (int k = 0; k < 5; k++) offset[k] = field_square_offset(k);
    return field_carry(field_square_raw(a), offset);
}

KERNEL_INLINE FieldRaw field_raw_add(FieldRaw a, FieldRaw b) {
    FieldRaw result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_add_epi64(a.limb[k], b.limb[k]);
    return result;
}

KERNEL_INLINE FieldRaw field_raw_subtract(FieldRaw a, FieldRaw b) {
    FieldRaw result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_sub_epi64(a.limb[k], b.limb[k]);
    return result;
}

/// The limbs of `a` as integers, each plus `LOW_HALF_BITS`.
KERNEL_INLINE FieldRaw field_raw(FieldReduced a) {
    FieldRaw result;
    UNROLL for (int k = 0; k < 5; k++) {
        result.limb[k] = _mm256_castpd_si256(_mm256_add_pd(a.limb[k], _mm256_set1_pd(0x1.8p52)));
    }
    return result;
}

KERNEL_INLINE FieldReduced field_broadcast(const double limbs[5]) {
    FieldReduced result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_set1_pd(limbs[k]);
    return result;
}

KERNEL_INLINE FieldReduced field_small(double value) {
    FieldReduced result;
    UNROLL for (int k = 0; k < 5; k++) result.limb[k] = _mm256_set1_pd(k == 0 ? value : 0.0);
    return result;
}

/// The canonical words of `a`: the unique representative in [0, p).
KERNEL_INLINE FieldWords field_canonical(FieldReduced a) {
    const __m256i limb_mask = _mm256_set1_epi64x((int64_t)LIMB_MASK);
    __m256i limb[5];
    // Adding 2 p makes every limb positive: 2^52 - 38 and 2^52 - 2 exceed R.
    UNROLL for (int k = 0; k < 5; k++) {
        uint64_t bias = (k == 0 ? (1ull << 52) - 38 : (1ull << 52) - 2) - LOW_HALF_BITS;
        limb[k] = _mm256_add_epi64(field_raw(a).limb[k], _mm256_set1_epi64x((int64_t)bias));
    }
    // One sequential carry: afterwards limbs 1..4 are below 2^51, limb 0 below 2^51 + 19 * 2^2.
    UNROLL for (int k = 0; k < 4; k++) {
        limb[k + 1] = _mm256_add_epi64(limb[k + 1], _mm256_srli_epi64(limb[k], 51));
        limb[k] = _mm256_and_si256(limb[k], limb_mask);
    }
    limb[0] = _mm256_add_epi64(limb[0], times19(_mm256_srli_epi64(limb[4], 51)));
    limb[4] = _mm256_and_si256(limb[4], limb_mask);
    // The value is now below 2 p; quotient = 1 iff value >= p, that is iff value + 19 reaches 2^255.
    __m256i quotient = _mm256_srli_epi64(_mm256_add_epi64(limb[0], _mm256_set1_epi64x(19)), 51);
    UNROLL for (int k = 1; k < 5; k++) quotient = _mm256_srli_epi64(_mm256_add_epi64(limb[k], quotient), 51);
    limb[0] = _mm256_add_epi64(limb[0], times19(quotient));
    UNROLL for (int k = 0; k < 4; k++) {
        limb[k + 1] = _mm256_add_epi64(limb[k + 1], _mm256_srli_epi64(limb[k], 51));
        limb[k] = _mm256_and_si256(limb[k], limb_mask);
    }
    limb[4] = _mm256_and_si256(limb[4], limb_mask);
    FieldWords words;
    words.word[0] = _mm256_or_si256(limb[0], _mm256_slli_epi64(limb[1], 51));
    words.word[1] = _mm256_or_si256(_mm256_srli_epi64(limb[1], 13), _mm256_slli_epi64(limb[2], 38));
    words.word[2] = _mm256_or_si256(_mm256_srli_epi64(limb[2], 26), _mm256_slli_epi64(limb[3], 25));
    words.word[3] = _mm256_or_si256(_mm256_srli_epi64(limb[3], 39), _mm256_slli_epi64(limb[4], 12));
    return words;
}

/// The element with the given words; bit 255 is dropped, values in [p, 2^255) are accepted (see `field_words_below_p`).
KERNEL_INLINE FieldReduced field_from_words(FieldWords w) {
    const __m256i limb_mask = _mm256_set1_epi64x((int64_t)LIMB_MASK);
    FieldRaw raw;
    raw.limb[0] = _mm256_and_si256(w.word[0], limb_mask);
    raw.limb[1] = _mm256_or_si256(_mm256_srli_epi64(w.word[0], 51), _mm256_slli_epi64(w.word[1], 13));
    raw.limb[2] = _mm256_or_si256(_mm256_srli_epi64(w.word[1], 38), _mm256_slli_epi64(w.word[2], 26));
    raw.limb[3] = _mm256_or_si256(_mm256_srli_epi64(w.word[2], 25), _mm256_slli_epi64(w.word[3], 39));
    raw.limb[4] = _mm256_srli_epi64(w.word[3], 12);
    UNROLL for (int k = 1; k < 5; k++) raw.limb[k] = _mm256_and_si256(raw.limb[k], limb_mask);
    const uint64_t no_offset[5] = {0, 0, 0, 0, 0};
    return field_carry(raw, no_offset);
}

/// All ones in the lanes whose 256-bit value is below p (bit 255 clear included).
KERNEL_INLINE __m256d field_words_below_p(FieldWords w) {
    const __m256i ones = _mm256_set1_epi64x(-1);
    const __m256i top = _mm256_set1_epi64x(INT64_MAX);
    // value >= p with bit 255 clear needs words 1..3 full and word 0 >= 2^64 - 19; signed compare after flipping.
    __m256i full = _mm256_and_si256(_mm256_and_si256(w.word[1], w.word[2]),
                                    _mm256_or_si256(w.word[3], _mm256_set1_epi64x(INT64_MIN)));
    __m256i flipped = _mm256_xor_si256(w.word[0], _mm256_set1_epi64x(INT64_MIN));
    __m256i low = _mm256_cmpgt_epi64(flipped, _mm256_set1_epi64x((int64_t)(~(1ull << 63) - 19)));
    __m256i too_large = _mm256_and_si256(_mm256_cmpeq_epi64(full, ones), low);
    too_large = _mm256_or_si256(too_large, _mm256_andnot_si256(top, w.word[3]));
    return _mm256_castsi256_pd(_mm256_cmpeq_epi64(too_large, _mm256_setzero_si256()));
}

/// All ones in the lanes that are zero modulo p.
/// A reduced element is below p in magnitude, so it is zero modulo p only as the integer zero; and then limb 0 is a
/// multiple of 2^51 below 2^51, so zero, and so on for every limb.
KERNEL_INLINE __m256d field_is_zero(FieldReduced a) {
    __m256d zero = _mm256_cmp_pd(a.limb[0], _mm256_setzero_pd(), _CMP_EQ_OQ);
    UNROLL for (int k = 1; k < 5; k++) {
        zero = _mm256_and_pd(zero, _mm256_cmp_pd(a.limb[k], _mm256_setzero_pd(), _CMP_EQ_OQ));
    }
    return zero;
}

/// The sign bit is set in the lanes whose canonical value is odd ("negative" in RFC 9496); other bits are undefined.
/// The canonical value is the integer itself, or that plus p (odd) where the integer is below zero.
KERNEL_INLINE __m256d field_is_negative(FieldReduced a) {
    FieldRaw raw = field_raw(a);
    // Below zero: the sign of the highest limb that is not zero, found by passing a borrow upwards.
    __m256i borrow = _mm256_setzero_si256();
    UNROLL for (int k = 0; k < 5; k++) {
        __m256i limb = _mm256_add_epi64(raw.limb[k], borrow);
        borrow = _mm256_cmpgt_epi64(_mm256_set1_epi64x(LOW_HALF_BITS), limb);
    }
    return _mm256_castsi256_pd(_mm256_xor_si256(borrow, _mm256_slli_epi64(raw.limb[0], 63)));
}

/// Four times four 64-bit words, rows and columns exchanged.
KERNEL_INLINE void transpose_words(__m256i row[4]) {
    __m256i a = _mm256_unpacklo_epi64(row[0], row[1]), b = _mm256_unpackhi_epi64(row[0], row[1]);
    __m256i c = _mm256_unpacklo_epi64(row[2], row[3]), d = _mm256_unpackhi_epi64(row[2], row[3]);
    row[0] = _mm256_permute2x128_si256(a, c, 0x20);
    row[1] = _mm256_permute2x128_si256(b, d, 0x20);
    row[2] = _mm256_permute2x128_si256(a, c, 0x31);
    row[3] = _mm256_permute2x128_si256(b, d, 0x31);
}

/// Reads four 32-byte little-endian integers that lie `stride` bytes apart.
KERNEL_INLINE FieldWords field_load_words(const uint8_t *bytes, size_t stride) {
    FieldWords words;
    UNROLL for (int lane = 0; lane < 4; lane++) {
        words.word[lane] = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + (size_t)lane * stride));
    }
    transpose_words(words.word);
    return words;
}

/// Writes four canonical 32-byte little-endian integers `stride` bytes apart.
KERNEL_INLINE void field_store_words(uint8_t *bytes, size_t stride, FieldWords words) {
    transpose_words(words.word);
    UNROLL for (int lane = 0; lane < 4; lane++) {
        _mm256_storeu_si256((__m256i *)(void *)(bytes + (size_t)lane * stride), words.word[lane]);
    }
}

#endif
