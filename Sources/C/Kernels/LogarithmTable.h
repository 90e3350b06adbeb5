// The table of multiples by which logarithms are looked up, and the exact check of what it answers.
//
// An entry j stands for j * B. Points are told apart by x: x(-P) = -x(P), and besides the negative only P + (0, -1) has
// this x up to its sign. The even one of x and p - x is the key; the parity of x gives the sign. A slot has no more than
// eight bits of the key, so every hit is computed anew: j * B is the sum of two tabulated points, and both coordinates are
// compared in full.
#ifndef MESHNODE_LOGARITHM_TABLE_H
#define MESHNODE_LOGARITHM_TABLE_H

#include "AffineQuad.h"
#include "FieldPower.h"
#include "FloatingPointGuard.h"
#include "Kernels.h"
#include "Memory.h"
#include "PointArrays.h"

#define LARGEST_RANGE ((1u << 23) - 1)
/// Quads that share an inversion, and elements in them.
#define BLOCK_QUADS 128
#define BLOCK_ELEMENTS (4 * BLOCK_QUADS)

/// An affine point for additions of affine points: x, y and x y or d x y in five limbs each, one double unused.
#define POINT_ENTRY_DOUBLES 16

struct KernelLogarithms {
    uint32_t range;
    /// Entries up to here are in the slots.
    uint32_t filled;
    /// x and y of B in all lanes.
    FieldReduced base[2];
    /// Number of slots less one; the number is a power of two, at least twice the range.
    uint32_t slot_mask;
    /// Open addressing: j << 9 | parity of x(j B) << 8 | eight bits of the key, or zero.
    uint32_t *slots;
    /// low[b] = b B with d x y for 0 <= b < 2^low_bits; high[a] = a 2^low_bits B with x y.
    unsigned low_bits;
    uint32_t high_count;
    double *low, *high;
    /// steps[k] = (k + 1)(2 range + 1) B with d x y. With steps B is 8 G and points are multiplied by 8 first, which
    /// removes torsion for the whole search; without, B is G and what torsion can do to a point is tried where needed.
    uint32_t step_count;
    double *steps;
    /// The point (i y, y) of order 8.
    NielsQuad order_eight;
};

/// Where a key lives and what of it a slot holds.
typedef struct {
    uint32_t home;
    uint8_t bits;
    uint8_t x_is_odd;
    uint8_t is_zero;
} LogarithmKey;

/// The home and slot bits of the canonical words of an even x.
static inline LogarithmKey logarithm_key(const KernelLogarithms *table, uint64_t word0, uint64_t word1) {
    LogarithmKey key = {.home = (uint32_t)(word0 >> 1) & table->slot_mask, .bits = (uint8_t)word1};
    return key;
}

/// The keys of four points; asks for their slots on the way.
KERNEL_INLINE void logarithm_keys(const KernelLogarithms *table, FieldReduced x, LogarithmKey *keys) {
    __m256d odd = field_is_negative(x);
    int odd_lanes = _mm256_movemask_pd(odd), zero_lanes = _mm256_movemask_pd(field_is_zero(x));
    FieldWords words = field_canonical(field_select(x, field_negate(x), odd));
    uint64_t word[2][4];
    for (int k = 0; k < 2; k++) _mm256_storeu_si256((__m256i *)(void *)word[k], words.word[k]);
    for (int lane = 0; lane < 4; lane++) {
        LogarithmKey key = logarithm_key(table, word[0][lane], word[1][lane]);
        __builtin_prefetch(table->slots + key.home);
        key.x_is_odd = odd_lanes >> lane & 1;
        key.is_zero = zero_lanes >> lane & 1;
        keys[lane] = key;
    }
}

/// The first slot from `position` on that is empty or holds the key's bits.
static inline uint32_t logarithm_probe(const KernelLogarithms *table, const LogarithmKey *key, uint32_t position) {
    while (table->slots[position] != 0 && (uint8_t)table->slots[position] != key->bits) {
        position = (position + 1) & table->slot_mask;
    }
    return position;
}

