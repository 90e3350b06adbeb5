public import MeshCrypto
public import Wire

/// One connection from its first byte to its last, without I/O: handshake, encrypted frames, pings, limits, goodbye.
///
/// ```
/// dialler                                   acceptor
///   hello  (rules, network, ephemeral)    →
///                                         ←  hello, then header ‖ seal(proof)
///   header ‖ seal(proof)                  →
///                                         ←  seal(accept)
/// ```
/// Either side may answer with a refusal instead, in the clear before there are keys and sealed after. An acceptor that
/// has no place sends records of other nodes in front of it. Keys are
/// `crypto_kx` of the two ephemerals, streams are libsodium's secretstream, one a direction. A stream that ends without
/// the final tag counts as cut.
public struct LinkMachine: ~Copyable {
    public enum Role: Sendable, Equatable {
        case dialler(expected: NodeID?)
        case acceptor
    }

    public enum Input: Sendable {
        /// The connection is there.
        case opened
        case bytes([UInt8])
        /// The peer will send nothing more, or the connection broke.
        case ended
        /// The answer to ``Directive/identified(_:instance:)``.
        case admit
        /// The other answer of an acceptor: no place is free, but these nodes may have one.
        case introduce([NodeRecord])
        /// Says goodbye and ends.
        case close(LinkCode)
        /// Asks for a ping now.
        case ping
        /// Time passed. `waiting`: bytes wait that the connection does not take; `reading`: false while this side chose
        /// not to read, so that the peer's silence proves nothing.
        case tick(waiting: Bool, reading: Bool = true)
    }

    public enum Directive: Equatable, Sendable {
        /// Bytes to write now, in this order.
        case write([UInt8])
        /// The peer proved its key; nothing goes on before `admit` or `close`.
        case identified(NodeID, instance: UInt64)
        /// Frames may be sealed from now on.
        case established
        case payload(Lane, [UInt8])
        /// Records that the peer sent; their signatures are not checked yet.
        case records([NodeRecord])
        case recordsRequested
        case roundTrip(Duration)
        /// The peer is over its rate: read nothing before then.
        case pauseReading(until: Duration)
        /// The last directive: flush what was written, then close.
        case finish(LinkEnd)
    }

    enum Phase: Equatable {
        case new
        case awaitingHello
        case awaitingProof
        case awaitingAdmission
        case awaitingAccept
        case open
        /// Goodbye said; the rest of the peer's stream is still read.
        case closing(LinkEnd, until: Duration)
        case done
    }

    private let role: Role
    private let expected: NodeID?
    private let network: NetworkID
    private let rules: UInt16
    private let identity: SigningKey
    private let instance: UInt64
    private let ephemeral: ExchangeKey
    private let settings: LinkSettings
    private let rekeyBytes: UInt64
    private let openedAt: Duration

    private(set) var phase = Phase.new
    private var reader = PacketReader(limit: LinkLimits.handshakePacketBytesMax)
    private var ownHello: [UInt8] = []
    private var transcript: LinkTranscript?
    private var streams: LinkStreams?
    private var frameBucket: TokenBucket
    private var byteBucket: TokenBucket

    private var heardAt: Duration
    private var progressAt: Duration
    private var pingedAt: Duration
    private var pingNonce: UInt64 = 0
    private var wasIntroduced = false
    private var pingOutstanding = false
    private var pendingPing = false
    private var pendingPong: UInt64?
    private var keyedAt: Duration
    private var keyedBytes: UInt64 = 0

    /// Proven key of the other side, once there is one.
    public private(set) var peer: NodeID?
    public private(set) var traffic = LinkTraffic()
    public private(set) var roundTrip: Duration?

    /// - Parameters:
    ///   - instance: drawn at random once a process.
    ///   - ephemeral: made for this connection alone.
    ///   - now: monotonic time since any fixed origin, as in every `handle`.
    public init(
        role: Role, network: NetworkID, identity: SigningKey, instance: UInt64, ephemeral: ExchangeKey,
        settings: LinkSettings, rekeyBytes: UInt64 = LinkLimits.rekeyBytes, rules: UInt16 = RulesNumber.current,
        now: Duration
    ) {
        self.role = role
        if case .dialler(let node) = role { expected = node } else { expected = nil }
        self.network = network
        self.rules = rules
        self.identity = identity
        self.instance = instance
        self.ephemeral = ephemeral
        self.settings = settings
        self.rekeyBytes = rekeyBytes
        openedAt = now
        heardAt = now
        progressAt = now
        pingedAt = now
        keyedAt = now
        frameBucket = TokenBucket(rate: settings.framesPerSecond, now: now)
        byteBucket = TokenBucket(rate: settings.bytesPerSecond, now: now)
    }

