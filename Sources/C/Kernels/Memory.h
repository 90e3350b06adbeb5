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

/// The size of a large page.
#define LARGE_PAGE (2u << 20)

/// Memory for a table that is read at random: large pages, where the system grants them, spare address translations.
static inline void *kernel_allocate_large(size_t bytes) {
    void *memory = kernel_allocate(1, bytes, bytes < LARGE_PAGE ? 128 : LARGE_PAGE);
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (memory != NULL && bytes >= LARGE_PAGE) (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    return memory;
}

/// Zeroes memory that held secrets; the empty assembly keeps the store although the memory is freed next.
static inline void kernel_wipe(void *memory, size_t bytes) {
    if (memory == NULL) return;
    memset(memory, 0, bytes);
    __asm__ volatile("" : : "r"(memory) : "memory");
}

#endif
