/// NumPy arrays of texts ('<U12'): names of columns and classes beside the numbers.
enum NPYText {
    /// Texts of a one-dimensional array; one without dimensions, as NumPy makes of a single text, is one text.
    static func read(
        _ stream: ByteStream, most: Int, held: HeldTexts = HeldTexts()
    ) throws(LearnError) -> [String] {
        func refuse(_ expected: String, _ found: String) -> LearnError {
            .badData(DataFault(file: stream.file, expected: expected, found: found))
        }
        let header = try NPYStream.header(stream)
        let word = header.descriptor
        guard let mark = word.first, mark == "<" || mark == ">", word.dropFirst().first == "U",
            let length = Int(word.dropFirst(2)), (0...4_096).contains(length)
        else { throw refuse("an array of texts (<U)", "\"\(word.prefix(20))\"") }
        let count = header.shape.first ?? 1
        guard header.shape.count <= 1, count <= most else {
            throw refuse("at most \(most) texts in one row", "shape \(header.shape)")
        }
        var result: [String] = []
        var held = held
        for _ in 0..<count {
            guard let bytes = try stream.take(4 * length) else { throw refuse("\(count) texts", "fewer") }
            var text = ""
            for start in stride(from: 0, to: bytes.count, by: 4) {
                let unit = bytes[start..<start + 4]
                let value = (mark == "<" ? unit.reversed() : Array(unit)).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                // Texts that are shorter end in zeros.
                if value == 0 { break }
                guard let scalar = Unicode.Scalar(value) else { throw refuse("Unicode texts", "other numbers") }
                text.unicodeScalars.append(scalar)
            }
            try held.add(text, file: stream.file, row: nil)
            result.append(TitleText.composed(text))
        }
        return result
    }

    /// The array as an NPY 1.0 file.
    static func encoded(_ texts: [String]) -> [UInt8] {
        let length = max(1, texts.map(\.unicodeScalars.count).max() ?? 1)
        var header = "{'descr': '<U\(length)', 'fortran_order': False, 'shape': (\(texts.count),), }"
        while (10 + header.utf8.count + 1) % 64 != 0 { header += " " }
        header += "\n"
        var result: [UInt8] = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]
        result.appendLittleEndian(UInt16(header.utf8.count))
        result += Array(header.utf8)
        for text in texts {
            let scalars = Array(text.unicodeScalars)
            for index in 0..<length {
                result.appendLittleEndian(index < scalars.count ? scalars[index].value : UInt32(0))
            }
        }
        return result
    }
}