    public var isOpen: Bool { phase == .open }
    /// The last time the peer sent anything that was authentic.
    public var lastHeard: Duration { heardAt }

    public mutating func handle(_ input: Input, now: Duration) -> [Directive] {
        var directives: [Directive] = []
        switch input {
        case .opened: open(&directives)
        case .bytes(let bytes): receive(bytes, now, &directives)
        case .ended: ended(&directives)
        case .admit: admit(now, &directives)
        case .introduce(let records): introduce(records, now, &directives)
        case .close(let code): close(code, now, &directives)
        case .ping: if phase == .open, !pingOutstanding { pendingPing = true }
        case .tick(let waiting, let reading): tick(waiting, reading, now, &directives)
        }
        return directives
    }

    // MARK: Outbound frames

    /// A ping or pong that waits; ask before sealing queued frames.
    public mutating func nextServicePacket(now: Duration) -> [UInt8]? {
        guard phase == .open else { return nil }
        if let nonce = pendingPong {
            pendingPong = nil
            return seal(frame: LinkFrame.pong(nonce).bytes, now: now)
        }
        if pendingPing {
            pendingPing = false
            pingOutstanding = true
            pingNonce &+= 1
            pingedAt = now
            return seal(frame: LinkFrame.ping(pingNonce).bytes, now: now)
        }
        return nil
    }

    /// The packets of one frame of an open link; nil if the link is not open.
    /// - Parameter frame: `LinkFrame.bytes`, at most ``LinkLimits/payloadBytesMax`` + 1.
    public mutating func seal(frame: [UInt8], now: Duration) -> [UInt8]? {
        guard phase == .open else { return nil }
        precondition(frame.count <= LinkLimits.payloadBytesMax + 1, "a frame of \(frame.count) bytes")
        var packets: [UInt8] = []
        if keyedBytes >= rekeyBytes || now - keyedAt >= LinkLimits.rekeyInterval {
            packets = push(LinkFrame.rekey.bytes)
            streams!.rekeySender()
            keyedBytes = 0
            keyedAt = now
        }
        let packet = push(frame)
        packets = packets.isEmpty ? packet : packets + packet
        keyedBytes += UInt64(frame.count)
        progressAt = now
        traffic.countOut(kind: frame[0], bytes: packets.count)
        return packets
    }

    private func push(_ plaintext: [UInt8], final: Bool = false) -> [UInt8] {
        streams!.push(plaintext, final: final)
    }

    // MARK: Handshake

    private mutating func open(_ directives: inout [Directive]) {
        guard phase == .new else { return }
        phase = .awaitingHello
        if case .dialler = role { directives.append(.write(hello())) }
    }

    private mutating func hello() -> [UInt8] {
        ownHello = LinkHello(rules: rules, network: network, ephemeral: DatagramKey(ephemeral.publicKey)).wireBytes
        return PacketReader.packet(ownHello)
    }

    private mutating func receive(_ bytes: [UInt8], _ now: Duration, _ directives: inout [Directive]) {
        guard phase != .done, phase != .new else { return }
        if phase == .awaitingAdmission, reader.bufferedBytes + bytes.count > 2 * LinkLimits.packetBytesMax {
            return refuse(.malformed, now, &directives)
        }
        reader.append(bytes)
        let charged = phase == .open
        let framesBefore = traffic.framesIn
        drain(now, &directives)
        guard charged, phase == .open else { return }
        let frames = Int(clamping: traffic.framesIn - framesBefore)
        let wait = max(frameBucket.charge(frames, now: now), byteBucket.charge(bytes.count, now: now))
        if wait > .zero { directives.append(.pauseReading(until: now + wait)) }
    }

    private mutating func drain(_ now: Duration, _ directives: inout [Directive]) {
        while phase != .done, phase != .awaitingAdmission {
            let packet: [UInt8]
            do {
                guard let next = try reader.next() else { return }
                packet = next
            } catch {
                return refuse(.oversize, now, &directives)
            }
            switch phase {
            case .awaitingHello: receiveHello(packet, now, &directives)
            case .awaitingProof: receiveProof(packet, now, &directives)
            case .awaitingAccept: receiveAccept(packet, now, &directives)
            case .open, .closing: receiveFrame(packet, now, &directives)
            case .new, .awaitingAdmission, .done: return
            }
        }
    }

