/// The element-wise loops of training, eight values at a time. Selection instead of branches: signs of activations are
/// as good as random, and a wrong guess of the processor costs more than the arithmetic.
enum VectorLoops {
    private typealias Lanes = SIMD8<Float>

    @inline(__always)
    private static func load(_ pointer: UnsafePointer<Float>) -> Lanes {
        UnsafeRawPointer(pointer).loadUnaligned(as: Lanes.self)
    }

    @inline(__always)
    private static func store(_ lanes: Lanes, _ pointer: UnsafeMutablePointer<Float>) {
        UnsafeMutableRawPointer(pointer).storeBytes(of: lanes, as: Lanes.self)
    }

    /// target = max(0, source).
    static func rectify(_ source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>, count: Int) {
        var index = 0
        while index + 8 <= count {
            let lanes = load(source + index)
            store(lanes.replacing(with: 0, where: lanes .<= 0), target + index)
            index += 8
        }
        while index < count {
            target[index] = source[index] > 0 ? source[index] : 0
            index += 1
        }
    }

    /// target = incoming where source > 0, else 0.
    static func rectifyGradient(
        _ incoming: UnsafePointer<Float>, source: UnsafePointer<Float>, into target: UnsafeMutablePointer<Float>,
        count: Int
    ) {
        var index = 0
        while index + 8 <= count {
            let lanes = load(incoming + index)
            store(lanes.replacing(with: 0, where: load(source + index) .<= 0), target + index)
            index += 8
        }
        while index < count {
            target[index] = source[index] > 0 ? incoming[index] : 0
            index += 1
        }
    }

    /// target += source.
    static func add(_ source: UnsafePointer<Float>, to target: UnsafeMutablePointer<Float>, count: Int) {
        var index = 0
        while index + 8 <= count {
            store(load(target + index) + load(source + index), target + index)
            index += 8
        }
        while index < count {
            target[index] += source[index]
            index += 1
        }
    }

    /// Zero wherever `free` is zero.
    static func keep(_ free: [Float], of target: UnsafeMutableBufferPointer<Float>) {
        precondition(free.count == target.count, "a mask of \(free.count) for \(target.count) values")
        free.withUnsafeBufferPointer { free in
            guard let mask = free.baseAddress, let values = target.baseAddress else { return }
            rectifyGradient(values, source: mask, into: values, count: target.count)
        }
    }

    /// The sum of `count` values, eight partial sums first.
    static func sum(_ source: UnsafePointer<Float>, count: Int) -> Float {
        var lanes = Lanes.zero
        var index = 0
        while index + 8 <= count {
            lanes += load(source + index)
            index += 8
        }
        var total = lanes.sum()
        while index < count {
            total += source[index]
            index += 1
        }
        return total
    }
}
