public import Wire

/// What people type for a task, chain, account, peer or content: an id, the first digits of one, or a name. This is the only
/// place that decides what such a text means; everything that takes one asks it.
///
/// Digits are an id before they are a name: whoever gives a thing a name chooses the name, nobody chooses an id. So a text of
/// hexadecimal digits that begins an id here never means something that was named with these digits, and a beginning of
/// several ids is refused with the candidates, even where it is also a name. Names that could be digits of an id are refused
/// where they are given (`String.readsAsIdentifier`).
public enum NameResolution {
    /// Something that can be meant.
    public typealias Entry = (id: String, name: String)

    /// - Parameters:
    ///   - entries: everything of this kind that is known here.
    ///   - kind: what it is, as in `no task here is called ...`.
    ///   - next: what to do when nothing fits.
    /// - Returns: the full id of the one entry that is meant.
    public static func one(
        _ text: String, among entries: [Entry], kind: String, next: String
    ) throws(ServiceError) -> String {
        var found: [Entry] = []
        if text.readsAsIdentifier { found = entries.filter { begins($0.id, with: text) } }
        if found.isEmpty, !text.isEmpty { found = entries.filter { $0.name == text } }
        guard let first = found.first else {
            throw .notFound(what: "no \(kind) here is called \"\(text.prefix(80))\"", next: next)
        }
        guard Set(found.map(\.id)).count == 1 else {
            throw .conflict(
                reason: "\"\(text.prefix(80))\" fits \(found.count) \(kind)s: "
                    + found.prefix(4).map { "\($0.id.prefix(12))\($0.name.isEmpty ? "" : " \"\($0.name)\"")" }
                    .joined(separator: ", ") + (found.count > 4 ? ", ..." : ""),
                next: "give more digits of the id")
        }
        return first.id
    }

    /// Whether `text` are the first digits of `id`, or all of them.
    public static func begins(_ id: String, with text: String) -> Bool {
        text.readsAsIdentifier && id.hasPrefix(text.lowercased())
    }

    /// The same for kinds whose ids may be unknown here, such as the key of a node that has no account yet: all 64 digits
    /// name it.
    public static func identifier<Kind>(
        _ text: String, among entries: [Entry], kind: String, next: String, as type: Identifier<Kind>.Type
    ) throws(ServiceError) -> Identifier<Kind> {
        if let id = Identifier<Kind>(hex: text) { return id }
        let found = try one(text, among: entries, kind: kind, next: next)
        guard let id = Identifier<Kind>(hex: found) else {
            throw .failed(reason: "\(kind) id \(found)", next: "report this")
        }
        return id
    }
}
