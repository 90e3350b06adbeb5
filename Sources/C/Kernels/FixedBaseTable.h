// Multiples of a fixed base, and the signed digits that select them.
//
// A multiplier of magnitude m is written in windows of w bits with digits in [-2^(w-1), 2^(w-1)]: adding
// c = sum over all windows but the last of 2^(w-1) * 2^(w k) and taking plain digits, each but the last less 2^(w-1),
// needs no carry from digit to digit. w * windows >= bits + 1 keeps the last digit in 0...2^(w-1).
// Masks modulo the group order l are taken as r or r - l, whichever is smaller in magnitude: (l - 1) / 2 is
// 2^251 + 2^123.4, and the small excess cannot reach the last digit (w * windows >= 252).
#ifndef MESHNODE_FIXED_BASE_TABLE_H
#define MESHNODE_FIXED_BASE_TABLE_H

#include "Kernels.h"
#include "PointQuad.h"

/// Doubles an entry: half sum, half difference, d x y (five limbs each), one unused.
#define TABLE_ENTRY_DOUBLES 16
#define TABLE_SMALLEST_WINDOW 4
#define TABLE_LARGEST_WINDOW 14
#define TABLE_LARGEST_SCALAR_BITS 251

struct KernelTable {
    unsigned window;
    unsigned windows;
    unsigned scalar_bits;
    /// 2^(window - 1) + 1 entries a window, from 0 * base to 2^(window - 1) * base.
    size_t entries_per_window;
    size_t bytes;
    double *entries;
};

/// Windows that a multiplier below 2^bits needs.
static inline unsigned table_windows(unsigned window, unsigned bits) {
    return (bits + window) / window;
}

static inline const double *table_window(const KernelTable *table, unsigned k) {
    return table->entries + (size_t)k * table->entries_per_window * TABLE_ENTRY_DOUBLES;
}

/// Four multipliers: word[k] is bits 64 k .. of every magnitude, sign all ones in the lanes to be negated.
typedef struct {
    uint64_t word[4][4];
    uint64_t sign[4];
} ScalarQuad;

/// Adds the digit offset c to the magnitude of one lane.
static inline void scalar_add_offset(ScalarQuad *scalars, int lane, const uint64_t offset[4]) {
    unsigned __int128 sum = 0;
    for (int k = 0; k < 4; k++) {
        sum += (unsigned __int128)scalars->word[k][lane] + offset[k];
        scalars->word[k][lane] = (uint64_t)sum;
        sum >>= 64;
    }
}

/// c for `windows` windows of `window` bits.
static inline void table_digit_offset(unsigned window, unsigned windows, uint64_t offset[4]) {
    for (int k = 0; k < 4; k++) offset[k] = 0;
    for (unsigned k = 0; k + 1 < windows; k++) {
        unsigned bit = k * window + window - 1;
        offset[bit / 64] |= 1ull << (bit % 64);
    }
}

/// Sets one lane from `factor` (1 or 2) times a value of magnitude below 2^62.
static inline void scalar_set_value(ScalarQuad *scalars, int lane, int64_t value, int factor) {
    uint64_t negative = value < 0 ? ~0ull : 0;
    scalars->word[0][lane] = (((uint64_t)value ^ negative) - negative) << (factor - 1);
    for (int k = 1; k < 4; k++) scalars->word[k][lane] = 0;
    scalars->sign[lane] = negative;
}

/// Replaces r (below the group order) by l - r where that is smaller, without a branch; returns all ones if it did.
static inline uint64_t scalar_centre(uint64_t r[4]) {
    uint64_t flipped[4];
    uint64_t borrow = 0, above = 0;
    for (int k = 0; k < 4; k++) {
        unsigned __int128 difference = (unsigned __int128)GROUP_ORDER[k] - r[k] - borrow;
        flipped[k] = (uint64_t)difference;
        borrow = (uint64_t)(difference >> 64) & 1;
        unsigned __int128 compared = (unsigned __int128)HALF_GROUP_ORDER[k] - r[k] - above;
        above = (uint64_t)(compared >> 64) & 1;
    }
    uint64_t negated = 0 - above;
    for (int k = 0; k < 4; k++) r[k] = (flipped[k] & negated) | (r[k] & ~negated);
    return negated;
}

/// Sets one lane from `factor` (1 or 2) times 32 little-endian bytes below the group order, in (-l/2, l/2].
static inline void scalar_set_mask(ScalarQuad *scalars, int lane, const uint8_t bytes[32], int factor) {
    uint64_t r[4];
    __builtin_memcpy(r, bytes, sizeof r);
    uint64_t negative = scalar_centre(r);
    if (factor == 2) {
        for (int k = 3; k > 0; k--) r[k] = r[k] << 1 | r[k - 1] >> 63;
        r[0] <<= 1;
        negative ^= scalar_centre(r);
    }
    for (int k = 0; k < 4; k++) scalars->word[k][lane] = r[k];
    scalars->sign[lane] = negative;
}

