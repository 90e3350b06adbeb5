import Learn

extension FuzzTarget {
    /// Files that a member reads: tables, arrays, archives, tensors.
    static let readers = FuzzTarget("readers", of: "Sources/Learn/Files/Safetensors.swift") { input in
        let kind = input.pick(6)
        let seeds = seeds[kind]
        let bytes = input.bool() ? input.edited(input.pick(seeds)) : input.rest()
        switch kind {
        case 0:
            if let file = try? Safetensors(bytes: bytes) { _ = file }
        case 1: _ = try? NPYArray(bytes: bytes, file: "a.npy")
        case 2:
            _ = try? NPZReader.read(bytes: bytes, file: "a.npz", classCount: input.bool() ? 10 : nil)
        case 3:
            guard let array = try? IDXReader.array(bytes: bytes, file: "images") else { return }
            let labels = try? IDXReader.array(bytes: input.edited(seeds[0]), file: "labels")
            _ = try? IDXReader.dataset(
                name: "a", images: array, imagesFile: "images", labels: labels ?? array,
                labelsFile: "labels",
                classCount: nil)
        case 4: _ = try? InstructionReader.read(bytes: bytes, file: "a.jsonl")
        default:
            var reader = TableReader(labelColumn: "label")
            reader.regression = input.bool()
            _ = try? reader.read(bytes: bytes, file: "a.csv", name: "a")
        }
    }

    private static let seeds: [[[UInt8]]] = [
        [
            Array(UInt64(57).bytes)
                + Array(#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}   "#.utf8)
                + [UInt8](repeating: 0, count: 8)
        ],
        [npy("<f4", "(2, 3)", 24), npy("|u1", "(4,)", 4), npy("<i8", "(2,)", 16)],
        [[0x50, 0x4b, 5, 6] + [UInt8](repeating: 0, count: 18)],
        [
            [0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 4],
            [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 2, 1, 2, 3, 4],
        ],
        [Array(#"{"instruction":"a","input":"b","output":"c"}"#.utf8)],
        [Array("a,b,label\n1,2.5,x\n3,-4e2,y\n".utf8), Array("\"a\";\"b\"\n1;2\n".utf8)],
    ]

    private static func npy(_ type: String, _ shape: String, _ count: Int) -> [UInt8] {
        var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
        while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
        header += "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0] + Array(header.utf8)
            + [UInt8](repeating: 1, count: count)
    }
}

extension UInt64 {
    fileprivate var bytes: [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: self >> UInt64(8 * $0)) }
    }
}
