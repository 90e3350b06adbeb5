internal import Gossip
public import Wire

extension ContentReference {
    /// Names `bytes` as content of the given kind.
    public static func of(_ bytes: [UInt8], kind: ContentRole) -> ContentReference {
        let manifest = ContentManifest(of: bytes, kind: .init(rawValue: kind.rawValue))
        return ContentReference(id: manifest.contentID, length: UInt64(bytes.count))
    }
}

/// The kinds of content that chains name.
public enum ContentRole: UInt8, Sendable {
    case submission = 1
    case model = 2
    case blockBody = 3
    case aggregate = 4
    case direction = 7
}
