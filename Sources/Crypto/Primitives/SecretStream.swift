internal import Sodium

/// One direction of a link: libsodium's `crypto_secretstream_xchacha20poly1305`, ordered and authenticated.
/// The final tag is mandatory, so a cut stream is told from a closed one.
public struct StreamSender: ~Copyable {
    private var state: crypto_secretstream_xchacha20poly1305_state
    /// 24 bytes; the peer needs them before the first frame.
    public let header: [UInt8]

    public init(key: SecretBytes) {
        precondition(key.count == 32)
        var state = crypto_secretstream_xchacha20poly1305_state()
        var header = [UInt8](repeating: 0, count: 24)
        unsafe key.withBytes { bytes in
            _ = unsafe crypto_secretstream_xchacha20poly1305_init_push(&state, &header, bytes.baseAddress!)
        }
        self.state = state
        self.header = header
    }

    /// Encrypts one frame: plaintext + 17 bytes.
    /// - Parameter prefix: bytes in front of it, in the clear.
    public mutating func push(_ plaintext: [UInt8], final: Bool = false, after prefix: [UInt8] = []) -> [UInt8] {
        let tag = final ? UInt8(crypto_secretstream_xchacha20poly1305_tag_final()) : 0
        let sealed = plaintext.count + 17
        return unsafe [UInt8](unsafeUninitializedCapacity: prefix.count + sealed) { buffer, count in
            for (index, byte) in prefix.enumerated() { unsafe buffer[index] = byte }
            _ = unsafe crypto_secretstream_xchacha20poly1305_push(
                &state, buffer.baseAddress! + prefix.count, nil, plaintext, UInt64(plaintext.count), nil, 0, tag)
            count = prefix.count + sealed
        }
    }

    /// Changes the key; the receiver must do the same at the same place.
    public mutating func rekey() { unsafe crypto_secretstream_xchacha20poly1305_rekey(&state) }

    deinit {
        var state = state
        unsafe sodium_memzero(&state, MemoryLayout<crypto_secretstream_xchacha20poly1305_state>.size)
    }
}

public struct StreamReceiver: ~Copyable {
    private var state: crypto_secretstream_xchacha20poly1305_state
    private var ended = false

    /// - Parameter header: the sender's 24 bytes.
    public init(key: SecretBytes, header: [UInt8]) throws(CryptoError) {
        precondition(key.count == 32)
        guard header.count == 24 else { throw .wrongLength(field: "stream header", expected: 24, found: header.count) }
        var state = crypto_secretstream_xchacha20poly1305_state()
        var status: Int32 = -1
        unsafe key.withBytes { bytes in
            unsafe status = crypto_secretstream_xchacha20poly1305_init_pull(&state, header, bytes.baseAddress!)
        }
        guard status == 0 else { throw .authenticationFailed(what: "stream header") }
        self.state = state
    }

    /// Decrypts one frame; `final` tells that the peer closed the stream on purpose.
    public mutating func pull(_ frame: [UInt8]) throws(CryptoError) -> (plaintext: [UInt8], final: Bool) {
        guard !ended else { throw .streamEnded }
        guard frame.count >= 17 else { throw .wrongLength(field: "stream frame", expected: 17, found: frame.count) }
        var tag: UInt8 = 0
        var status: Int32 = -1
        let plaintext = unsafe [UInt8](unsafeUninitializedCapacity: frame.count - 17) { buffer, count in
            unsafe status = crypto_secretstream_xchacha20poly1305_pull(
                &state, buffer.baseAddress, nil, &tag, frame, UInt64(frame.count), nil, 0)
            count = status == 0 ? frame.count - 17 : 0
        }
        guard status == 0 else { throw .authenticationFailed(what: "stream frame") }
        ended = tag == UInt8(crypto_secretstream_xchacha20poly1305_tag_final())
        return (plaintext, ended)
    }

    public mutating func rekey() { unsafe crypto_secretstream_xchacha20poly1305_rekey(&state) }

    deinit {
        var state = state
        unsafe sodium_memzero(&state, MemoryLayout<crypto_secretstream_xchacha20poly1305_state>.size)
    }
}
