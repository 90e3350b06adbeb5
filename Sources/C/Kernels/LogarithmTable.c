#include "Kernels.h"

#if defined(__x86_64__)

#include "LogarithmTable.h"

/// Working memory while a table is built.
typedef struct {
    PointQuad points[BLOCK_QUADS];
    FieldReduced inverses[BLOCK_QUADS];
    FieldReduced scratch[BLOCK_QUADS];
    LogarithmKey keys[BLOCK_ELEMENTS];
} BuildMemory;

/// The running multiples: lane i stands at (next + i) * B and goes forward by 4 * B.
typedef struct {
    PointQuad current;
    NielsQuad step;
} Multiples;

KERNEL_TARGET static NielsQuad niels_from_point(PointQuad p) {
    FieldReduced inverse = field_invert(p.z);
    return niels_from_affine(field_multiply(p.x, inverse), field_multiply(p.y, inverse), field_broadcast(FIELD_HALF),
                             field_broadcast(FIELD_D));
}

/// Starts at `first` * B, where `base` and `first_point` hold B and first * B in all lanes.
KERNEL_TARGET static Multiples multiples_from(PointQuad base, PointQuad first_point) {
    Multiples m;
    m.step = niels_from_point(point_double(point_double(base)));
    // Lane i adds B another i times: the lanes that are done add the identity.
    NielsQuad added = niels_from_point(base), identity = niels_from_point(point_identity());
    m.current = first_point;
    for (int lane = 0; lane < 3; lane++) {
        for (int k = 0; k < 5; k++) {
            added.half_sum.limb[k][lane] = identity.half_sum.limb[k][lane];
            added.half_difference.limb[k][lane] = identity.half_difference.limb[k][lane];
            added.product_d.limb[k][lane] = identity.product_d.limb[k][lane];
        }
        m.current = point_add_niels(m.current, added);
    }
    return m;
}

/// The next `quads` quads of multiples, affine: x and y of points[i] hold the coordinates.
KERNEL_TARGET static void multiples_next(Multiples *m, BuildMemory *memory, size_t quads) {
    for (size_t i = 0; i < quads; i++) {
        memory->points[i] = m->current;
        memory->inverses[i] = m->current.z;
        m->current = point_add_niels(m->current, m->step);
    }
    field_invert_all(memory->inverses, memory->scratch, quads);
    for (size_t i = 0; i < quads; i++) {
        memory->points[i].x = field_multiply(memory->points[i].x, memory->inverses[i]);
        memory->points[i].y = field_multiply(memory->points[i].y, memory->inverses[i]);
    }
}

/// `count` entries first * B, (first + 1) * B, ..., `count` a multiple of four; `factor` scales the product of coordinates.
KERNEL_TARGET static void point_entries_fill(double *entries, size_t count, PointQuad base, PointQuad first,
                                             FieldReduced factor, BuildMemory *memory) {
    Multiples m = multiples_from(base, first);
    for (size_t done = 0; done < count; done += BLOCK_ELEMENTS) {
        size_t quads = (count - done < BLOCK_ELEMENTS ? count - done : BLOCK_ELEMENTS) / 4;
        multiples_next(&m, memory, quads);
        for (size_t i = 0; i < quads; i++) {
            const FieldReduced x = memory->points[i].x, y = memory->points[i].y;
            const FieldReduced coordinate[3] = {x, y, field_multiply(field_multiply(x, y), factor)};
            for (int lane = 0; lane < 4; lane++) {
                double *entry = entries + (done + 4 * i + (size_t)lane) * POINT_ENTRY_DOUBLES;
                for (int k = 0; k < 15; k++) entry[k] = coordinate[k / 5].limb[k % 5][lane];
                entry[15] = 0;
            }
        }
    }
}

/// n * P by doubling and adding; n > 0.
KERNEL_TARGET static PointQuad point_times(PointQuad p, uint32_t n) {
    NielsQuad niels = niels_from_point(p);
    PointQuad result = point_identity();
    for (int bit = 31; bit >= 0; bit--) {
        result = point_double(result);
        if (n >> bit & 1) result = point_add_niels(result, niels);
    }
    return result;
}

/// Enters first...last, one after the highest that is there.
KERNEL_WORKER void slots_fill(KernelLogarithms *table, uint32_t first, uint32_t last, BuildMemory *memory) {
    PointQuad base = {table->base[0], table->base[1], field_small(1), field_multiply(table->base[0], table->base[1])};
    Multiples m = multiples_from(base, point_times(base, first));
    for (uint32_t next = first; next <= last; next += BLOCK_ELEMENTS) {
        uint32_t count = last - next + 1 < BLOCK_ELEMENTS ? last - next + 1 : BLOCK_ELEMENTS;
        size_t quads = (count + 3) / 4;
        multiples_next(&m, memory, quads);
        for (size_t i = 0; i < quads; i++) {
            logarithm_keys(table, memory->points[i].x, memory->keys + 4 * i);
        }
        for (uint32_t i = 0; i < count; i++) {
            const LogarithmKey *key = &memory->keys[i];
            uint32_t position = key->home;
            while (table->slots[position] != 0) position = (position + 1) & table->slot_mask;
            table->slots[position] = (next + i) << 9 | (uint32_t)key->x_is_odd << 8 | key->bits;
        }
    }
    table->filled = last;
}

/// Whether restored slots cannot lead a look-up astray: values within the range and at least one empty slot, without
/// which a probe would not end.
static bool slots_are_sound(const KernelLogarithms *table) {
    bool empty = false;
    for (size_t i = 0; i <= table->slot_mask; i++) {
        if (table->slots[i] >> 9 > table->range) return false;
        empty = empty || table->slots[i] == 0;
    }
    return empty;
}

