@testable import Chain

/// One entry of the fuzzer. A run returns whatever the input is; a trap, a broken law or a hang is a finding.
public struct FuzzTarget: Sendable {
    public let name: String
    /// The file whose coverage says how far inputs get.
    public let subject: String
    public let run: @Sendable (_ bytes: [UInt8]) -> Void

    /// The rules of chains take every signature for valid while a target runs: inputs enter behind that check.
    init(_ name: String, of subject: String, _ run: @escaping @Sendable (inout FuzzInput) -> Void) {
        self.name = name
        self.subject = subject
        self.run = { bytes in
            var input = FuzzInput(bytes)
            SignatureMemory.$current.withValue(SignatureMemory(believing: ())) { run(&input) }
        }
    }

    /// Every target, those with the most to lose first.
    public static let all: [FuzzTarget] = [
        specification, ledger, bodies, rounds, registry, decoders, links, topics, membership, datagrams, content, blame,
        documents, readers, requests, tables, packing, tickets, dials, seals, merkle, codec,
    ]
}

/// A law that must hold for every input.
func law(_ holds: Bool, _ words: @autoclosure () -> String) {
    guard !holds else { return }
    fatalError("a law is broken: \(words())")
}
