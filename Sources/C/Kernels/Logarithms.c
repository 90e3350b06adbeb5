#include "Kernels.h"

#if defined(__x86_64__)

#include "LogarithmTable.h"

/// Points of a search that are handled together: a search makes two look-ups of each, and look-ups fill a block.
#define SEARCH_QUADS (BLOCK_QUADS / 2)
#define SEARCH_ELEMENTS (4 * SEARCH_QUADS)

/// Working memory of one call.
typedef struct {
    PointQuad points[BLOCK_QUADS];
    /// Affine coordinates to be looked up, with what the look-up makes of them.
    FieldReduced x[BLOCK_QUADS], y[BLOCK_QUADS];
    FieldReduced inverses[BLOCK_QUADS], scratch[BLOCK_QUADS];
    LogarithmKey keys[BLOCK_ELEMENTS];
    uint32_t candidates[BLOCK_ELEMENTS];
    int64_t found[BLOCK_ELEMENTS];
    /// Elements that are still without a value: their places in the block and their coordinates.
    uint32_t open[BLOCK_ELEMENTS];
    FieldReduced open_x[BLOCK_QUADS], open_y[BLOCK_QUADS], open_product[SEARCH_QUADS];
    FieldReduced product[SEARCH_QUADS];
} FindMemory;

/// found[i] = the e with |e| <= range whose e * B has the coordinates x, y of element i, or INT64_MIN. e * B + (0, -1) is
/// found too where `with_y`; without it points must have odd order.
KERNEL_INLINE void look_up_all(const KernelLogarithms *table, FindMemory *memory, size_t count, bool with_y) {
    size_t quads = (count + 3) / 4;
    for (size_t i = 0; i < quads; i++) {
        logarithm_keys(table, memory->x[i], memory->keys + 4 * i);
    }
    // The slots first, then what they point to, so that neither pass waits for memory.
    for (size_t i = 0; i < 4 * quads; i++) {
        memory->candidates[i] = logarithm_probe(table, &memory->keys[i], memory->keys[i].home);
        logarithm_prefetch(table, table->slots[memory->candidates[i]] >> 9);
    }
    for (size_t i = 0; i < quads; i++) {
        int undecided = 15;
        do {
            uint32_t slot[4], magnitude[4];
            int64_t flipped[4];
            for (int lane = 0; lane < 4; lane++) {
                slot[lane] = table->slots[memory->candidates[4 * i + (size_t)lane]];
                magnitude[lane] = slot[lane] >> 9;
                flipped[lane] = -(int64_t)((slot[lane] >> 8 & 1) ^ memory->keys[4 * i + (size_t)lane].x_is_odd);
            }
            __m256d mask = _mm256_castsi256_pd(_mm256_loadu_si256((const __m256i *)(const void *)flipped));
            LogarithmVerdict verdict = logarithm_verify(table, memory->x[i], with_y ? &memory->y[i] : NULL, magnitude, mask);
            for (int lane = 0; lane < 4; lane++) {
                if (!(undecided >> lane & 1)) continue;
                size_t index = 4 * i + (size_t)lane;
                const LogarithmKey *key = &memory->keys[index];
                if (!key->is_zero && slot[lane] != 0 && !(verdict.equal_x >> lane & 1)) {
                    // Another point with the same bits; the next candidate.
                    memory->candidates[index] = logarithm_probe(table, key, (memory->candidates[index] + 1) & table->slot_mask);
                    continue;
                }
                undecided &= ~(1 << lane);
                bool negative = flipped[lane] != 0;
                // With x right, y is that of the multiple or its negative.
                if (with_y) negative ^= !(verdict.equal_y >> lane & 1);
                memory->found[index] = negative ? -(int64_t)magnitude[lane] : magnitude[lane];
                if (slot[lane] == 0) memory->found[index] = INT64_MIN;
                if (key->is_zero) memory->found[index] = 0;
            }
        } while (undecided != 0);
    }
}

KERNEL_WORKER void look_up(const KernelLogarithms *table, FindMemory *memory, size_t count) {
    look_up_all(table, memory, count, true);
}

KERNEL_WORKER void look_up_odd_order(const KernelLogarithms *table, FindMemory *memory, size_t count) {
    look_up_all(table, memory, count, false);
}

