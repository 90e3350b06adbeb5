#include "Kernels.h"

#if defined(__x86_64__)

#include "AffineQuad.h"
#include "FieldPower.h"
#include "FixedBaseMultiply.h"
#include "FloatingPointGuard.h"
#include "Memory.h"

/// Working memory of one call.
typedef struct {
    PointQuad points[BLOCK_QUADS];
    FieldReduced inverses[BLOCK_QUADS];
    FieldReduced scratch[BLOCK_QUADS];
} LookupMemory;

/// Writes the keys of `count` points: the low word of the canonical y and the parity of the canonical x.
KERNEL_TARGET static void write_keys(LookupMemory *memory, size_t count, uint64_t *keys, uint8_t *x_is_odd) {
    size_t quads = (count + 3) / 4;
    for (size_t i = 0; i < quads; i++) memory->inverses[i] = memory->points[i].z;
    field_invert_all(memory->inverses, memory->scratch, quads);
    for (size_t i = 0; i < quads; i++) {
        FieldReduced x = field_multiply(memory->points[i].x, memory->inverses[i]);
        FieldReduced y = field_multiply(memory->points[i].y, memory->inverses[i]);
        int odd = _mm256_movemask_pd(field_is_negative(x));
        uint64_t four[4];
        _mm256_storeu_si256((__m256i *)(void *)four, field_canonical(y).word[0]);
        for (size_t lane = 0; lane < 4 && 4 * i + lane < count; lane++) {
            keys[4 * i + lane] = four[lane];
            x_is_odd[4 * i + lane] = (uint8_t)(odd >> lane & 1);
        }
    }
}

/// One block of at most BLOCK_ELEMENTS sums.
KERNEL_WORKER void lookup_block(LookupMemory *memory, const PointQuad *sums, size_t count, uint64_t *keys, uint8_t *x_is_odd) {
    for (size_t i = 0; 4 * i < count; i++) {
        PointQuad p = sums[i];
        for (int doubling = 0; doubling < 3; doubling++) p = point_double(p);
        memory->points[i] = p;
    }
    write_keys(memory, count, keys, x_is_odd);
}

KernelStatus kernel_lookup_keys(const KernelPointQuad *sums, size_t count, uint64_t *keys, uint8_t *x_is_odd) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    if ((uintptr_t)sums % KERNEL_POINT_ALIGNMENT != 0) return KERNEL_BAD_ARGUMENT;
    LookupMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    if (memory == NULL) return KERNEL_OUT_OF_MEMORY;
    unsigned saved = floating_point_guard_enter();
    for (size_t first = 0; first < count; first += BLOCK_ELEMENTS) {
        size_t block = count - first < BLOCK_ELEMENTS ? count - first : BLOCK_ELEMENTS;
        lookup_block(memory, (const PointQuad *)(const void *)sums + first / 4, block, keys + first, x_is_odd + first);
    }
    floating_point_guard_leave(saved);
    free(memory);
    return KERNEL_OK;
}

/// The running multiple of `kernel_multiples_keys`: lane i stands at (first + i) * B and goes forward by 4 * B.
typedef struct {
    PointQuad current;
    NielsQuad step;
} MultiplesState;

/// `factor` * P by doubling and adding.
KERNEL_TARGET static PointQuad point_multiply_vartime(NielsQuad p, uint64_t factor) {
    PointQuad result = point_identity();
    for (int bit = 63; bit >= 0; bit--) {
        result = point_double(result);
        if (factor >> bit & 1) result = point_add_niels(result, p);
    }
    return result;
}

KERNEL_TARGET static NielsQuad niels_from_point(PointQuad p) {
    FieldReduced inverse = field_invert(p.z);
    return niels_from_affine(field_multiply(p.x, inverse), field_multiply(p.y, inverse), field_broadcast(FIELD_HALF),
                             field_broadcast(FIELD_D));
}

KERNEL_WORKER bool multiples_start(MultiplesState *state, const uint8_t base[64], uint64_t first) {
    uint8_t four_bases[256];
    for (int lane = 0; lane < 4; lane++) memcpy(four_bases + 64 * lane, base, 64);
    AffineQuad affine;
    if (affine_load(&affine, four_bases) != 15) return false;
    NielsQuad one = niels_from_point(affine_point(affine));
    state->step = niels_from_point(point_multiply_vartime(one, 4));
    // Lane i adds B while i is at least 1, 2 and 3: the other lanes add the identity.
    NielsQuad added = one;
    NielsQuad identity = niels_from_point(point_identity());
    state->current = point_multiply_vartime(one, first);
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

KERNEL_WORKER void multiples_block(MultiplesState *state, LookupMemory *memory, size_t count, uint64_t *keys,
                                   uint8_t *x_is_odd) {
    for (size_t i = 0; 4 * i < count; i++) {
        memory->points[i] = state->current;
        state->current = point_add_niels(state->current, state->step);
    }
    write_keys(memory, count, keys, x_is_odd);
}

KernelStatus kernel_multiples_keys(const uint8_t base[64], uint64_t first, size_t count, uint64_t *keys, uint8_t *x_is_odd) {
    if (!kernel_is_supported()) return KERNEL_UNSUPPORTED;
    LookupMemory *memory = kernel_allocate(1, sizeof *memory, 64);
    MultiplesState *state = kernel_allocate(1, sizeof *state, 64);
    KernelStatus status = memory && state ? KERNEL_OK : KERNEL_OUT_OF_MEMORY;
    if (status == KERNEL_OK) {
        unsigned saved = floating_point_guard_enter();
        if (!multiples_start(state, base, first)) status = KERNEL_BAD_ELEMENT;
        for (size_t done = 0; status == KERNEL_OK && done < count; done += BLOCK_ELEMENTS) {
            size_t block = count - done < BLOCK_ELEMENTS ? count - done : BLOCK_ELEMENTS;
            multiples_block(state, memory, block, keys + done, x_is_odd + done);
        }
        floating_point_guard_leave(saved);
    }
    free(memory);
    free(state);
    return status;
}

#endif
