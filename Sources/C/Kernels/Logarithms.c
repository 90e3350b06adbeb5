#include "Kernels.h"

#if defined(__x86_64__)

#include "AffineQuad.h"
#include "FieldPower.h"
#include "FloatingPointGuard.h"
#include "Memory.h"
#include "PointArrays.h"

// An entry j stands for j * B, B = 8 G. Points are told apart by x alone: x(-P) = -x(P), and the only other point with
// the same x is (x, -y) = (0, -1) - P, which is not of odd order. The even one of x and p - x is the key, the parity
// of x the sign.

#define LARGEST_RANGE ((1u << 23) - 1)
#define BLOCK_QUADS 128
#define BLOCK_ELEMENTS (4 * BLOCK_QUADS)

struct KernelLogarithms {
    uint32_t range;
    /// Number of slots less one; the number is a power of two, at least twice the range.
    uint32_t slot_mask;
    /// Open addressing: j << 9 | parity of x(j B) << 8 | eight bits of the key, or zero.
    uint32_t *slots;
    /// 64 bits of the key of j at j - 1.
    uint64_t *tags;
};

/// The parts of a key: where it lives, the bits kept in the slot and the bits kept in `tags`.
typedef struct {
    uint32_t home;
    uint8_t slot_bits;
    uint8_t x_is_odd;
    uint8_t is_zero;
    uint64_t tag;
} LogarithmKey;

/// Working memory of one call.
typedef struct {
    FieldReduced numerators[BLOCK_QUADS];
    FieldReduced inverses[BLOCK_QUADS];
    FieldReduced scratch[BLOCK_QUADS];
    PointQuad points[BLOCK_QUADS];
    LogarithmKey keys[BLOCK_ELEMENTS];
    uint32_t candidates[BLOCK_ELEMENTS];
} LogarithmMemory;

/// The keys of x = numerators[i] / inverses[i]; asks for their slots on the way.
KERNEL_TARGET static void make_keys(LogarithmMemory *memory, size_t quads, const KernelLogarithms *table) {
    field_invert_all(memory->inverses, memory->scratch, quads);
    for (size_t i = 0; i < quads; i++) {
        FieldReduced x = field_multiply(memory->numerators[i], memory->inverses[i]);
        __m256d odd = field_is_negative(x);
        int odd_lanes = _mm256_movemask_pd(odd);
        int zero_lanes = _mm256_movemask_pd(field_is_zero(x));
        FieldWords words = field_canonical(field_select(x, field_negate(x), odd));
        uint64_t word[3][4];
        for (int k = 0; k < 3; k++) _mm256_storeu_si256((__m256i *)(void *)word[k], words.word[k]);
        for (int lane = 0; lane < 4; lane++) {
            uint32_t home = (uint32_t)(word[0][lane] >> 1) & table->slot_mask;
            __builtin_prefetch(table->slots + home);
            memory->keys[4 * i + (size_t)lane] = (LogarithmKey){
                .home = home,
                .slot_bits = (uint8_t)word[2][lane],
                .x_is_odd = odd_lanes >> lane & 1,
                .is_zero = zero_lanes >> lane & 1,
                .tag = word[1][lane],
            };
        }
    }
}

/// The first slot from `position` on that is empty or holds the key's bits.
static uint32_t probe(const KernelLogarithms *table, const LogarithmKey *key, uint32_t position) {
    while (table->slots[position] != 0 && (uint8_t)table->slots[position] != key->slot_bits) {
        position = (position + 1) & table->slot_mask;
    }
    return position;
}

/// The running multiples: lane i stands at (next + i) * B and goes forward by 4 * B.
typedef struct {
    PointQuad current;
    NielsQuad step;
} MultiplesState;

KERNEL_TARGET static NielsQuad niels_from_point(PointQuad p) {
    FieldReduced inverse = field_invert(p.z);
    return niels_from_affine(field_multiply(p.x, inverse), field_multiply(p.y, inverse), field_broadcast(FIELD_HALF),
                             field_broadcast(FIELD_D));
}

KERNEL_WORKER bool multiples_start(MultiplesState *state, const uint8_t base[64]) {
    uint8_t four_bases[256];
    for (int lane = 0; lane < 4; lane++) memcpy(four_bases + 64 * lane, base, 64);
    AffineQuad affine;
    if (affine_load(&affine, four_bases) != 15) return false;
    PointQuad one = affine_point(affine);
    state->step = niels_from_point(point_double(point_double(one)));
    // Lane i adds B another i times: the lanes that are done add the identity.
    NielsQuad added = niels_from_point(one), identity = niels_from_point(point_identity());
    state->current = one;
    for (int lane = 0; lane < 3; lane++) {
        for (int k = 0; k < 5; k++) {
            added.half_sum.limb[k][lane] = identity.half_sum.limb[k][lane];
            added.half_difference.limb[k][lane] = identity.half_difference.limb[k][lane];
            added.product_d.limb[k][lane] = identity.product_d.limb[k][lane];
        }
        state->current = point_add_niels(state->current, added);
    }
    return true;
}

