public import Wire

/// What the sender of a digest is told about decided blocks.
extension ChainDigest {
    /// Height of the first decided block that the sender lacks, or has decided otherwise; nil where that is none.
    ///
    /// - Parameters:
    ///   - own: the height being decided here.
    ///   - block: the block decided here at a height below `own`; nil for those that are too old.
    public func firstMissing(below own: UInt64, block: (UInt64) -> BlockID?) -> UInt64? {
        if isOtherBranch(below: own, block: block) { return height - 1 }
        return (1..<own).contains(height) ? height : nil
    }

    /// Where another block was decided here than the sender names: asks it for its own, so that both see two certificates
    /// of one height. It is a digest of the height at which the two begin to differ, or closer to it.
    public func question(below own: UInt64, block: (UInt64) -> BlockID?) -> ChainDigest? {
        guard isOtherBranch(below: own, block: block) else { return nil }
        let parent = height > 2 ? block(height - 2) : nil
        return ChainDigest(chain: chain, height: height - 1, head: parent ?? .zero, groups: [], pending: [])
    }

    private func isOtherBranch(below own: UInt64, block: (UInt64) -> BlockID?) -> Bool {
        guard height >= 2, height <= own, let known = block(height - 1) else { return false }
        return known != head
    }
}
