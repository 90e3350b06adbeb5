// Arrays of `KernelPoint` of any length, as quads.
#ifndef MESHNODE_POINT_ARRAYS_H
#define MESHNODE_POINT_ARRAYS_H

#include <string.h>

#include "PointQuad.h"

/// Reads `count` points into quads; lanes past the end repeat the last point.
KERNEL_TARGET __attribute__((unused)) static void points_load(PointQuad *quads, const KernelPoint *points, size_t count) {
    for (size_t i = 0; i < count / 4; i++) quads[i] = point_load(points + 4 * i);
    if (count % 4 != 0) {
        KernelPoint four[4];
        for (size_t lane = 0; lane < 4; lane++) {
            size_t index = count / 4 * 4 + lane;
            four[lane] = points[index < count ? index : count - 1];
        }
        quads[count / 4] = point_load(four);
    }
}

KERNEL_TARGET __attribute__((unused)) static void points_store(KernelPoint *points, const PointQuad *quads, size_t count) {
    for (size_t i = 0; i < count / 4; i++) point_store(points + 4 * i, quads[i]);
    if (count % 4 != 0) {
        KernelPoint four[4];
        point_store(four, quads[count / 4]);
        memcpy(points + count / 4 * 4, four, count % 4 * sizeof *points);
    }
}

#endif