KERNEL_WORKER KernelStatus logarithms_fill(KernelLogarithms *table, const uint8_t generator[64], const uint32_t *restored,
                                           BuildMemory *memory) {
    uint8_t four[256];
    for (int lane = 0; lane < 4; lane++) memcpy(four + 64 * lane, generator, 64);
    AffineQuad affine;
    if (affine_load(&affine, four) != 15) return KERNEL_BAD_ELEMENT;
    PointQuad base = affine_point(affine);
    if (table->step_count != 0) base = point_double(point_double(point_double(base)));

    FieldReduced d = field_broadcast(FIELD_D);
    size_t low_count = (size_t)1 << table->low_bits;
    PointQuad high_base = base;
    for (unsigned i = 0; i < table->low_bits; i++) high_base = point_double(high_base);
    point_entries_fill(table->low, low_count, base, point_identity(), d, memory);
    point_entries_fill(table->high, table->high_count, high_base, point_identity(), field_small(1), memory);
    if (table->step_count != 0) {
        PointQuad step = point_times(base, 2 * table->range + 1);
        point_entries_fill(table->steps, (table->step_count + 3u) & ~3u, step, step, d, memory);
    }
    FieldWords y_words;
    for (int k = 0; k < 4; k++) y_words.word[k] = _mm256_set1_epi64x((int64_t)ORDER_EIGHT_Y[k]);
    FieldReduced y = field_from_words(y_words), x = field_multiply(y, field_broadcast(FIELD_SQRT_MINUS_ONE));
    table->order_eight = niels_from_affine(x, y, field_broadcast(FIELD_HALF), d);

    FieldReduced inverse = field_invert(base.z);
    table->base[0] = field_multiply(base.x, inverse);
    table->base[1] = field_multiply(base.y, inverse);
    memset(table->slots, 0, ((size_t)table->slot_mask + 1) * sizeof *table->slots);
    if (restored == NULL) return KERNEL_OK;
    table->filled = table->range;
    memcpy(table->slots, restored, ((size_t)table->slot_mask + 1) * sizeof *table->slots);
    return slots_are_sound(table) ? KERNEL_OK : KERNEL_BAD_ELEMENT;
}

static size_t slot_count_for(uint32_t range) {
    size_t slots = 16;
    while (slots < 2 * (size_t)range) slots *= 2;
    return slots;
}

static size_t entry_bytes(size_t count) {
    return count * POINT_ENTRY_DOUBLES * sizeof(double);
}

KernelLogarithms *kernel_logarithms_create(const uint8_t generator[64], uint32_t range, uint32_t steps,
                                           const uint32_t *slots, size_t slot_count, KernelStatus *status) {
    if (!kernel_is_supported()) {
        *status = KERNEL_UNSUPPORTED;
        return NULL;
    }
    if (range < 1 || range > LARGEST_RANGE || steps > 1u << 24 || (slots != NULL && slot_count != slot_count_for(range))) {
        *status = KERNEL_BAD_ARGUMENT;
        return NULL;
    }
    KernelLogarithms *table = kernel_allocate(1, sizeof *table, 64);
    BuildMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (table != NULL) {
        memset(table, 0, sizeof *table);
        table->range = range;
        table->slot_mask = (uint32_t)(slot_count_for(range) - 1);
        table->low_bits = 2;
        while (2 * table->low_bits < 23 && range >> (2 * table->low_bits) != 0) table->low_bits++;
        table->high_count = ((range >> table->low_bits) + 4u) & ~3u;
        table->step_count = steps;
        table->slots = kernel_allocate_large(((size_t)table->slot_mask + 1) * sizeof *table->slots);
        table->low = kernel_allocate_large(entry_bytes((size_t)1 << table->low_bits));
        table->high = kernel_allocate_large(entry_bytes(table->high_count));
        table->steps = steps == 0 ? NULL : kernel_allocate_large(entry_bytes((steps + 3u) & ~3u));
    }
    *status = KERNEL_OUT_OF_MEMORY;
    if (table != NULL && memory != NULL && table->slots != NULL && table->low != NULL && table->high != NULL
        && (steps == 0 || table->steps != NULL)) {
        unsigned saved = floating_point_guard_enter();
        *status = logarithms_fill(table, generator, slots, memory);
        floating_point_guard_leave(saved);
    }
    free(memory);
    if (*status != KERNEL_OK) {
        kernel_logarithms_destroy(table);
        return NULL;
    }
    return table;
}

KernelStatus kernel_logarithms_extend(KernelLogarithms *table, uint32_t last) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    if (last > table->range) last = table->range;
    if (last <= table->filled) return KERNEL_OK;
    BuildMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    unsigned saved = floating_point_guard_enter();
    slots_fill(table, table->filled + 1, last, memory);
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

void kernel_logarithms_destroy(KernelLogarithms *table) {
    if (table == NULL) return;
    free(table->slots);
    free(table->low);
    free(table->high);
    free(table->steps);
    free(table);
}

size_t kernel_logarithms_bytes(const KernelLogarithms *table) {
    return ((size_t)table->slot_mask + 1) * sizeof *table->slots
        + entry_bytes(((size_t)1 << table->low_bits) + table->high_count + ((table->step_count + 3u) & ~3u));
}

const uint32_t *kernel_logarithms_slots(const KernelLogarithms *table, size_t *count) {
    *count = (size_t)table->slot_mask + 1;
    return table->slots;
}

#endif
