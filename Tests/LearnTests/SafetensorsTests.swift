import Testing

@testable import Learn

@Suite struct SafetensorsTests {
    private static func file(_ header: String, data: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(UInt64(header.utf8.count))
        return bytes + Array(header.utf8) + [UInt8](repeating: 0, count: data)
    }

    @Test func writingIsCanonical() throws {
        let one = try Safetensors.encode(
            [("b", [2], [1, 2]), ("a", [], [3])], metadata: [("k\"", "v\n"), ("a", "1")])
        let two = try Safetensors.encode(
            [("a", [], [3]), ("b", [2], [1, 2])], metadata: [("a", "1"), ("k\"", "v\n")])
        #expect(one == two)
        #expect(one.count.isMultiple(of: 4))
        let read = try Safetensors(bytes: one)
        #expect(read.tensors.map(\.name) == ["a", "b"])
        #expect(read.metadata.map(\.key) == ["a", "k\""] && read.metadata.map(\.value) == ["1", "v\n"])
        #expect(try read.floats(try #require(read.tensor(named: "b"))) == [1, 2])
        #expect(throws: LearnError.self) { try Safetensors.encode([("a", [2], [1])]) }
        #expect(throws: LearnError.self) { try Safetensors.encode([("a", [1], [1]), ("a", [1], [1])]) }
    }

    /// A header of 384 bytes begins like a pickle of protocol 1: 0x80, 0x01.
    @Test func headersOfEveryLengthAreTold() throws {
        for spaces in 0..<512 {
            let header =
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"# + String(repeating: " ", count: spaces)
            #expect(
                failure { _ = try Safetensors(bytes: Self.file(header, data: 4)) } == nil,
                "header of \(header.utf8.count)")
        }
        for version in UInt8(1)...5 {
            #expect(failure { _ = try Safetensors(bytes: [0x80, version, 0x95, 0, 0, 0, 0, 0, 0, 0, 0x7d]) } != nil)
        }
    }

    @Test func otherTypesAreWidened() throws {
        var bytes = Self.file(
            #"{"h":{"dtype":"F16","shape":[5],"data_offsets":[0,10]},"b":{"dtype":"BF16","shape":[1],"data_offsets":[10,12]},"d":{"dtype":"F64","shape":[1],"data_offsets":[12,20]},"i":{"dtype":"I8","shape":[1],"data_offsets":[20,21]}}"#,
            data: 0)
        for half in [UInt16(0x3c00), 0xc000, 0x0001, 0x7c00, 0x3555] { bytes.appendLittleEndian(half) }
        bytes.appendLittleEndian(UInt16(0x4049))
        bytes.appendLittleEndian(Double(-0.5).bitPattern)
        bytes.append(0xff)
        let file = try Safetensors(bytes: bytes)
        let halves = try file.floats(try #require(file.tensor(named: "h")))
        #expect(halves == [1, -2, 0x1p-24, .infinity, 0.333251953125])
        #expect(try file.floats(try #require(file.tensor(named: "b"))) == [3.140625])
        #expect(try file.floats(try #require(file.tensor(named: "d"))) == [-0.5])
        #expect(try file.floats(try #require(file.tensor(named: "i"))) == [-1])
    }

    @Test func hostileFilesAreRefused() throws {
        let bad: [[UInt8]] = [
            [], [1], [0x80, 2, 0x63], [0x50, 0x4b, 3, 4, 0, 0, 0, 0, 0, 0],
            [255, 255, 255, 255, 255, 255, 255, 255], [255, 255, 255, 255, 255, 255, 255, 127, 0x7b, 0x7d],
            Self.file("", data: 0), Self.file("{", data: 0), Self.file("[]", data: 0), Self.file("{}x", data: 0),
            Self.file("{}", data: 1), Self.file(#"{"a":1}"#, data: 0),
            Self.file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, data: 8),
            Self.file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 3),
            Self.file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, data: 8),
            Self.file(#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, data: 4),
            Self.file(#"{"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(
                #"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#,
                data: 8),
            Self.file(
                #"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#,
                data: 4),
            Self.file(#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(#"{"a":{"dtype":"F32","shape":[01],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(#"{"\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, data: 4),
            Self.file(#"{"__metadata__":{"a":1}}"#, data: 0),
            Self.file(#"{"__metadata__":{"a":"1","b":"2","a":"3"}}"#, data: 0),
            Self.file(#"{"__metadata__":{},"__metadata__":{"a":"1"}}"#, data: 0),
        ]
        for (index, bytes) in bad.enumerated() {
            #expect(throws: LearnError.self, "case \(index)") { try Safetensors(bytes: bytes) }
        }
    }

    @Test func everyTruncationAndFlipIsHandled() throws {
        let good = try Safetensors.encode(
            [("weight", [2, 2], [1, 2, 3, 4]), ("bias", [2], [5, 6])], metadata: [("k", "v")])
        for length in 0..<good.count {
            #expect(throws: LearnError.self) { try Safetensors(bytes: Array(good[..<length])) }
        }
        var generator = DeterministicGenerator(seed: Seed.number(9))
        for _ in 0..<20_000 {
            var changed = good
            for _ in 0...generator.below(4) { changed[generator.below(changed.count)] = UInt8(generator.below(256)) }
            if let file = try? Safetensors(bytes: changed) {
                for tensor in file.tensors { _ = try? file.floats(tensor) }
            }
        }
    }

    @Test func parametersMustMatchTheManifest() throws {
        let manifest = try ParameterManifest([("w", [2]), ("b", [1])])
        let good = try Safetensors.encode(parameters: [1, 2, 3], manifest: manifest)
        #expect(try Safetensors.parameters(from: good, manifest: manifest) == [1, 2, 3])
        for other in [[("w", [3])], [("w", [2]), ("c", [1])], [("w", [1, 2]), ("b", [1])]] {
            let file = try Safetensors.encode(
                other.map { ($0.0, $0.1, [Float](repeating: 0, count: $0.1.reduce(1, *))) })
            #expect(throws: LearnError.self) { try Safetensors.parameters(from: file, manifest: manifest) }
        }
        let lacking = try Safetensors.encode([("w", [2], [1, 2]), ("c", [1], [0])])
        let told = failure { _ = try Safetensors.parameters(from: lacking, manifest: manifest, file: "m") }
        #expect("\(told as Any)".contains(#"lacks "b", holds "c" beside the model's"#), "\(told as Any)")
        let broken = try Safetensors.encode([("w", [2], [1, .nan]), ("b", [1], [0])])
        #expect(
            failure { _ = try Safetensors.parameters(from: broken, manifest: manifest, file: "m") }
                == .notFinite(field: "m, tensor w", index: 1))
    }
}
