import Testing
import Wire

@testable import MeshNode

/// Specifications that a peer could send, made by the fuzzer's own mutator from random bytes: the same ones in every run, and
/// beside its laws what a node does with them.
@Suite("No specification traps the validator")
struct SpecMutationTests {
    @Test func everyBaseIsValid() {
        for spec in SpecMutation.bases { #expect(TaskSpecValidator.faults(spec) == [], "\(spec)") }
    }

    /// Whatever has no fault can be carried out: no node fails to open a task that the registry took.
    @Test(arguments: 0..<4) func mutantsGiveFaultsOrCanBeCarriedOut(part: Int) {
        var random = SplitMix(state: UInt64(part))
        var (faulty, valid) = (0, 0)
        for number in 0..<75_000 {
            var input = FuzzInput((0..<64).flatMap { _ in withUnsafeBytes(of: random.next()) { [UInt8]($0) } })
            var spec = SpecMutation.bases[number % SpecMutation.bases.count]
            SpecMutation.mutate(&spec, &input)
            FuzzTarget.judge(spec)
            _ = TaskFile.text(spec)
            guard TaskSpecValidator.faults(spec).isEmpty else {
                faulty += 1
                continue
            }
            valid += 1
            do { _ = try RoundPolicy(spec) } catch { Issue.record("\(error): \(TaskFile.text(spec))") }
        }
        #expect(faulty > 30_000 && valid > 3_000, "\(faulty) faulty, \(valid) valid")
    }
}

/// The same words on every machine.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
