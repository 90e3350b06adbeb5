internal import MeshCrypto

/// Both directions of one link's encrypted stream. A class because a stream's state must never be copied.
final class LinkStreams {
    private var sender: StreamSender
    private var receiver: StreamReceiver?
    private var receiveKey: SecretBytes?
    private var headerSent = false

    init(send: SecretBytes, receive: SecretBytes) {
        sender = StreamSender(key: send)
        receiveKey = receive
    }

    /// 24 bytes that precede this side's first frame.
    var header: [UInt8] { sender.header }

    /// The peer's header starts its direction, once.
    func startReceiving(header: [UInt8]) throws(CryptoError) {
        guard let key = receiveKey else { throw .streamEnded }
        receiver = try StreamReceiver(key: key, header: header)
        receiveKey = nil
    }

    /// Encrypts one frame into a packet, with the stream header in front of the first.
    func push(_ plaintext: [UInt8], final: Bool) -> [UInt8] {
        let header = headerSent ? [] : sender.header
        headerSent = true
        let length = header.count + plaintext.count + LinkLimits.sealBytes
        return sender.push(plaintext, final: final, after: PacketReader.prefix(length) + header)
    }

    func pull(_ packet: [UInt8]) throws(CryptoError) -> (plaintext: [UInt8], final: Bool) {
        guard receiver != nil else { throw .streamEnded }
        return try receiver!.pull(packet)
    }

    func rekeySender() { sender.rekey() }
    func rekeyReceiver() { receiver?.rekey() }
}
