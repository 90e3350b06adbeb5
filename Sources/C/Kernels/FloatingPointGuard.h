// The kernel's arithmetic is exact only in round-to-nearest with the default control word.
//
// Exported functions save the caller's control and status register, set the default, call one function that is never
// inlined and restore the register. The call is the barrier: a compiler may move floating-point operations across a
// change of the register, but not out of a function that it must call.
#ifndef MESHNODE_FLOATING_POINT_GUARD_H
#define MESHNODE_FLOATING_POINT_GUARD_H

#include <xmmintrin.h>

/// All exceptions masked, round to nearest, denormals kept.
#define DEFAULT_FLOATING_POINT_CONTROL 0x1f80u

#define KERNEL_WORKER KERNEL_TARGET __attribute__((noinline)) static

static inline unsigned floating_point_guard_enter(void) {
    unsigned saved = _mm_getcsr();
    _mm_setcsr(DEFAULT_FLOATING_POINT_CONTROL);
    return saved;
}

static inline void floating_point_guard_leave(unsigned saved) {
    _mm_setcsr(saved);
}

#endif
