import MeshCrypto
import Testing

@Suite struct TranscriptTests {
    @Test("the hash of parts is that of the collected transcript", arguments: [0, 1, 127, 128, 129, 32_768, 100_000])
    func parts(length: Int) {
        let part = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        var transcript = Transcript("test")
        transcript.append(part)
        transcript.append([7])
        #expect(Transcript.hash("test", part, [7]) == transcript.hash())
        #expect(Transcript.hash("test", part, [8]) != transcript.hash())
        #expect(Transcript.hash("test", part + [7]) != transcript.hash())
        #expect(Transcript.hash("tesu", part, [7]) != transcript.hash())
    }

    @Test("a sealed frame may stand behind bytes in the clear", arguments: [0, 1, 4, 28], [0, 1, 65_519])
    func prefix(before: Int, length: Int) throws {
        let key = SecretBytes([UInt8](repeating: 5, count: 32))
        var sender = StreamSender(key: key)
        var receiver = try StreamReceiver(key: key, header: sender.header)
        let clear = [UInt8](repeating: 9, count: before)
        let plaintext = [UInt8](repeating: 3, count: length)
        for final in [false, true] {
            let packet = sender.push(plaintext, final: final, after: clear)
            #expect(packet.count == before + length + 17 && Array(packet.prefix(before)) == clear)
            let (opened, ended) = try receiver.pull(Array(packet.dropFirst(before)))
            #expect(opened == plaintext && ended == final)
        }
        #expect(throws: CryptoError.self) { try receiver.pull([UInt8](repeating: 0, count: 17)) }
    }
}
