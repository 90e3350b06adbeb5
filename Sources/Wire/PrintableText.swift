/// Text of others, as it may be shown: names, remarks and reasons come from whoever wrote them, and a terminal, a log and a
/// page obey some characters instead of showing them.
extension String {
    /// Whether every character is shown as itself: no control, no change of direction, no invisible mark.
    public var isPrintable: Bool { unicodeScalars.allSatisfy(\.isPrintable) }

    /// Why this text may not stand where people tell things apart by their names; nil where it may.
    ///
    /// - Parameter isName: what people call a thing by, such as a task's name (`LookAlikes`).
    public func shownFault(isName: Bool) -> String? {
        // Whatever is not printable is in no table of letters, so this decides about the words of the fault alone.
        guard isPrintable else {
            return "control characters, changes of direction and invisible characters are not allowed"
        }
        return LookAlikes.fault(self, isName: isName)
    }

    /// The same text with everything that is not shown as itself written out, as `\u{1B}`; it stays on its line.
    public var printable: String {
        guard !isPrintable else { return self }
        var text = ""
        for scalar in unicodeScalars {
            if scalar.isPrintable {
                text.unicodeScalars.append(scalar)
            } else {
                text += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
            }
        }
        return text
    }

    /// Of a JSON text: the same value, with everything in its strings that is not shown as itself in JSON's own escapes. A terminal
    /// obeys what stands there as well.
    public var printableJSON: String {
        guard utf8.contains(where: { $0 >= 0x7F }) else { return self }
        var text = ""
        for scalar in unicodeScalars {
            // Below a blank there are only the line breaks between values: in strings the encoder writes these out itself.
            if scalar.value < 0x20 || scalar.isPrintable {
                text.unicodeScalars.append(scalar)
            } else {
                for unit in String(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return text
    }
}

extension Unicode.Scalar {
    /// Control characters (Cc), formats (Cf: direction marks, zero-width characters, tags), line and paragraph
    /// separators, surrogates, private and unassigned code points are not.
    fileprivate var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
        default: true
        }
    }
}
