internal import Sodium

/// Merkle trees whose leaves hold a domain, their index and the number of leaves, so that neither a leaf nor a shape can be
/// taken for another. An odd node moves up unpaired.
///
/// leaf = BLAKE2b-256(len ‖ domain "/leaf" ‖ index u32 ‖ count u32 ‖ payload), node = BLAKE2b-256(len ‖ domain "/node" ‖
/// left ‖ right), len being the domain's length as one byte. One compression each for payloads up to 80 bytes.
public struct MerkleTree: Sendable {
    /// levels[0] are the leaves, 32 bytes each, concatenated; the last level is the root.
    private let levels: [[UInt8]]
    public let count: Int

    /// - Parameter leaf: the payload of a leaf.
    public init(domain: String, count: Int, leaf: @Sendable (Int) -> ArraySlice<UInt8>) {
        precondition(count > 0 && count < 1 << 32)
        self.count = count
        let leafPrefix = MerkleTree.prefix(domain, "/leaf")
        let nodePrefix = MerkleTree.prefix(domain, "/node")
        let ranges = Workers.ranges(count)
        var level = concatenated(
            Workers.map(ranges.count) { piece in
                var output = [UInt8](repeating: 0, count: ranges[piece].count * 32)
                var input: [UInt8] = []
                for (position, index) in ranges[piece].enumerated() {
                    MerkleTree.leafInput(leafPrefix, index, count, leaf(index), into: &input)
                    hashInto(&output, at: position * 32, input)
                }
                return output
            })
        var all = [level]
        while level.count > 32 {
            let pairs = level.count / 64
            let source = level
            let parts = Workers.ranges(pairs)
            var next = concatenated(
                Workers.map(parts.count) { piece in
                    var output = [UInt8](repeating: 0, count: parts[piece].count * 32)
                    var input: [UInt8] = []
                    for (position, pair) in parts[piece].enumerated() {
                        input.removeAll(keepingCapacity: true)
                        input.append(contentsOf: nodePrefix)
                        input.append(contentsOf: source[pair * 64..<pair * 64 + 64])
                        hashInto(&output, at: position * 32, input)
                    }
                    return output
                })
            if level.count % 64 != 0 { next.append(contentsOf: level.suffix(32)) }
            level = next
            all.append(level)
        }
        levels = all
    }

    /// 32 bytes.
    public var root: [UInt8] { levels[levels.count - 1] }

    /// The siblings from the leaf up; levels at which the node stands alone contribute nothing.
    public func path(_ index: Int) -> [[UInt8]] {
        precondition((0..<count).contains(index))
        var result: [[UInt8]] = []
        var position = index
        for level in levels.dropLast() {
            let sibling = position ^ 1
            if sibling * 32 < level.count { result.append(Array(level[sibling * 32..<sibling * 32 + 32])) }
            position /= 2
        }
        return result
    }

    /// Whether `payload` is leaf `index` of `count` under `root`. Never traps on what a peer sends.
    public static func verify(
        root: [UInt8], domain: String, index: Int, count: Int, payload: ArraySlice<UInt8>, path: [[UInt8]]
    ) -> Bool {
        guard root.count == 32, count > 0, count < 1 << 32, (0..<count).contains(index) else { return false }
        var input: [UInt8] = []
        leafInput(prefix(domain, "/leaf"), index, count, payload, into: &input)
        var node = blake2b(input)
        let nodePrefix = prefix(domain, "/node")
        var position = index
        var width = count
        var used = 0
        while width > 1 {
            if position ^ 1 < width {
                guard used < path.count, path[used].count == 32 else { return false }
                let sibling = path[used]
                used += 1
                node = blake2b(nodePrefix + (position & 1 == 0 ? node + sibling : sibling + node))
            }
            position /= 2
            width = (width + 1) / 2
        }
        return used == path.count && node == root
    }

    private static func prefix(_ domain: String, _ kind: String) -> [UInt8] {
        let text = Array((domain + kind).utf8)
        precondition(text.count < 256)
        return [UInt8(text.count)] + text
    }

    private static func leafInput(
        _ prefix: [UInt8], _ index: Int, _ count: Int, _ payload: ArraySlice<UInt8>, into input: inout [UInt8]
    ) {
        input.removeAll(keepingCapacity: true)
        input.append(contentsOf: prefix)
        for number in [index, count] {
            for shift in [0, 8, 16, 24] { input.append(UInt8(truncatingIfNeeded: number >> shift)) }
        }
        input.append(contentsOf: payload)
    }
}

/// BLAKE2b-256 of `input` into `output` at `offset`.
private func hashInto(_ output: inout [UInt8], at offset: Int, _ input: [UInt8]) {
    precondition(offset >= 0 && offset <= output.count - 32)
    unsafe output.withUnsafeMutableBufferPointer { raw in
        _ = unsafe crypto_generichash(raw.baseAddress! + offset, 32, input, UInt64(input.count), nil, 0)
    }
}
