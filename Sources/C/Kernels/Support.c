#include "Kernels.h"

#if defined(__x86_64__)

bool kernel_is_supported(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

#else

// On other architectures every function answers KERNEL_UNSUPPORTED; callers use the portable implementation.

bool kernel_is_supported(void) {
    return false;
}

KernelTable *kernel_table_create(const uint8_t base[64], unsigned window, unsigned scalar_bits, KernelStatus *status) {
    (void)base, (void)window, (void)scalar_bits;
    *status = KERNEL_UNSUPPORTED;
    return NULL;
}

void kernel_table_destroy(KernelTable *table) {
    (void)table;
}

size_t kernel_table_bytes(const KernelTable *table) {
    (void)table;
    return 0;
}

KernelResult kernel_encrypt(const KernelTable *value_table, const KernelTable *mask_table, const int64_t *values,
                            unsigned value_bits, const uint8_t *scalars, size_t count, KernelEncoding encoding,
                            uint8_t *output) {
    (void)value_table, (void)mask_table, (void)values, (void)value_bits, (void)scalars, (void)count, (void)encoding;
    (void)output;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelStatus kernel_sums_clear(KernelPointQuad *sums, size_t count) {
    (void)sums, (void)count;
    return KERNEL_UNSUPPORTED;
}

KernelResult kernel_accumulate(KernelPointQuad *sums, const uint8_t *elements, size_t count, KernelEncoding encoding) {
    (void)sums, (void)elements, (void)count, (void)encoding;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelResult kernel_unmask(KernelPointQuad *sums, const KernelTable *mask_table, const uint8_t *scalars, size_t count) {
    (void)sums, (void)mask_table, (void)scalars, (void)count;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

KernelStatus kernel_lookup_keys(const KernelPointQuad *sums, size_t count, uint64_t *keys, uint8_t *x_is_odd) {
    (void)sums, (void)count, (void)keys, (void)x_is_odd;
    return KERNEL_UNSUPPORTED;
}

KernelStatus kernel_multiples_keys(const uint8_t base[64], uint64_t first, size_t count, uint64_t *keys,
                                   uint8_t *x_is_odd) {
    (void)base, (void)first, (void)count, (void)keys, (void)x_is_odd;
    return KERNEL_UNSUPPORTED;
}

KernelStatus kernel_sums_affine(const KernelPointQuad *sums, size_t count, uint8_t *output) {
    (void)sums, (void)count, (void)output;
    return KERNEL_UNSUPPORTED;
}

KernelStatus kernel_sums_export(const KernelPointQuad *sums, size_t count, uint8_t *output) {
    (void)sums, (void)count, (void)output;
    return KERNEL_UNSUPPORTED;
}

KernelResult kernel_sums_import(KernelPointQuad *sums, const uint8_t *extended, size_t count) {
    (void)sums, (void)extended, (void)count;
    return (KernelResult){KERNEL_UNSUPPORTED, 0};
}

#endif