/// Asks for the two points whose sum is j * B.
static inline void logarithm_prefetch(const KernelLogarithms *table, uint32_t j) {
    const double *low = table->low + (size_t)(j & ((1u << table->low_bits) - 1)) * POINT_ENTRY_DOUBLES;
    const double *high = table->high + (size_t)(j >> table->low_bits) * POINT_ENTRY_DOUBLES;
    __builtin_prefetch(low);
    __builtin_prefetch(low + 8);
    __builtin_prefetch(high);
    __builtin_prefetch(high + 8);
}

/// Four tabulated points: coordinate 0 is x, 1 is y, 2 the product.
KERNEL_INLINE void point_entries_load(const double *const entry[4], FieldReduced coordinate[3]) {
    __m256d column[POINT_ENTRY_DOUBLES];
    _Pragma("GCC unroll 8") for (int k = 0; k < POINT_ENTRY_DOUBLES; k += 2) {
        __m256d even = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(entry[0] + k)), _mm_load_pd(entry[2] + k), 1);
        __m256d odd = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(entry[1] + k)), _mm_load_pd(entry[3] + k), 1);
        column[k] = _mm256_unpacklo_pd(even, odd);
        column[k + 1] = _mm256_unpackhi_pd(even, odd);
    }
    _Pragma("GCC unroll 3") for (int c = 0; c < 3; c++) {
        UNROLL for (int k = 0; k < 5; k++) coordinate[c].limb[k] = column[5 * c + k];
    }
}

/// What the check of four candidates found, a bit a lane.
typedef struct {
    /// x is that of j * B, or its negative in the lanes to be flipped.
    int equal_x;
    /// y is that of j * B too.
    int equal_y;
} LogarithmVerdict;

/// Compares (x, y) with j * B = (x1, y1) + (x2, y2). With D = d x1 y1 x2 y2: x (1 + D) = x1 y2 + y1 x2 and
/// y (1 - D) = y1 y2 + x1 x2. Without `y` the second is not looked at.
KERNEL_INLINE LogarithmVerdict logarithm_verify(const KernelLogarithms *table, FieldReduced x, const FieldReduced *y,
                                                const uint32_t j[4], __m256d flipped) {
    const double *low[4], *high[4];
    uint32_t low_mask = (1u << table->low_bits) - 1;
    UNROLL for (int lane = 0; lane < 4; lane++) {
        low[lane] = table->low + (size_t)(j[lane] & low_mask) * POINT_ENTRY_DOUBLES;
        high[lane] = table->high + (size_t)(j[lane] >> table->low_bits) * POINT_ENTRY_DOUBLES;
    }
    FieldReduced a[3], b[3];
    point_entries_load(low, a);
    point_entries_load(high, b);
    uint64_t twice_offset[5], none[5];
    UNROLL for (int k = 0; k < 5; k++) {
        twice_offset[k] = 2 * field_product_offset(k);
        none[k] = 0;
    }
    const FieldReduced one = field_small(1);
    FieldReduced product = field_multiply(a[2], b[2]);
    FieldRaw crossed = field_raw_add(field_multiply_raw(field_loose(a[0]), b[1]), field_multiply_raw(field_loose(a[1]), b[0]));
    FieldReduced numerator = field_carry(crossed, twice_offset);
    FieldReduced oriented = field_multiply_loose(field_add(one, product), field_select(x, field_negate(x), flipped));
    LogarithmVerdict verdict = {0, 0};
    verdict.equal_x = _mm256_movemask_pd(field_is_zero(field_reduce(field_subtract(oriented, numerator))));
    if (y != NULL) {
        // (x1 + y1)(x2 + y2) - (x1 y2 + y1 x2) - y (1 - D).
        FieldRaw all = field_multiply_raw(field_add(a[0], a[1]), field_reduce(field_add(b[0], b[1])));
        FieldReduced straight = field_carry(field_raw_subtract(all, field_multiply_raw(field_subtract(one, product), *y)), none);
        verdict.equal_y = _mm256_movemask_pd(field_is_zero(field_reduce(field_subtract(straight, numerator))));
    }
    return verdict;
}

#endif
