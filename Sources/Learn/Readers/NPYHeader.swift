/// The Python dictionary literal at the start of an NPY file: exactly 'descr', 'fortran_order' and 'shape'.
struct NPYHeader {
    private(set) var descriptor = ""
    private(set) var isFortranOrder = false
    private(set) var shape: [Int] = []

    private let bytes: [UInt8]
    private var position = 0

    /// Nil when the bytes are anything else.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        var seen: [String] = []
        guard accept("{") else { return nil }
        while !accept("}") {
            guard let key = text(), !seen.contains(key), accept(":") else { return nil }
            seen.append(key)
            switch key {
            case "descr":
                guard let value = text() else { return nil }
                descriptor = value
            case "fortran_order":
                if word("True") { isFortranOrder = true } else if !word("False") { return nil }
            case "shape":
                guard let value = tuple() else { return nil }
                shape = value
            default: return nil
            }
            if !accept(",") {
                guard accept("}") else { return nil }
                break
            }
        }
        skipSpace()
        guard position == bytes.count, seen.count == 3 else { return nil }
    }

    private mutating func skipSpace() {
        while position < bytes.count, bytes[position] == 0x20 || bytes[position] == 0x0a { position += 1 }
    }

    private mutating func accept(_ character: Character) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func word(_ text: String) -> Bool {
        skipSpace()
        let wanted = Array(text.utf8)
        guard bytes.count - position >= wanted.count, Array(bytes[position..<position + wanted.count]) == wanted else {
            return false
        }
        position += wanted.count
        return true
    }

    private mutating func text() -> String? {
        skipSpace()
        guard position < bytes.count, bytes[position] == 0x27 || bytes[position] == 0x22 else { return nil }
        let quote = bytes[position]
        guard let end = bytes[(position + 1)...].firstIndex(of: quote), end - position <= 64 else { return nil }
        let content = bytes[(position + 1)..<end]
        position = end + 1
        return String(validating: content, as: UTF8.self)
    }

    private mutating func tuple() -> [Int]? {
        guard accept("(") else { return nil }
        var result: [Int] = []
        while !accept(")") {
            skipSpace()
            let start = position
            while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
            guard position > start, position - start <= 18, result.count < 16,
                let value = Int(String(decoding: bytes[start..<position], as: UTF8.self))
            else { return nil }
            result.append(value)
            if !accept(",") {
                guard accept(")") else { return nil }
                break
            }
        }
        return result
    }
}