/// Copies one lane of a field element.
KERNEL_INLINE void copy_lane(FieldReduced *target, size_t to, const FieldReduced *source, size_t from) {
    for (int k = 0; k < 5; k++) {
        ((double *)&target[to / 4].limb[k])[to % 4] = ((const double *)&source[from / 4].limb[k])[from % 4];
    }
}

/// Repeats element 0 in the lanes of the last quad past `count`.
KERNEL_TARGET static void fill_tail(FieldReduced *elements, size_t count) {
    for (size_t i = count; i % 4 != 0; i++) copy_lane(elements, i, elements, 0);
}

/// Moves the elements of open[] that have no value yet to the front, with their coordinates; returns how many.
KERNEL_TARGET static size_t keep_open(FindMemory *memory, size_t count, const int64_t *values) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (values[memory->open[i]] != INT64_MIN) continue;
        copy_lane(memory->open_x, kept, memory->open_x, i);
        copy_lane(memory->open_y, kept, memory->open_y, i);
        memory->open[kept++] = memory->open[i];
    }
    if (kept != 0) {
        fill_tail(memory->open_x, kept);
        fill_tail(memory->open_y, kept);
    }
    return kept;
}

/// The look-ups of the `count` open points P that may be e * B + T with T of order dividing 8: P + (0, -1) was covered by P,
/// so that P, P + (i, 0), P + E and P + (i, 0) + E with E of order 8 are all. P itself has been looked up.
KERNEL_TARGET static size_t look_up_with_torsion(const KernelLogarithms *table, FindMemory *memory, size_t count,
                                                 int64_t *values) {
    const FieldReduced i = field_broadcast(FIELD_SQRT_MINUS_ONE);
    for (int turn = 1; turn < 4 && count != 0; turn++) {
        size_t quads = (count + 3) / 4;
        if (turn == 2) {
            for (size_t q = 0; q < quads; q++) {
                PointQuad p = {memory->open_x[q], memory->open_y[q], field_small(1),
                               field_multiply(memory->open_x[q], memory->open_y[q])};
                memory->points[q] = point_add_niels(p, table->order_eight);
                memory->inverses[q] = memory->points[q].z;
            }
            field_invert_all(memory->inverses, memory->scratch, quads);
            for (size_t q = 0; q < quads; q++) {
                memory->open_x[q] = field_multiply(memory->points[q].x, memory->inverses[q]);
                memory->open_y[q] = field_multiply(memory->points[q].y, memory->inverses[q]);
            }
        }
        for (size_t q = 0; q < quads; q++) {
            // (x, y) + (i, 0) = (i y, i x).
            memory->x[q] = turn == 2 ? memory->open_x[q] : field_multiply(memory->open_y[q], i);
            memory->y[q] = turn == 2 ? memory->open_y[q] : field_multiply(memory->open_x[q], i);
        }
        look_up(table, memory, count);
        for (size_t k = 0; k < count; k++) values[memory->open[k]] = memory->found[k];
        count = keep_open(memory, count, values);
    }
    return count;
}

/// Writes x(P - S) and x(P + S) for `per` steps S from `first` on and every open point P of odd order: look-ups
/// 2 (s quads + q) and the one after it.
/// With D = d x y x' y': x(P - S) = (x y' - y x') / (1 - D), x(P + S) = (x y' + y x') / (1 + D).
KERNEL_TARGET static void step_coordinates(const KernelLogarithms *table, FindMemory *memory, size_t quads, size_t first,
                                           size_t per) {
    const FieldReduced one = field_small(1);
    for (size_t s = 0; s < per; s++) {
        FieldReduced step_product = field_broadcast(table->steps + (first + s) * POINT_ENTRY_DOUBLES + 10);
        for (size_t q = 0; q < quads; q++) {
            FieldReduced product = field_multiply(memory->open_product[q], step_product);
            memory->product[s * quads + q] = product;
            memory->inverses[s * quads + q] = field_reduce(field_subtract(one, field_square(product)));
        }
    }
    field_invert_all(memory->inverses, memory->scratch, per * quads);
    for (size_t s = 0; s < per; s++) {
        const double *step = table->steps + (first + s) * POINT_ENTRY_DOUBLES;
        FieldReduced step_x = field_broadcast(step), step_y = field_broadcast(step + 5);
        for (size_t q = 0; q < quads; q++) {
            size_t item = s * quads + q;
            FieldReduced inverse = memory->inverses[item], product = memory->product[item];
            FieldReduced a = field_multiply(memory->open_x[q], step_y), b = field_multiply(memory->open_y[q], step_x);
            FieldReduced over_minus = field_multiply_loose(field_add(one, product), inverse);
            FieldReduced over_plus = field_multiply_loose(field_subtract(one, product), inverse);
            memory->x[2 * item] = field_multiply_loose(field_subtract(a, b), over_minus);
            memory->x[2 * item + 1] = field_multiply_loose(field_add(a, b), over_plus);
        }
    }
}

