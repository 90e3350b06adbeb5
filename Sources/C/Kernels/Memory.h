// Aligned working memory and its wiping.
#ifndef MESHNODE_KERNEL_MEMORY_H
#define MESHNODE_KERNEL_MEMORY_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__linux__)
#include <sys/mman.h>
#endif

/// `count` items of `size` bytes on a boundary of `alignment` bytes (a power of two), or NULL.
static inline void *kernel_allocate(size_t count, size_t size, size_t alignment) {
    if (size != 0 && count > (SIZE_MAX - alignment) / size) return NULL;
    size_t bytes = (count * size + alignment - 1) / alignment * alignment;
    return aligned_alloc(alignment, bytes == 0 ? alignment : bytes);
}

/// Asks for large pages, where the system has them; whether it grants them changes speed only.
static inline void kernel_advise_large_pages(void *memory, size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    (void)madvise(memory, bytes, MADV_HUGEPAGE);
#else
    (void)memory;
    (void)bytes;
#endif
}

/// Zeroes memory that held secrets; the empty assembly keeps the store although the memory is freed next.
static inline void kernel_wipe(void *memory, size_t bytes) {
    if (memory == NULL) return;
    memset(memory, 0, bytes);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
