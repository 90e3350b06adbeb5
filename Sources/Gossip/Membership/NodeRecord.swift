public import MeshCrypto
public import Wire

/// What a node says of itself, signed: where it listens and which key its datagrams of this run use.
/// Of two records of one node the one with the higher incarnation counts.
public struct NodeRecord: WireMessage, Hashable {
    public static var domain: WireDomain { .nodeRecord }

    public let node: NodeID
    /// Grows with every start and every refutation.
    public let incarnation: UInt64
    /// At most ``LinkLimits/addressesMax``, best first.
    public let addresses: [PeerAddress]
    public let datagramKey: DatagramKey
    /// One bit a capability; unknown bits are kept.
    public let capabilities: UInt64
    /// By `node` over all the other fields in their wire form, tag and version included.
    public let signature: Signature

    /// Signs a record of one's own.
    /// - Precondition: at most ``LinkLimits/addressesMax`` addresses.
    public init(
        incarnation: UInt64, addresses: [PeerAddress], datagramKey: DatagramKey, capabilities: UInt64,
        signedWith identity: SigningKey
    ) {
        precondition(addresses.count <= LinkLimits.addressesMax, "\(addresses.count) addresses in one record")
        node = identity.nodeID
        self.incarnation = incarnation
        self.addresses = addresses
        self.datagramKey = datagramKey
        self.capabilities = capabilities
        signature = identity.sign(
            Self.signedBytes(identity.nodeID, incarnation, addresses, datagramKey, capabilities))
    }

    /// Whether the signature is the named node's. A decoded record is nothing before this is true.
    public var isAuthentic: Bool {
        verifySignature(
            signature, Self.signedBytes(node, incarnation, addresses, datagramKey, capabilities), signer: node)
    }

    public func encodeFields(into encoder: inout WireEncoder) {
        Self.encodeSigned(node, incarnation, addresses, datagramKey, capabilities, into: &encoder)
        encoder.value(signature)
    }

    public init(fieldsFrom decoder: inout WireDecoder) throws(WireError) {
        node = try decoder.value()
        incarnation = try decoder.u64("incarnation")
        addresses = try decoder.list(limit: LinkLimits.addressesMax, "addresses")
        datagramKey = try decoder.value()
        capabilities = try decoder.u64("capabilities")
        signature = try decoder.value()
    }

    /// Length of `wireBytes`.
    var encodedBytes: Int { 3 + 32 + 8 + 4 + addresses.reduce(0) { $0 + 6 + $1.host.utf8.count } + 32 + 8 + 64 }

    private static func signedBytes(
        _ node: NodeID, _ incarnation: UInt64, _ addresses: [PeerAddress], _ datagramKey: DatagramKey,
        _ capabilities: UInt64
    ) -> [UInt8] {
        var encoder = WireEncoder()
        encoder.u16(domain.rawValue)
        encoder.u8(domain.version)
        encodeSigned(node, incarnation, addresses, datagramKey, capabilities, into: &encoder)
        return encoder.bytes
    }

    private static func encodeSigned(
        _ node: NodeID, _ incarnation: UInt64, _ addresses: [PeerAddress], _ datagramKey: DatagramKey,
        _ capabilities: UInt64, into encoder: inout WireEncoder
    ) {
        encoder.value(node)
        encoder.u64(incarnation)
        encoder.list(addresses)
        encoder.value(datagramKey)
        encoder.u64(capabilities)
    }
}