/// Giant steps outwards for at most SEARCH_ELEMENTS open points; returns how many stay without a value.
KERNEL_TARGET static size_t search(const KernelLogarithms *table, FindMemory *memory, size_t count, int64_t *values) {
    int64_t width = 2 * (int64_t)table->range + 1;
    for (size_t first = 0; first < table->step_count && count != 0;) {
        size_t quads = (count + 3) / 4, per = SEARCH_QUADS / quads;
        if (per > table->step_count - first) per = table->step_count - first;
        for (size_t q = 0; q < quads; q++) {
            memory->open_product[q] = field_multiply(memory->open_x[q], memory->open_y[q]);
        }
        step_coordinates(table, memory, quads, first, per);
        look_up_odd_order(table, memory, 8 * per * quads);
        for (size_t s = 0; s < per; s++) {
            int64_t shift = (int64_t)(first + s + 1) * width;
            for (size_t k = 0; k < count; k++) {
                size_t above = 8 * (s * quads + k / 4) + k % 4, below = above + 4;
                int64_t *value = &values[memory->open[k]];
                if (*value != INT64_MIN) continue;
                if (memory->found[above] != INT64_MIN) *value = memory->found[above] + shift;
                if (memory->found[below] != INT64_MIN) *value = memory->found[below] - shift;
            }
        }
        first += per;
        count = keep_open(memory, count, values);
    }
    return count;
}

/// The logarithms of at most BLOCK_ELEMENTS points; returns how many have none.
KERNEL_WORKER size_t find_block(const KernelLogarithms *table, FindMemory *memory, const KernelPoint *points, size_t count,
                                int64_t *values) {
    size_t quads = (count + 3) / 4;
    points_load(memory->points, points, count);
    // One doubling of all points, then the next: consecutive steps are independent and overlap.
    for (int doubling = 0; doubling < (table->step_count == 0 ? 0 : 3); doubling++) {
        for (size_t i = 0; i < quads; i++) memory->points[i] = point_double_without_t(memory->points[i]);
    }
    for (size_t i = 0; i < quads; i++) memory->inverses[i] = memory->points[i].z;
    field_invert_all(memory->inverses, memory->scratch, quads);
    for (size_t i = 0; i < quads; i++) {
        memory->x[i] = field_multiply(memory->points[i].x, memory->inverses[i]);
        memory->y[i] = field_multiply(memory->points[i].y, memory->inverses[i]);
    }
    if (table->step_count == 0) {
        look_up(table, memory, count);
    } else {
        look_up_odd_order(table, memory, count);
    }
    size_t open = 0;
    for (size_t i = 0; i < count; i++) {
        values[i] = memory->found[i];
        if (values[i] != INT64_MIN) continue;
        copy_lane(memory->open_x, open, memory->x, i);
        copy_lane(memory->open_y, open, memory->y, i);
        memory->open[open++] = (uint32_t)i;
    }
    if (open == 0) return 0;
    fill_tail(memory->open_x, open);
    fill_tail(memory->open_y, open);
    return table->step_count == 0 ? look_up_with_torsion(table, memory, open, values) : search(table, memory, open, values);
}

KernelStatus kernel_logarithms_find(const KernelLogarithms *table, const KernelPoint *points, size_t count,
                                    int64_t *values, size_t *missing) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    FindMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    *missing = 0;
    size_t limit = table->step_count == 0 ? BLOCK_ELEMENTS : SEARCH_ELEMENTS;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += limit) {
        size_t block = count - first < limit ? count - first : limit;
        *missing += find_block(table, memory, points + first, block, values + first);
    }
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

#endif