    private mutating func receiveHello(_ packet: [UInt8], _ now: Duration, _ directives: inout [Directive]) {
        if let refusal = try? LinkRefusal(wireBytes: packet) {
            // Whoever has a number says it in a hello before it refuses: only the release without one does not.
            if refusal.code == .wrongVersion {
                return finish(.otherRules(own: rules, peer: RulesNumber.unwritten), &directives)
            }
            return finish(.peer(refusal.code), &directives)
        }
        let hello: LinkHello
        do {
            hello = try LinkHello(wireBytes: packet)
        } catch {
            if case .invalid(field: "version", _) = error { return refuse(.wrongVersion, now, &directives) }
            return refuse(.malformed, now, &directives)
        }
        guard hello.rules == rules else {
            // The peer learns this side's number by its hello, whatever release it is of.
            if role == .acceptor { directives.append(.write(self.hello())) }
            directives.append(.write(PacketReader.packet(LinkRefusal(code: .wrongVersion).wireBytes)))
            return finish(.otherRules(own: rules, peer: hello.rules), &directives)
        }
        guard hello.network == network else { return refuse(.wrongNetwork, now, &directives) }
        let dialled = role != .acceptor
        let keys: (receive: SecretBytes, send: SecretBytes)
        do {
            keys = try ephemeral.sessionKeys(peer: hello.ephemeral.bytes, dialled: dialled)
        } catch {
            return refuse(.malformed, now, &directives)
        }
        if !dialled { directives.append(.write(self.hello())) }
        transcript = LinkTranscript(
            dialler: dialled ? ownHello : packet, acceptor: dialled ? packet : ownHello)
        streams = LinkStreams(send: keys.send, receive: keys.receive)
        phase = .awaitingProof
        if !dialled {
            let header = streams!.header
            let signature = identity.sign(
                transcript!.signedByAcceptor(node: identity.nodeID, instance: instance, header: header))
            let proof = LinkProof(node: identity.nodeID, instance: instance, signature: signature)
            transcript!.append(acceptorProof: header + proof.wireBytes)
            directives.append(.write(push(LinkFrame.proof(proof).bytes)))
        }
    }

    private mutating func receiveProof(_ packet: [UInt8], _ now: Duration, _ directives: inout [Directive]) {
        guard packet.count > 24 else { return refuse(.malformed, now, &directives) }
        let header = Array(packet[..<24])
        let frame: LinkFrame
        do {
            try streams!.startReceiving(header: header)
            frame = try LinkFrame(bytes: try streams!.pull(Array(packet[24...])).plaintext)
        } catch {
            return refuse(.malformed, now, &directives)
        }
        if case .goodbye(let code) = frame { return finish(.peer(code), &directives) }
        guard case .proof(let proof) = frame else { return refuse(.malformed, now, &directives) }
        let signed =
            role == .acceptor
            ? transcript!.signedByDialler(node: proof.node, instance: proof.instance, header: header)
            : transcript!.signedByAcceptor(node: proof.node, instance: proof.instance, header: header)
        guard verifySignature(proof.signature, signed, signer: proof.node) else {
            return refuse(.badProof, now, &directives)
        }
        guard proof.node != identity.nodeID else { return refuse(.ownKey, now, &directives) }
        if let expected, expected != proof.node {
            return refuse(.unexpectedKey, now, &directives)
        }
        if role != .acceptor { transcript!.append(acceptorProof: header + proof.wireBytes) }
        peer = proof.node
        phase = .awaitingAdmission
        directives.append(.identified(proof.node, instance: proof.instance))
    }

    private mutating func admit(_ now: Duration, _ directives: inout [Directive]) {
        guard phase == .awaitingAdmission else { return }
        if role == .acceptor {
            directives.append(.write(push(LinkFrame.accept.bytes)))
            becomeOpen(now, &directives)
        } else {
            let signature = identity.sign(
                transcript!.signedByDialler(
                    node: identity.nodeID, instance: instance, header: streams!.header))
            let proof = LinkProof(node: identity.nodeID, instance: instance, signature: signature)
            directives.append(.write(push(LinkFrame.proof(proof).bytes)))
            phase = .awaitingAccept
            reader.limit = LinkLimits.packetBytesMax
        }
        drain(now, &directives)
    }

    private mutating func introduce(_ records: [NodeRecord], _ now: Duration, _ directives: inout [Directive]) {
        guard phase == .awaitingAdmission, role == .acceptor else { return }
        // One frame: what does not fit is not said.
        if let told = LinkFrame.packing(Array(records.prefix(LinkLimits.introductionMax))).first {
            directives.append(.write(push(told.bytes)))
        }
        refuse(.full, now, &directives)
    }

    private mutating func receiveAccept(_ packet: [UInt8], _ now: Duration, _ directives: inout [Directive]) {
        do {
            switch try LinkFrame(bytes: try streams!.pull(packet).plaintext) {
            case .accept: becomeOpen(now, &directives)
            case .records(let records) where !wasIntroduced && records.count <= LinkLimits.introductionMax:
                wasIntroduced = true
                directives.append(.records(records))
            case .goodbye(let code): finish(.peer(code), &directives)
            default: refuse(.malformed, now, &directives)
            }
        } catch {
            refuse(.malformed, now, &directives)
        }
    }

