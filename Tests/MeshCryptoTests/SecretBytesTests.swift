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

    /// Where the limit on locked memory does not suffice a secret is kept all the same, and counted as long as it lives.
    @Test func memoryThatCannotBeLockedIsCounted() {
        let before = SecretMemory.unlockedBytes
        do {
            let refused = unsafe LockedMemory(count: 100_000) { _, _ in -1 }
            #expect(!refused.isLocked && SecretMemory.unlockedBytes == before + 100_000)
        }
        #expect(SecretMemory.unlockedBytes == before)
        let granted = unsafe LockedMemory(count: 100_000) { _, _ in 0 }
        #expect(granted.isLocked && SecretMemory.unlockedBytes == before)
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
