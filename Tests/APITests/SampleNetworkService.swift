import MeshNode
import Wire

/// Contents and peers of the service with fixed answers.
extension SampleService {
    static let content = ContentID([UInt8](repeating: 0xcd, count: 32))

    private func view(pins: [String] = []) -> ContentView {
        ContentView(
            content: Self.content.hex, kind: "other", bytes: 10, rawBytes: 12, codec: "zstd", isComplete: true,
            pins: pins,
            isInUse: false)
    }

    private func known(_ id: ContentID) throws(ServiceError) {
        guard id == Self.content else {
            throw .notFound(what: "content \(id.short) is not stored here", next: "fetch it")
        }
    }

    func store() async -> StoreView { StoreView(usedBytes: 10, quotaBytes: 100, contents: [view()]) }

    func put(_ bytes: [UInt8], compresses: Bool, label: String?) async throws(ServiceError) -> ContentView {
        updates.withLock { $0.append(bytes.count) }
        await did("put")
        return view(pins: label.map { [$0] } ?? [])
    }

    func content(_ id: ContentID) async throws(ServiceError) -> [UInt8] {
        try known(id)
        return [1, 2, 3]
    }

    func contentInfo(_ id: ContentID) async throws(ServiceError) -> ContentView {
        try known(id)
        return view()
    }

    func fetch(_ id: ContentID, length: UInt64) async throws(ServiceError) -> Receipt {
        await did("fetch")
        return Receipt(reference: id.hex, text: "\(length)")
    }

    func pin(_ id: ContentID, label: String) async throws(ServiceError) -> ContentView {
        try known(id)
        await did("pin")
        return view(pins: [label])
    }

    func unpin(_ id: ContentID, label: String) async throws(ServiceError) -> ContentView {
        try known(id)
        await did("unpin")
        return view()
    }

    func collect(downTo bytes: UInt64) async throws(ServiceError) -> CollectionView {
        await did("collect")
        return CollectionView(removed: 1, freedBytes: 10, usedBytes: bytes)
    }

    func ban(_ node: NodeID) async throws(ServiceError) -> Receipt {
        await did("ban")
        return Receipt(reference: node.hex, text: "banned")
    }

    func allow(_ node: NodeID) async throws(ServiceError) -> Receipt {
        await did("allow")
        return Receipt(reference: node.hex, text: "allowed")
    }

    func health() async -> [HealthCheck] { [HealthCheck("udp", .ok, "fine")] }
}
