import Foundation

/// JSON strings and numbers for canonical writers.
enum JSONText {
    /// The text in double quotes; control characters, quote and backslash escaped, all else as it is.
    static func quote(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A list of texts.
    static func list(_ texts: [String]) -> String { "[" + texts.map(quote).joined(separator: ",") + "]" }

    /// The texts of a JSON list of texts; nil for everything else.
    static func texts(_ json: String) -> [String]? {
        try? JSONDecoder().decode([String].self, from: Data(json.utf8))
    }

    /// The shortest decimal that reads back as the same number; null for NaN and infinities.
    static func number(_ value: Double) -> String { value.isFinite ? "\(value)" : "null" }
    static func number(_ value: Float) -> String { value.isFinite ? "\(value)" : "null" }
}
