internal import Learn
internal import MeshNode
internal import Wire

/// Numbers that another form of the same rows would change. Every command that writes rows calls this before it does.
enum RoundedNumbers {
    /// - Throws: where whole numbers become other ones.
    static func tell(_ splits: DataSplits, of source: String, _ say: (String) -> Void) throws(CommandFailure) {
        for (part, rows) in splits.all {
            let place = splits.all.count > 1 ? "\(source), \(part)" : source
            if let refusal = RoundedText.refusal(rows) { throw CommandFailure(ExitStatus.data, "\(place): \(refusal)") }
            if let remark = RoundedText.remark(rows) { say("note: \(place.printable): \(remark)") }
        }
    }
}
