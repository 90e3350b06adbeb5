public import MeshCrypto
public import Wire

/// The door of the membership datagrams: seals and opens them, and lets strangers only ask to join.
///
/// A pair's key is BLAKE2b of the X25519 secret of both datagram keys, both identities and keys ordered by identity,
/// and the network, under "udp/1"; no TCP session is needed to probe. A stranger first gets a cookie bound to its address, in
/// an answer shorter than its request; only a join that brings the cookie back is read further.
public struct DatagramGate: Sendable {
    public enum Outcome: Sendable, Equatable {
        case message(from: NodeID, MembershipMessage)
        /// Send these bytes back to where the datagram came from.
        case reply([UInt8])
        /// An authentic record of a stranger that holds the address it wrote from.
        case joined(NodeRecord)
        case dropped(Drop)
    }

    public enum Drop: String, Sendable, CaseIterable {
        case malformed
        case oversize
        case unknownSender
        case staleKey
        case notAuthentic
        case replayed
        case otherNetwork
        case otherNode
        case badCookie
        case rateLimited
    }

    private struct Pair: Sendable {
        let peerKey: DatagramKey
        let key: SecretBytes
        var window = ReplayWindow()
        var sent: UInt64 = 0
    }

    /// Bytes of one datagram, at most: fits the IPv6 minimum MTU unfragmented.
    public static let datagramBytesMax = 1200
    /// Bytes that a sealed datagram adds to its message: header, names, counter, nonce and tag.
    public static let overhead = 6 + 32 + 8 + 8 + 8 + 40
    /// Join requests are padded to this, so that the cookie is a shorter answer.
    static let joinRequestBytes = 128
    /// In the place of the expected node.
    private static let anybody = [UInt8](repeating: 0, count: 32)

    private let own: NodeID
    private let network: NetworkID
    private let key: ExchangeKey
    private let cookieKey: [UInt8]
    private var pairs: [NodeID: Pair] = [:]
    private var strangerBucket: TokenBucket
    private var joinNonces: [[UInt8]] = []
    public private(set) var drops: [Drop: UInt64] = [:]

    /// - Parameters:
    ///   - key: of this process run; its public half stands in this node's record.
    ///   - cookieKey: 32 random bytes of this process run.
    public init(own: NodeID, network: NetworkID, key: ExchangeKey, cookieKey: [UInt8], now: Duration) {
        precondition(cookieKey.count == 32, "a cookie key of \(cookieKey.count) bytes")
        self.own = own
        self.network = network
        self.key = key
        self.cookieKey = cookieKey
        strangerBucket = TokenBucket(rate: 50, now: now)
    }

    // MARK: Members

    /// One datagram for a known node; nil if its record holds an unusable key or the message is too long.
    public mutating func seal(_ message: MembershipMessage, to record: NodeRecord) -> [UInt8]? {
        let body = message.wireBytes
        guard body.count + Self.overhead <= Self.datagramBytesMax, preparePair(record) else { return nil }
        pairs[record.node]!.sent += 1
        let pair = pairs[record.node]!
        var plaintext = WireEncoder(reservingCapacity: body.count + 8)
        plaintext.u64(pair.sent)
        plaintext.fixed(body)
        var header = Self.header(.sealed, length: body.count + Self.overhead)
        header.value(own)
        header.fixed(key.publicKey.prefix(8))
        header.fixed(record.datagramKey.bytes.prefix(8))
        return header.bytes + SealedBox.seal(plaintext.bytes, key: pair.key, associated: header.bytes)
    }

    /// Drops the key of a node that is no longer known.
    public mutating func forget(_ node: NodeID) { pairs[node] = nil }

    private mutating func preparePair(_ record: NodeRecord) -> Bool {
        if pairs[record.node]?.peerKey == record.datagramKey { return true }
        guard record.node != own, let shared = try? key.sharedSecret(peer: record.datagramKey.bytes) else {
            return false
        }
        let ownKey = DatagramKey(key.publicKey)
        let ownFirst = own < record.node
        let secret = shared.withCopy { bytes in
            var transcript = Transcript("udp/1")
            transcript.append(bytes)
            transcript.append(ownFirst ? own : record.node)
            transcript.append(ownFirst ? ownKey : record.datagramKey)
            transcript.append(ownFirst ? record.node : own)
            transcript.append(ownFirst ? record.datagramKey : ownKey)
            transcript.append(network)
            return transcript.hash()
        }
        pairs[record.node] = Pair(peerKey: record.datagramKey, key: SecretBytes(secret))
        return true
    }

    // MARK: Arrival

    /// Judges one datagram.
    /// - Parameters:
    ///   - source: the sender's address as text; the cookie is bound to it.
    ///   - record: the known record of a node.
    public mutating func open(
        _ datagram: [UInt8], from source: String, now: Duration, record: (NodeID) -> NodeRecord?
    ) -> Outcome {
        do {
            return try judge(datagram, source, now, record)
        } catch {
            return drop(.malformed)
        }
    }

    private enum Kind: UInt8 {
        case sealed = 0
        case joinRequest = 1
        case cookie = 2
        case join = 3
    }

