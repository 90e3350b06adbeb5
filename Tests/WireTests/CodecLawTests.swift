import Testing
import Wire

@Suite("Codec law: one value, one encoding")
struct CodecLawTests {
    static let names: [String] = {
        var samples = Samples(salt: 1)
        return samples.all().map(\.name)
    }()

    private func samples(_ name: String) -> [any WireSample] {
        (UInt64(1)...4).compactMap { salt in
            var samples = Samples(salt: salt)
            return samples.all().first { $0.name == name }
        }
    }

    @Test(arguments: names)
    func everyValueComesBack(name: String) {
        for sample in samples(name) { #expect(sample.returns) }
    }

    /// encode(decode(b)) == b for every b that is accepted, among cut, grown, overwritten and spliced inputs.
    @Test(arguments: names)
    func whatIsAcceptedIsCanonical(name: String) {
        var chance = Samples(salt: 99)
        var tried = 0
        for sample in samples(name) {
            let bytes = sample.bytes
            func check(_ mutant: [UInt8]) {
                tried += 1
                if let again = sample.reencoded(mutant) { #expect(again == mutant, "\(name): \(mutant.hex)") }
            }
            for position in bytes.indices {
                for value: UInt8 in [0, 1, 2, 0x7f, 0x80, 0xff, bytes[position] ^ 1, bytes[position] &+ 1] {
                    var mutant = bytes
                    mutant[position] = value
                    check(mutant)
                }
            }
            for count in Set([0, 1, bytes.count / 2, bytes.count - 1]) { check(Array(bytes.prefix(count))) }
            for _ in 0..<200 {
                var mutant = bytes
                for _ in 0..<(1 + chance.number() % 4) {
                    let position = Int(chance.number() % UInt64(mutant.count + 1))
                    switch chance.number() % 4 {
                    case 0: mutant.insert(UInt8(truncatingIfNeeded: chance.number()), at: position)
                    case 1: if position < mutant.count, mutant.count > 1 { mutant.remove(at: position) }
                    case 2: if position < mutant.count { mutant[position] = UInt8(truncatingIfNeeded: chance.number()) }
                    default: mutant += bytes.suffix(Int(chance.number() % 33))
                    }
                }
                check(mutant)
            }
        }
        #expect(tried > 200)
    }

    @Test(arguments: names)
    func nothingMayFollowAndNothingMayLack(name: String) {
        for sample in samples(name) {
            #expect(sample.reencoded(sample.bytes + [0]) == nil)
            #expect(sample.reencoded(Array(sample.bytes.dropLast())) == nil)
        }
    }

    /// A count or a length that promises more than is there is refused before anything is allocated.
    @Test func lengthsAreHeldAgainstWhatIsLeft() {
        var encoder = WireEncoder()
        encoder.u32(UInt32(Limits.submitters))
        #expect(throws: WireError.truncated(field: "submissions")) { try Received(wireBytes: encoder.bytes) }
        var long = WireEncoder()
        long.u32(UInt32.max)
        #expect(throws: WireError.tooLong(field: "submissions", length: UInt64(UInt32.max), limit: Limits.submitters)) {
            try Received(wireBytes: long.bytes)
        }
    }

    @Test func orderIsPartOfTheEncoding() throws {
        var samples = Samples(salt: 5)
        let ids: [SubmissionID] = samples.ids(3)
        var encoder = WireEncoder()
        encoder.list(Array(ids.reversed()))
        #expect(throws: WireError.invalid(field: "submissions", reason: "not in ascending order")) {
            try Received(wireBytes: encoder.bytes)
        }
        var twice = WireEncoder()
        twice.list([ids[0], ids[0]])
        #expect(throws: WireError.self) { try Received(wireBytes: twice.bytes) }
    }

    @Test func oneKindIsNeverReadAsAnother() {
        var samples = Samples(salt: 6)
        let header = samples.header()
        #expect(throws: WireError.self) { try Certificate(wireBytes: header.wireBytes) }
        #expect(throws: WireError.self) { try Envelope(wireBytes: header.wireBytes) }
        var other = header.wireBytes
        other[2] = 2
        #expect(throws: WireError.invalid(field: "version", reason: "expected 1, found 2")) {
            try BlockHeader(wireBytes: other)
        }
    }

    /// Credits whose sum could overflow are refused at the genesis, once for every sum made later.
    @Test func genesisBoundsAllCredits() throws {
        let node = NodeID([UInt8](repeating: 1, count: 32))
        let other = NodeID([UInt8](repeating: 2, count: 32))
        let parameters = Genesis.Parameters(electionProofBytes: 0, proposeMs: 1_000, voteMs: 300)
        let full = Genesis(
            name: "n", timeMs: 0, accounts: [.init(node: node, balance: UInt64(Int64.max), validatorBond: 0)],
            parameters: parameters)
        #expect(try Genesis(wireBytes: full.wireBytes) == full)
        for (balance, bond) in [(UInt64(Int64.max), UInt64(1)), (UInt64.max, 1), (UInt64.max, UInt64.max)] {
            let genesis = Genesis(
                name: "n", timeMs: 0,
                accounts: [
                    .init(node: node, balance: balance, validatorBond: bond),
                    .init(node: other, balance: 0, validatorBond: 0),
                ], parameters: parameters)
            #expect(throws: WireError.self) { try Genesis(wireBytes: genesis.wireBytes) }
        }
    }

    @Test func textIsKeptByteForByte() throws {
        // Two spellings of one letter are two names.
        for name in ["\u{e9}", "e\u{301}"] {
            var encoder = WireEncoder()
            encoder.string(name)
            var decoder = WireDecoder(encoder.bytes)
            #expect(Array(try decoder.string(limit: 10, "name").utf8) == Array(name.utf8))
        }
        var decoder = WireDecoder([1, 0, 0, 0, 0xff])
        #expect(throws: WireError.invalid(field: "name", reason: "not UTF-8")) { try decoder.string(limit: 10, "name") }
    }
}
