extension String {
    /// A basic string of TOML with this text, in its quotes: what is not shown as itself is written as its
    /// escape, so that it can stand in a message as well as in a file.
    public var tomlWord: String {
        var result = "\""
        for scalar in unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case _ where scalar.isShown: result.unicodeScalars.append(scalar)
            default:
                let digits = String(scalar.value, radix: 16)
                let width = digits.count > 4 ? 8 : 4
                result += (width == 8 ? "\\U" : "\\u") + String(repeating: "0", count: width - digits.count) + digits
            }
        }
        return result + "\""
    }
}

extension Unicode.Scalar {
    /// No control, no change of direction and no invisible mark. Learning code knows nothing of the wire, whose
    /// `String.isPrintable` says the same.
    var isShown: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
