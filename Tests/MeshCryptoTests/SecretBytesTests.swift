import Foundation
import Testing

@testable import MeshCrypto

@Suite struct SecretBytesTests {
    /// Linux lets a process have 65,530 mappings; a node with many peers holds a secret for each.
    @Test func manySmallSecretsNeedFewMappings() throws {
        func mappings() throws -> Int {
            try wholeText("/proc/self/maps").split(separator: "\n").count
        }
        let before = try mappings()
        let secrets = (0..<20_000).map { number in SecretBytes([UInt8(truncatingIfNeeded: number)]) }
        #expect(try mappings() - before < 2_000)
        #expect(
            secrets.enumerated().allSatisfy { number, secret in
                secret.withCopy { $0 } == [UInt8(truncatingIfNeeded: number)]
            })
    }

    /// A place is wiped before another secret gets it.
    @Test func aPlaceIsWipedBeforeItIsUsedAgain() {
        for length in [32, 64, 65] {
            for _ in 0..<200 { _ = SecretBytes([UInt8](repeating: 0xA5, count: length)) }
            let reserved = (0..<200).map { _ in SecretBytes(count: length) }
            #expect(reserved.allSatisfy { $0.withCopy { $0 } == [UInt8](repeating: 0, count: length) })
        }
    }
}