/// Enters the multiples first...first + count - 1, at most BLOCK_ELEMENTS.
KERNEL_WORKER void insert_block(KernelLogarithms *table, MultiplesState *state, LogarithmMemory *memory, uint32_t first,
                                uint32_t count) {
    size_t quads = (count + 3) / 4;
    for (size_t i = 0; i < quads; i++) {
        memory->numerators[i] = state->current.x;
        memory->inverses[i] = state->current.z;
        state->current = point_add_niels(state->current, state->step);
    }
    make_keys(memory, quads, table);
    for (uint32_t i = 0; i < count; i++) {
        const LogarithmKey *key = &memory->keys[i];
        uint32_t position = key->home;
        while (table->slots[position] != 0) position = (position + 1) & table->slot_mask;
        table->slots[position] = (first + i) << 9 | (uint32_t)key->x_is_odd << 8 | key->slot_bits;
        table->tags[first + i - 1] = key->tag;
    }
}

KernelLogarithms *kernel_logarithms_create(const uint8_t base[64], uint32_t range, KernelStatus *status) {
    *status = !kernel_is_supported() ? KERNEL_UNSUPPORTED : range < 1 || range > LARGEST_RANGE ? KERNEL_BAD_ARGUMENT : KERNEL_OK;
    if (*status != KERNEL_OK) return NULL;
    size_t slots = 16;
    while (slots < 2 * (size_t)range) slots *= 2;
    KernelLogarithms *table = calloc(1, sizeof *table);
    LogarithmMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    MultiplesState *state = kernel_allocate(1, sizeof *state, 64);
    if (table != NULL) {
        table->range = range;
        table->slot_mask = (uint32_t)(slots - 1);
        table->slots = kernel_allocate_large(slots * sizeof *table->slots);
        table->tags = kernel_allocate_large(range * sizeof *table->tags);
    }
    if (table == NULL || memory == NULL || state == NULL || table->slots == NULL || table->tags == NULL) {
        *status = KERNEL_OUT_OF_MEMORY;
    } else {
        memset(table->slots, 0, slots * sizeof *table->slots);
        unsigned saved = floating_point_guard_enter();
        if (!multiples_start(state, base)) *status = KERNEL_BAD_ELEMENT;
        for (uint32_t done = 0; *status == KERNEL_OK && done < range; done += BLOCK_ELEMENTS) {
            insert_block(table, state, memory, done + 1, range - done < BLOCK_ELEMENTS ? range - done : BLOCK_ELEMENTS);
        }
        floating_point_guard_leave(saved);
    }
    free(memory);
    free(state);
    if (*status != KERNEL_OK) {
        kernel_logarithms_destroy(table);
        return NULL;
    }
    return table;
}

void kernel_logarithms_destroy(KernelLogarithms *table) {
    if (table == NULL) return;
    free(table->slots);
    free(table->tags);
    free(table);
}

size_t kernel_logarithms_bytes(const KernelLogarithms *table) {
    return ((size_t)table->slot_mask + 1) * sizeof *table->slots + table->range * sizeof *table->tags;
}

/// The logarithms of at most BLOCK_ELEMENTS points; returns how many have none.
KERNEL_WORKER size_t find_block(const KernelLogarithms *table, LogarithmMemory *memory, const KernelPoint *points,
                                size_t count, int64_t *values) {
    size_t quads = (count + 3) / 4;
    points_load(memory->points, points, count);
    // One doubling of all points, then the next: consecutive steps are independent and overlap.
    for (int doubling = 0; doubling < 2; doubling++) {
        for (size_t i = 0; i < quads; i++) memory->points[i] = point_double_without_t(memory->points[i]);
    }
    for (size_t i = 0; i < quads; i++) {
        PointQuad p = memory->points[i];
        // x(8 P) = 2 X Y / (Y^2 - X^2) of 4 P. The divisor is never zero on the curve: it would make 1 + d x^2 y^2 zero.
        uint64_t no_offset[5] = {0, 0, 0, 0, 0};
        FieldRaw yy = field_square_raw(p.y), xx = field_square_raw(p.x);
        memory->inverses[i] = field_carry(field_raw_subtract(yy, xx), no_offset);
        memory->numerators[i] = field_multiply_loose(field_add(p.x, p.x), p.y);
    }
    make_keys(memory, quads, table);
    // Two passes, so that neither waits for memory: the slot first, then the tag it points to.
    for (size_t i = 0; i < count; i++) {
        memory->candidates[i] = probe(table, &memory->keys[i], memory->keys[i].home);
        uint32_t slot = table->slots[memory->candidates[i]];
        if (slot != 0) __builtin_prefetch(table->tags + (slot >> 9) - 1);
    }
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        const LogarithmKey *key = &memory->keys[i];
        uint32_t position = memory->candidates[i], slot;
        while ((slot = table->slots[position]) != 0 && table->tags[(slot >> 9) - 1] != key->tag) {
            position = probe(table, key, (position + 1) & table->slot_mask);
        }
        int64_t magnitude = slot >> 9;
        values[i] = (slot >> 8 & 1) == key->x_is_odd ? magnitude : -magnitude;
        if (slot == 0) values[i] = INT64_MIN;
        if (key->is_zero) values[i] = 0;
        missing += values[i] == INT64_MIN;
    }
    return missing;
}

KernelStatus kernel_logarithms_find(const KernelLogarithms *table, const KernelPoint *points, size_t count,
                                    int64_t *values, size_t *missing) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    LogarithmMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    *missing = 0;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        *missing += find_block(table, memory, points + first, block, values + first);
    }
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

#endif