    private mutating func becomeOpen(_ now: Duration, _ directives: inout [Directive]) {
        phase = .open
        transcript = nil
        reader.limit = LinkLimits.packetBytesMax
        heardAt = now
        progressAt = now
        pendingPing = true
        directives.append(.established)
    }

    // MARK: Open link

    private mutating func receiveFrame(_ packet: [UInt8], _ now: Duration, _ directives: inout [Directive]) {
        let plaintext: [UInt8]
        let final: Bool
        do {
            (plaintext, final) = try streams!.pull(packet)
        } catch {
            return refuse(.malformed, now, &directives)
        }
        heardAt = now
        traffic.countIn(kind: plaintext.first ?? 255, bytes: packet.count + 4)
        let frame = try? LinkFrame(bytes: plaintext)
        if final {
            var code = LinkCode.shutdown
            if case .goodbye(let said)? = frame { code = said }
            return peerSaidGoodbye(code, &directives)
        }
        guard let frame else {
            traffic.malformed += 1
            return
        }
        switch frame {
        case .payload(let lane, let bytes): if delivers { directives.append(.payload(lane, bytes)) }
        case .ping(let nonce): pendingPong = nonce
        case .pong(let nonce):
            guard nonce <= pingNonce else {
                traffic.malformed += 1
                return
            }
            guard pingOutstanding, nonce == pingNonce else { return }
            pingOutstanding = false
            roundTrip = now - pingedAt
            directives.append(.roundTrip(now - pingedAt))
        case .records(let records): if phase == .open { directives.append(.records(records)) }
        case .recordsRequest: if phase == .open { directives.append(.recordsRequested) }
        case .rekey: streams!.rekeyReceiver()
        case .goodbye, .accept, .proof: traffic.malformed += 1
        }
    }

    /// Payloads that were under way when this side said goodbye still count where both sides meant well.
    private var delivers: Bool {
        switch phase {
        case .open, .closing(.here(.duplicate), _), .closing(.here(.shutdown), _): true
        default: false
        }
    }

    private mutating func peerSaidGoodbye(_ code: LinkCode, _ directives: inout [Directive]) {
        if case .closing(let end, _) = phase { return finish(end, &directives) }
        directives.append(.write(push(LinkFrame.goodbye(code).bytes, final: true)))
        finish(.peer(code), &directives)
    }

    private mutating func tick(
        _ waiting: Bool, _ reading: Bool, _ now: Duration, _ directives: inout [Directive]
    ) {
        if !reading { heardAt = now }
        switch phase {
        case .new, .done: return
        case .awaitingHello, .awaitingProof, .awaitingAdmission, .awaitingAccept:
            if now - openedAt > settings.handshakeLimit { refuse(.handshakeTimeout, now, &directives) }
        case .closing(let end, let until): if now >= until { finish(end, &directives) }
        case .open:
            if now - heardAt > settings.idleLimit { return close(.idle, now, &directives) }
            if waiting, now - progressAt > settings.stallLimit { return close(.slowConsumer, now, &directives) }
            if !waiting { progressAt = now }
            // An unanswered ping is not repeated before the idle limit could have passed: silence is judged above.
            if now - pingedAt >= settings.pingInterval { (pendingPing, pingOutstanding) = (true, false) }
        }
    }

    // MARK: Ends

    private mutating func close(_ code: LinkCode, _ now: Duration, _ directives: inout [Directive]) {
        if case .closing = phase { return }
        guard phase == .open else { return refuse(code, now, &directives) }
        directives.append(.write(push(LinkFrame.goodbye(code).bytes, final: true)))
        phase = .closing(.here(code), until: now + .seconds(2))
    }

    /// Tells the reason in the form that fits the phase and ends at once.
    private mutating func refuse(_ code: LinkCode, _ now: Duration, _ directives: inout [Directive]) {
        switch phase {
        case .done: return
        case .new: break
        case .closing(let end, _): return finish(end, &directives)
        case .awaitingHello: directives.append(.write(PacketReader.packet(LinkRefusal(code: code).wireBytes)))
        case .awaitingProof, .awaitingAdmission, .awaitingAccept, .open:
            directives.append(.write(push(LinkFrame.goodbye(code).bytes, final: true)))
        }
        finish(.here(code), &directives)
    }

    private mutating func ended(_ directives: inout [Directive]) {
        if case .closing(let end, _) = phase { return finish(end, &directives) }
        finish(.lost, &directives)
    }

    private mutating func finish(_ end: LinkEnd, _ directives: inout [Directive]) {
        guard phase != .done else { return }
        phase = .done
        streams = nil
        transcript = nil
        directives.append(.finish(end))
    }
}