    private mutating func judge(
        _ datagram: [UInt8], _ source: String, _ now: Duration, _ record: (NodeID) -> NodeRecord?
    ) throws(WireError) -> Outcome {
        guard datagram.count <= Self.datagramBytesMax else { return drop(.oversize) }
        var decoder = WireDecoder(datagram)
        guard try decoder.u16("domain") == WireDomain.datagram.rawValue,
            try decoder.u8("version") == WireDomain.datagram.version,
            let kind = Kind(rawValue: try decoder.u8("kind")),
            try decoder.u16("length") == datagram.count
        else { return drop(.malformed) }
        switch kind {
        case .sealed: return try openSealed(datagram, &decoder, record)
        case .joinRequest:
            guard try decoder.value(of: NetworkID.self) == network else { return drop(.otherNetwork) }
            let nonce = try decoder.fixed(16, "nonce")
            guard datagram.count >= Self.joinRequestBytes else { return drop(.malformed) }
            let wanted = try decoder.fixed(32, "expected node")
            guard wanted == own.bytes || wanted == Self.anybody else { return drop(.otherNode) }
            guard strangerBucket.take(now: now) else { return drop(.rateLimited) }
            var reply = Self.header(.cookie, length: 6 + 16 + 32)
            reply.fixed(nonce)
            reply.fixed(cookie(nonce, source, slot: Self.slot(now)))
            return .reply(reply.bytes)
        case .cookie:
            let nonce = try decoder.fixed(16, "nonce")
            let cookie = try decoder.fixed(32, "cookie")
            try decoder.finish()
            guard let index = joinNonces.firstIndex(of: nonce), let mine = record(own) else {
                return drop(.badCookie)
            }
            joinNonces.remove(at: index)
            let join = join(nonce, cookie, mine)
            // A record with very long addresses joins over TCP only.
            return join.count <= Self.datagramBytesMax ? .reply(join) : drop(.oversize)
        case .join:
            guard try decoder.value(of: NetworkID.self) == network else { return drop(.otherNetwork) }
            let nonce = try decoder.fixed(16, "nonce")
            let found = try decoder.fixed(32, "cookie")
            let current = Self.slot(now)
            guard
                found == cookie(nonce, source, slot: current)
                    || current > 0 && found == cookie(nonce, source, slot: current - 1)
            else { return drop(.badCookie) }
            let stranger = try NodeRecord(from: &decoder)
            try decoder.finish()
            guard strangerBucket.take(now: now) else { return drop(.rateLimited) }
            guard stranger.node != own, stranger.isAuthentic else { return drop(.notAuthentic) }
            return .joined(stranger)
        }
    }

    private mutating func openSealed(
        _ datagram: [UInt8], _ decoder: inout WireDecoder, _ record: (NodeID) -> NodeRecord?
    ) throws(WireError) -> Outcome {
        let sender: NodeID = try decoder.value()
        let senderTag = try decoder.fixed(8, "sender key")
        let receiverTag = try decoder.fixed(8, "receiver key")
        guard sender != own, let known = record(sender) else { return drop(.unknownSender) }
        guard Array(known.datagramKey.bytes.prefix(8)) == senderTag, Array(key.publicKey.prefix(8)) == receiverTag
        else { return drop(.staleKey) }
        guard preparePair(known) else { return drop(.notAuthentic) }
        let headerBytes = datagram.count - decoder.remaining
        let plaintext: [UInt8]
        do {
            plaintext = try SealedBox.open(
                Array(datagram[headerBytes...]), key: pairs[sender]!.key,
                associated: Array(datagram[..<headerBytes]))
        } catch {
            return drop(.notAuthentic)
        }
        var inner = WireDecoder(plaintext)
        let counter = try inner.u64("counter")
        let message: MembershipMessage = try inner.value()
        try inner.finish()
        guard pairs[sender]!.window.accept(counter) else { return drop(.replayed) }
        return .message(from: sender, message)
    }

    private mutating func drop(_ reason: Drop) -> Outcome {
        drops[reason, default: 0] += 1
        return .dropped(reason)
    }

    // MARK: Strangers

    /// The first datagram to an address of which nothing is known but perhaps who should be there.
    /// - Parameters:
    ///   - nonce: 16 random bytes.
    ///   - expected: any other node keeps silent. A ticket's node under another key must not become a link on this way, after
    ///     the connection to it was refused.
    public mutating func joinRequest(nonce: [UInt8], expected: NodeID? = nil) -> [UInt8] {
        precondition(nonce.count == 16, "a nonce of \(nonce.count) bytes")
        if joinNonces.count >= 64 { joinNonces.removeFirst() }
        joinNonces.append(nonce)
        var request = Self.header(.joinRequest, length: Self.joinRequestBytes)
        request.value(network)
        request.fixed(nonce)
        request.fixed(expected?.bytes ?? Self.anybody)
        request.fixed([UInt8](repeating: 0, count: Self.joinRequestBytes - request.bytes.count))
        return request.bytes
    }

    private func join(_ nonce: [UInt8], _ cookie: [UInt8], _ record: NodeRecord) -> [UInt8] {
        let bytes = record.wireBytes
        var datagram = Self.header(.join, length: 6 + 32 + 16 + 32 + bytes.count)
        datagram.value(network)
        datagram.fixed(nonce)
        datagram.fixed(cookie)
        datagram.fixed(bytes)
        return datagram.bytes
    }

    private func cookie(_ nonce: [UInt8], _ source: String, slot: UInt64) -> [UInt8] {
        var encoder = WireEncoder()
        encoder.u64(slot)
        encoder.string(source)
        encoder.fixed(nonce)
        return blake2b(encoder.bytes, length: 32, key: cookieKey)
    }

    /// Cookies of this and the last slot of 30 s are good.
    private static func slot(_ now: Duration) -> UInt64 { UInt64(max(0, now.components.seconds) / 30) }

    private static func header(_ kind: Kind, length: Int) -> WireEncoder {
        var encoder = WireEncoder(reservingCapacity: length)
        encoder.u16(WireDomain.datagram.rawValue)
        encoder.u8(WireDomain.datagram.version)
        encoder.u8(kind.rawValue)
        encoder.u16(UInt16(truncatingIfNeeded: length))
        return encoder
    }
}
