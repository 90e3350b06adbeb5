public import Wire

/// What a node offers to its operator about contents and peers.
public protocol NetworkService: Sendable {
    func store() async -> StoreView
    /// Compressed where that saves something and `compresses` is true.
    /// - Parameter label: pins it.
    func put(_ bytes: [UInt8], compresses: Bool, label: String?) async throws(ServiceError) -> ContentView
    /// The raw bytes.
    func content(_ id: ContentID) async throws(ServiceError) -> [UInt8]
    func contentInfo(_ id: ContentID) async throws(ServiceError) -> ContentView
    /// Begins to fetch a content from linked peers.
    /// - Parameter length: its exact stored length, without which nothing is fetched.
    func fetch(_ id: ContentID, length: UInt64) async throws(ServiceError) -> Receipt
    func pin(_ id: ContentID, label: String) async throws(ServiceError) -> ContentView
    func unpin(_ id: ContentID, label: String) async throws(ServiceError) -> ContentView
    /// Removes whole contents that no pin keeps and no running task needs, longest unused first.
    func collect(downTo bytes: UInt64) async throws(ServiceError) -> CollectionView

    /// Closes the node's link and refuses new ones, also after a restart.
    func ban(_ node: NodeID) async throws(ServiceError) -> Receipt
    func allow(_ node: NodeID) async throws(ServiceError) -> Receipt
    /// What only the running node can say of its own health.
    func health() async -> [HealthCheck]
}