/// Whether 32 little-endian bytes are below the group order.
static inline bool scalar_is_canonical(const uint8_t bytes[32]) {
    uint64_t r[4];
    __builtin_memcpy(r, bytes, sizeof r);
    unsigned char borrow = 0;
    for (int k = 0; k < 4; k++) {
        unsigned __int128 difference = (unsigned __int128)r[k] - GROUP_ORDER[k] - borrow;
        borrow = (unsigned char)((difference >> 64) & 1);
    }
    return borrow == 1;
}

/// Writes the signed digits of four multipliers whose offset has been added: digit k of lane i to digits[k * stride + i].
KERNEL_INLINE void scalar_write_digits(const ScalarQuad *scalars, unsigned window, unsigned windows, int32_t *digits,
                                       size_t stride) {
    __m256i word[5];
    for (int k = 0; k < 4; k++) word[k] = _mm256_loadu_si256((const __m256i *)(const void *)scalars->word[k]);
    word[4] = _mm256_setzero_si256();
    const __m256i sign = _mm256_loadu_si256((const __m256i *)(const void *)scalars->sign);
    const __m256i mask = _mm256_set1_epi64x((int64_t)((1ull << window) - 1));
    const __m256i even_halves = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
    for (unsigned k = 0; k < windows; k++) {
        unsigned bit = k * window;
        __m256i low = _mm256_srl_epi64(word[bit / 64], _mm_cvtsi32_si128((int)(bit % 64)));
        __m256i high = _mm256_sll_epi64(word[bit / 64 + 1], _mm_cvtsi32_si128((int)(64 - bit % 64)));
        __m256i digit = _mm256_and_si256(_mm256_or_si256(low, high), mask);
        int64_t half = k + 1 < windows ? (int64_t)1 << (window - 1) : 0;
        digit = _mm256_sub_epi64(digit, _mm256_set1_epi64x(half));
        digit = _mm256_sub_epi64(_mm256_xor_si256(digit, sign), sign);
        __m128i packed = _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(digit, even_halves));
        _mm_storeu_si128((__m128i *)(void *)(digits + (size_t)k * stride), packed);
    }
}

KERNEL_INLINE const double *table_entry(const double *window, int32_t digit) {
    uint32_t magnitude = (uint32_t)(digit < 0 ? -digit : digit);
    return window + (size_t)magnitude * TABLE_ENTRY_DOUBLES;
}

/// Asks for the two cache lines of each of four entries.
KERNEL_INLINE void table_prefetch(const double *window, const int32_t digits[4]) {
    UNROLL for (int lane = 0; lane < 4; lane++) {
        const double *entry = table_entry(window, digits[lane]);
        __builtin_prefetch(entry);
        __builtin_prefetch(entry + 8);
    }
}

/// Gathers four entries into lanes, and negates those with a negative digit.
KERNEL_INLINE NielsQuad table_load(const double *window, const int32_t digits[4]) {
    const double *entry[4];
    __m256d column[TABLE_ENTRY_DOUBLES];
    UNROLL for (int lane = 0; lane < 4; lane++) entry[lane] = table_entry(window, digits[lane]);
    _Pragma("GCC unroll 8") for (int k = 0; k < TABLE_ENTRY_DOUBLES; k += 2) {
        __m256d even = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(entry[0] + k)), _mm_load_pd(entry[2] + k), 1);
        __m256d odd = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_load_pd(entry[1] + k)), _mm_load_pd(entry[3] + k), 1);
        column[k] = _mm256_unpacklo_pd(even, odd);
        column[k + 1] = _mm256_unpackhi_pd(even, odd);
    }
    __m128i packed = _mm_loadu_si128((const __m128i *)(const void *)digits);
    __m256d negative = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(packed));
    __m256d sign_bit = _mm256_and_pd(negative, _mm256_set1_pd(-0.0));
    NielsQuad niels;
    UNROLL for (int k = 0; k < 5; k++) {
        niels.half_sum.limb[k] = _mm256_blendv_pd(column[k], column[k + 5], negative);
        niels.half_difference.limb[k] = _mm256_blendv_pd(column[k + 5], column[k], negative);
        niels.product_d.limb[k] = _mm256_xor_pd(column[k + 10], sign_bit);
    }
    return niels;
}

#endif
