public import Wire

/// Why the home of a node could not be read or written. Every case names what failed, why, and what to do next.
public enum StorageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file or directory that has to exist does not.
    case missing(path: String, next: String)
    /// Something exists that must not be overwritten.
    case alreadyExists(path: String, next: String)
    /// Bytes on disk are not what was written.
    case damaged(path: String, reason: String, next: String)
    /// A secret is readable by others, or owned by somebody else.
    case permissions(path: String, mode: String, next: String)
    /// Another process uses the home.
    case locked(path: String, pid: Int32?)
    /// The operating system or SQLite refused an operation.
    case operation(path: String, operation: String, reason: String)
    /// The disk, or the quota given to the node, is full.
    case full(path: String, reason: String)
    /// The file system is mounted for reading only.
    case unwritable(path: String, reason: String)
    /// The file is of another kind than the one asked for.
    case wrongFile(path: String, expected: String, found: String)
    /// The file was written by a newer version of this program.
    case newerVersion(path: String, found: Int, supported: Int)
    /// The durable store was written under another identity.
    case wrongOwner(path: String, owner: NodeID, identity: NodeID)
    /// A commit failed earlier, so its outcome is unknown: nothing more may be signed until the store is reopened.
    case halted(path: String, reason: String)
    /// A different message was stored in this slot before: the last guard against signing twice.
    case slotUsed(kind: UInt8, chain: ChainID, major: UInt64, minor: UInt32)
    /// The slot lies below what was pruned, so it cannot be told whether it was used.
    case slotPruned(kind: UInt8, chain: ChainID, major: UInt64, floor: UInt64)
    /// The chain was never recorded.
    case unknownChain(ChainID)
    /// A block does not follow the stored head.
    case blockGap(chain: ChainID, expected: UInt64, height: UInt64)
    /// Another block is stored at this height.
    case blockConflict(chain: ChainID, height: UInt64, stored: BlockID, given: BlockID)
    /// A value is too large to be stored.
    case tooLarge(field: String, length: UInt64, limit: UInt64)
    /// A value is outside of what the store can represent.
    case invalid(field: String, reason: String)
    /// Content on disk does not match its name.
    case damagedContent(ContentID, reason: String)
    /// Content that was asked for is not here (any more).
    case unknownContent(ContentID)
    /// The store was opened for reading only.
    case readOnly(path: String)

    /// Whether this says something about what is stored: it is not what was written, or does not fit together. Everything
    /// else says something about the machine, its limits, rights and neighbours, and nothing about the bytes. Whoever judges
    /// bytes calls only damage wrong, and ends with every other case as it is.
    public var isDamage: Bool {
        switch self {
        case .damaged, .damagedContent, .blockConflict, .blockGap, .tooLarge, .invalid: true
        case .missing, .alreadyExists, .permissions, .locked, .operation, .full, .unwritable, .wrongFile, .newerVersion,
            .wrongOwner, .halted, .slotUsed, .slotPruned, .unknownChain, .unknownContent, .readOnly:
            false
        }
    }

    /// The next step, of those that have one of their own; the description says it as well.
    public var next: String? {
        switch self {
        case .missing(_, let next), .alreadyExists(_, let next), .damaged(_, _, let next), .permissions(_, _, let next):
            next
        case .wrongOwner: "restore the identity file that belongs to it"
        default: nil
        }
    }

    public var description: String {
        switch self {
        case .missing(let path, let next): "\(path) does not exist; \(next)"
        case .alreadyExists(let path, let next): "\(path) exists already; \(next)"
        case .damaged(let path, let reason, let next): "\(path) is damaged: \(reason); \(next)"
        case .permissions(let path, let mode, let next): "\(path) has mode \(mode), which lets others in; \(next)"
        case .locked(let path, let pid):
            if let pid {
                "\(path) is used by the running process \(pid); stop it, or give this node another --home"
            } else {
                "\(path) is used by another process; stop it, or give this node another --home"
            }
        case .operation(let path, let operation, let reason): "\(operation) of \(path) failed: \(reason)"
        case .full(let path, let reason): "\(path): \(reason); free space or raise the quota, then start again"
        case .unwritable(let path, let reason):
            "\(path): \(reason); mount that file system for writing (after errors of the disk the system mounts it for reading "
                + "only: see dmesg), or move the home to another one"
        case .wrongFile(let path, let expected, let found):
            "\(path) is not a \(expected) (\(found)); check the path, the file was left as it is"
        case .newerVersion(let path, let found, let supported):
            "\(path) has format version \(found), this program knows up to \(supported); use the newer program"
        case .wrongOwner(let path, let owner, let identity):
            "\(path) holds the signatures of node \(owner.short), but the identity is \(identity.short); "
                + "restore the identity file that belongs to it"
        case .halted(let path, let reason):
            "\(path) stopped after a failed commit (\(reason)); nothing is signed until the node is restarted"
        case .slotUsed(let kind, let chain, let major, let minor):
            "slot \(kind)/\(major)/\(minor) of chain \(chain.short) already holds a different message; "
                + "the stored one is sent again, a second one is never signed"
        case .slotPruned(let kind, let chain, let major, let floor):
            "slot \(kind)/\(major) of chain \(chain.short) lies below \(floor), where slots were pruned; nothing is signed"
        case .unknownChain(let chain): "chain \(chain.short) is not recorded; record it before its first block"
        case .blockGap(let chain, let expected, let height):
            "block \(height) of chain \(chain.short) does not follow the head: \(expected) comes next; fetch it first"
        case .blockConflict(let chain, let height, let stored, let given):
            "chain \(chain.short) holds block \(stored.short) at height \(height), refused \(given.short); "
                + "two decided blocks at one height halt the chain"
        case .tooLarge(let field, let length, let limit): "\(field): \(length) exceeds the limit of \(limit)"
        case .invalid(let field, let reason): "\(field): \(reason)"
        case .damagedContent(let content, let reason):
            "content \(content.short) is damaged on disk: \(reason); remove it and fetch it again"
        case .unknownContent(let content): "content \(content.short) is not stored here; fetch it first"
        case .readOnly(let path): "\(path) was opened for reading only; nothing was written"
        }
    }
}
