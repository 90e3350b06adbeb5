import Foundation
import FuzzTargets
import LibFuzzer

/// meshnode-fuzz TARGET [libFuzzer's arguments]: runs one target; without a name it lists them.
/// meshnode-fuzz seeds VECTORS FOLDER: writes the messages of a file of vectors (name and hexadecimal digits a line) as
/// inputs of the target `decoders`.
nonisolated(unsafe) var chosen: FuzzTarget?

let given = CommandLine.arguments
if given.count == 4, given[1] == "seeds" {
    for line in try String(contentsOfFile: given[2], encoding: .utf8).split(separator: "\n") {
        let words = line.split(separator: " ")
        guard words.count == 2, words[0] != "#" else { continue }
        let digits = Array(words[1])
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(digits[$0...$0 + 1]), radix: 16)
        }
        for (place, seed) in FuzzTarget.decoderSeeds(bytes).enumerated() {
            try Data(seed).write(to: URL(fileURLWithPath: given[3] + "/seed-\(words[0])-\(place)"))
        }
    }
    exit(0)
}
// A merge starts this program again with the fuzzer's arguments alone.
let inherited = ProcessInfo.processInfo.environment["MESHNODE_FUZZ_TARGET"]
guard given.count >= 2, let target = FuzzTarget.all.first(where: { $0.name == inherited ?? given[1] }) else {
    for target in FuzzTarget.all { print(target.name, target.subject) }
    exit(given.count == 1 ? 0 : 64)
}
chosen = target
setenv("MESHNODE_FUZZ_TARGET", target.name, 1)
FixedRandom.install()

// The name is taken out; the program's own name stays first.
let passed = [given[0]] + given.dropFirst(inherited == nil ? 2 : 1)
var count = Int32(passed.count)
var arguments: [UnsafeMutablePointer<CChar>?] = passed.map { strdup($0) } + [nil]
arguments.withUnsafeMutableBufferPointer { buffer in
    var pointer = buffer.baseAddress
    exit(
        LLVMFuzzerRunDriver(&count, &pointer) { data, size in
            FixedRandom.restart()
            chosen?.run(data.map { Array(UnsafeBufferPointer(start: $0, count: size)) } ?? [])
            return 0
        })
}
