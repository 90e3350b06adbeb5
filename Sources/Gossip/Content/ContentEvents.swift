public import Wire

/// What happens to a ``ContentExchange``.
public enum ContentInput: Sendable, Equatable {
    /// Fetch a content whose exact length a signed announcement told. Wanting it again adds the providers.
    /// - deadline: when to give up; never if nil.
    /// - namedBy: whose word made this node want it; nil for what a decided block, or this node itself, names.
    case want(
        ContentID, expectedLength: UInt64, providers: [NodeID], deadline: Duration?, namedBy: NodeID? = nil)
    /// Providers learned later, or that have just said that they have it; ignored for a content that is not wanted.
    case providers(ContentID, [NodeID])
    /// All nodes that are linked now: each may have what is still missing. One input for all wants, so that it may be given at
    /// every heartbeat; whoever is to be left alone for a while stays so.
    case linked([NodeID])
    /// Stop fetching; what has arrived stays on disk for a later want.
    case cancel(ContentID)
    case frame(from: NodeID, ContentMessage)
    case peerGone(NodeID)
    /// A link came up: a provider of any want that was passed over is asked again.
    case peerLinked(NodeID)
    /// The answer to ``ContentDirective/open(_:_:)``: the chunks found on disk.
    case opened(ContentID, ChunkBitmap)
    /// The file of a content that is being fetched was given up: which chunks are still there is asked anew.
    case reopen(ContentID)
    /// The disk refused to open or store a content.
    case storeFailed(ContentID, reason: String)
    /// The answer to ``ContentDirective/completed(_:)``: it is durable, or the disk refused.
    case finished(ContentID, failure: String?)
    /// The answer to a question of this peer was that the content is not here.
    case lacked(NodeID)
    /// What the chains say of nodes now.
    case standing(Standing)
    case timer
}

/// What the shell has to do, in order.
public enum ContentDirective: Sendable, Equatable {
    case send(to: NodeID, ContentMessage)
    /// Find or make the partial file of a content, then answer with ``ContentInput/opened(_:_:)``.
    case open(ContentID, ContentManifest)
    /// Write a chunk that has been verified.
    case store(ContentID, index: Int, [UInt8])
    /// Every chunk was stored: make the content durable and visible, then answer with
    /// ``ContentInput/finished(_:failure:)``.
    case completed(ContentID)
    case failed(ContentID, ContentFailure)
    /// A second announcement told another length for a content that is fetched on: it was a lie.
    case lengthRefuted(ContentID, announced: UInt64)
    /// No provider is left that could be asked; the want goes on when one is added or comes back.
    case starving(ContentID)
    /// Answer with the manifest, or `notFound`.
    case serveManifest(to: NodeID, ContentID)
    /// Answer with the chunk, or with `have` for a partial content, or `notFound`.
    case serveChunk(to: NodeID, ContentID, ContentMessage.Tier, index: Int)
    case misbehaved(NodeID, ContentOffence)
    /// Give ``ContentInput/timer`` at this time; it replaces an earlier request.
    case schedule(at: Duration)
}

public enum ContentFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case tooLong(announced: UInt64, limit: UInt64)
    /// The manifest behind the cid has another length than every announcement told.
    case lengthMismatch(announced: UInt64, manifest: UInt64)
    /// The bytes behind the cid are no manifest that this version accepts.
    case unreadableManifest(String)
    case deadline(missingChunks: Int?)
    case store(String)
    case tooManyWants(limit: Int)
    case cancelled

    public var description: String {
        switch self {
        case .tooLong(let announced, let limit): "announced as \(announced) bytes, the limit is \(limit)"
        case .lengthMismatch(let announced, let manifest):
            "announced as \(announced) bytes, its manifest says \(manifest)"
        case .unreadableManifest(let reason): "its manifest cannot be used: \(reason)"
        case .deadline(let missing):
            missing.map { "\($0) chunks are missing at the deadline" } ?? "no manifest by the deadline"
        case .store(let reason): "storing failed: \(reason)"
        case .tooManyWants(let limit): "more than \(limit) contents are being fetched"
        case .cancelled: "no longer wanted"
        }
    }
}

/// What a peer did wrong, for its score.
public enum ContentOffence: Sendable, Equatable {
    case badManifest(ContentID)
    case badChunk(ContentID, index: Int)
    /// More requests than the queue that a peer is given.
    case flooding
}
