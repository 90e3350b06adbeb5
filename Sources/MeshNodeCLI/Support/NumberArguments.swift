internal import ArgumentParser
internal import MeshNode
internal import Wire

/// Numbers on the command line. A number that stands in a place of its own is read by one of these (`transform:`), so that what
/// is wrong with it is said in its own terms; `CLITests/NumberArgumentTests` looks for those that are not.
enum NumberArgument {
    struct Wrong: Error, CustomStringConvertible { let description: String }

    static func credits(_ text: String) throws(Wrong) -> UInt64 {
        guard let credits = UInt64(text), credits >= 1 else {
            throw Wrong(description: "an amount is a whole number of credits, at least 1")
        }
        return credits
    }

    static func round(_ text: String) throws(Wrong) -> UInt32 {
        guard let round = UInt32(text), round >= 1 else {
            throw Wrong(description: "rounds are whole numbers from 1 on")
        }
        return round
    }

    static func height(_ text: String) throws(Wrong) -> UInt64 {
        guard let height = UInt64(text) else { throw Wrong(description: "heights are whole numbers from 0 on") }
        return height
    }

    static func stars(_ text: String) throws(Wrong) -> Int {
        guard let stars = Int(text), (1...5).contains(stars) else {
            throw Wrong(description: "stars are a whole number from 1 (bad) to 5 (good)")
        }
        return stars
    }

    /// A time that a command may wait. It is multiplied, added to a clock and shown, none of which may overflow: no option holds
    /// seconds as a bare number. The library shows no default beside a transformation: the help says it.
    static func seconds(_ text: String) throws(Wrong) -> Int {
        guard let seconds = Int(text), (0...1_000_000).contains(seconds) else {
            throw Wrong(description: "a time to wait is a whole number of seconds from 0 to 1000000")
        }
        return seconds
    }

    static func share(_ text: String) throws(Wrong) -> Double {
        guard let share = Double(text), let parts = Ppm.exactly(share), parts <= Ppm.one else {
            throw Wrong(description: "an accuracy is a share from 0 to 1 with up to six places")
        }
        return share
    }
}

/// Words such as `-5`. The parser takes them for options, and says that the number is missing.
enum NegativeNumbers {
    /// A minus sign that begins no option.
    private static let sign = "\u{2212}"

    /// What is wrong with words that the parser has refused, where one of them is a number below 0: what it says of the same
    /// words with a sign that it takes for part of a value.
    /// - Returns: nil where there is no such word, or where it is not what is wrong.
    static func refusal(of arguments: [String]) -> String? {
        let words = arguments.map { word in
            let rest = word.dropFirst()
            let isNumber = word.first == "-" && rest.first.map { $0.isNumber || $0 == "." } == true
            return isNumber && Double(rest) != nil ? sign + rest : word
        }
        guard words != arguments else { return nil }
        do {
            _ = try MeshNodeCommand.parseAsRoot(words)
            return nil
        } catch {
            return MeshNodeCommand.fullMessage(for: error).replacing(sign, with: "-")
        }
    }
}
