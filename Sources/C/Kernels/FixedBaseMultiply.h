// Adds fixed-base multiples to a block of points, window by window.
#ifndef MESHNODE_FIXED_BASE_MULTIPLY_H
#define MESHNODE_FIXED_BASE_MULTIPLY_H

#include "FixedBaseTable.h"

/// Quads a block: the points (640 bytes a quad) and digits of a block stay in the second-level cache.
#define BLOCK_QUADS 128
#define BLOCK_ELEMENTS (4 * BLOCK_QUADS)

/// Entries are asked for this many quads before they are used.
#define PREFETCH_QUADS 3

/// points[i] += digit * 2^(w k) * base for one window; digits[4 i ...] are the four digits of quad i and run
/// PREFETCH_QUADS quads past the end.
KERNEL_TARGET __attribute__((unused)) static void points_add_window(PointQuad *points, size_t quads, const double *window,
                                                                   const int32_t *digits) {
    for (size_t i = 0; i < quads; i++) {
        table_prefetch(window, digits + 4 * (i + PREFETCH_QUADS));
        points[i] = point_add_niels(points[i], table_load(window, digits + 4 * i));
    }
}

/// points[i] = digit * 2^(w k) * base, the first window of a sum.
KERNEL_TARGET __attribute__((unused)) static void points_set_window(PointQuad *points, size_t quads, const double *window,
                                                                   const int32_t *digits) {
    for (size_t i = 0; i < quads; i++) {
        table_prefetch(window, digits + 4 * (i + PREFETCH_QUADS));
        points[i] = point_from_niels(table_load(window, digits + 4 * i));
    }
}

/// Distance in digits from one window to the next: the odd remainder keeps windows off the same cache
/// sets. What is prefetched past the end of a window belongs to the next one.
#define DIGIT_STRIDE (BLOCK_ELEMENTS + 16)

/// Bytes of the digits of `windows` windows, with those that are prefetched past the end.
static inline size_t digits_bytes(unsigned windows) {
    return ((size_t)windows * DIGIT_STRIDE + 4 * PREFETCH_QUADS) * sizeof(int32_t);
}

/// Digits of `factor` (1 or 2) times `count` masks for every window of `table`; masks past the end are zero.
/// `negated` flips every sign.
KERNEL_TARGET __attribute__((unused)) static void mask_digits(const KernelTable *table, const uint8_t *scalars, size_t count,
                                                             int factor, bool negated, int32_t *digits) {
    static const uint8_t zero[32];
    uint64_t offset[4];
    table_digit_offset(table->window, table->windows, offset);
    for (size_t j = 0; j < count; j += 4) {
        ScalarQuad quad;
        for (int lane = 0; lane < 4; lane++) {
            size_t index = j + (size_t)lane;
            scalar_set_mask(&quad, lane, index < count ? scalars + 32 * index : zero, factor);
            scalar_add_offset(&quad, lane, offset);
            if (negated) quad.sign[lane] = ~quad.sign[lane];
        }
        scalar_write_digits(&quad, table->window, table->windows, digits + j, DIGIT_STRIDE);
    }
}

/// Digits of `factor` (1 or 2) times `count` values for the first `windows` windows of `table`; values past the end are zero.
KERNEL_TARGET __attribute__((unused)) static void value_digits(const KernelTable *table, unsigned windows,
                                                              const int64_t *values, size_t count, int factor,
                                                              int32_t *digits) {
    uint64_t offset[4];
    table_digit_offset(table->window, windows, offset);
    for (size_t j = 0; j < count; j += 4) {
        ScalarQuad quad;
        for (int lane = 0; lane < 4; lane++) {
            size_t index = j + (size_t)lane;
            scalar_set_value(&quad, lane, index < count ? values[index] : 0, factor);
            scalar_add_offset(&quad, lane, offset);
        }
        scalar_write_digits(&quad, table->window, windows, digits + j, DIGIT_STRIDE);
    }
}

/// The first of `count` scalars that is not below the group order, or `count`.
__attribute__((unused)) static size_t first_bad_scalar(const uint8_t *scalars, size_t count) {
    for (size_t j = 0; j < count; j++) {
        if (!scalar_is_canonical(scalars + 32 * j)) return j;
    }
    return count;
}

/// Whether a table serves multipliers modulo the group order.
static inline bool table_serves_masks(const KernelTable *table) {
    return table->scalar_bits == TABLE_LARGEST_SCALAR_BITS;
}

#endif
