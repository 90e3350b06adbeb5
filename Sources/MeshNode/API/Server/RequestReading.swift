internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Wire

/// What a client sends is read here, and whatever is wrong with it is told as the client's fault with a sentence: none of it is
/// a failure of the node (500), and none of it is taken for something near it. ``UnreadableHead`` does the same for what is
/// no request at all.
extension Request {
    /// The whole body; 413 beyond `limit` bytes, 400 where it is not what its head and chunks announce.
    func body(upTo limit: Int) async throws -> [UInt8] {
        // A length that is too large is refused before a byte of it is waited for.
        if let length = headers[.contentLength].flatMap({ Self.whole($0, as: UInt64.self) }), length > UInt64(limit) {
            throw HTTPError(.contentTooLarge)
        }
        do {
            return Array(buffer: try await body.collect(upTo: limit))
        } catch let error as any HTTPResponseError {
            throw error
        } catch {
            throw Problem.unreadable("the body is not what the request announces: \(error)")
        }
    }

    /// A number of the query; nil when it is absent.
    func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ name: String, _ type: Number.Type
    ) throws(ServiceError) -> Number? {
        let values = uri.queryParameters[values: Substring(name)]
        guard values.count <= 1 else { throw .invalid([Fault(name, "is given \(values.count) times")]) }
        guard let text = values.first else { return nil }
        guard let number = Self.whole(text, as: type) else {
            throw .invalid([Fault(name, Self.refusal(String(text), type))])
        }
        return number
    }

    /// Whether a choice of the query is made: 1; absent or 0 is no.
    func isSet(_ name: String) throws(ServiceError) -> Bool {
        switch try number(name, UInt8.self) {
        case nil, 0?: return false
        case 1?: return true
        case let other?: throw .invalid([Fault(name, "is \(other); 1 says yes, 0 says no")])
        }
    }

    /// Digits and nothing else: no sign, no space.
    static func whole<Number: FixedWidthInteger & UnsignedInteger>(
        _ text: some StringProtocol, as type: Number.Type
    ) -> Number? {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Number(text) : nil
    }

    fileprivate static func refusal<Number: FixedWidthInteger>(_ text: String, _ type: Number.Type) -> String {
        "\"\(text.prefix(40))\" is not a whole number from \(Number.min) to \(Number.max)"
    }
}

extension APIContext {
    func number<Number: FixedWidthInteger & UnsignedInteger>(
        _ name: String, _ type: Number.Type
    ) throws(ServiceError) -> Number {
        let text = parameters.get(name) ?? ""
        guard let number = Request.whole(text, as: type) else {
            throw .invalid([Fault(name, Request.refusal(text, type))])
        }
        return number
    }

    /// The task that the path names: by full id, a prefix of it that only it has, or its name.
    func task(_ service: some NodeService) async throws(ServiceError) -> TaskID {
        try NameResolution.identifier(
            word("task"), among: await service.tasks().map { (id: $0.task, name: $0.name) }, kind: "task",
            next: "`meshnode task list` names them", as: TaskID.self)
    }

    /// The chain that the path names; `registry` is the registry's.
    func chain(_ service: some NodeService) async throws(ServiceError) -> ChainView {
        let text = word("chain")
        let chains = await service.chains()
        if text == "registry", let registry = chains.first(where: { $0.kind == "registry" }) { return registry }
        let found = try NameResolution.one(
            text, among: chains.map { (id: $0.chain, name: $0.name ?? "") }, kind: "chain",
            next: "`meshnode chain head` names them")
        guard let view = chains.first(where: { $0.chain == found }) else {
            throw .failed(reason: "chain \(found)", next: "report this")
        }
        return view
    }

    /// The content that the path names; one that is not stored here by its full id.
    func content(_ service: some NetworkService) async throws(ServiceError) -> ContentID {
        let text = word("content")
        if let id = ContentID(hex: text) { return id }
        return try NameResolution.identifier(
            text, among: await service.store().contents.map { (id: $0.content, name: "") }, kind: "content",
            next: "`meshnode store list` names those that are stored here; others by all 64 digits", as: ContentID.self)
    }

    /// The node that the path names.
    func node(_ service: some NodeService) async throws(ServiceError) -> NodeID {
        try await NameResolution.node(word("node"), service)
    }

    private func word(_ name: String) -> String {
        let text = parameters.get(name) ?? ""
        return text.removingPercentEncoding ?? text
    }
}

extension NameResolution {
    /// A node that has an account or is a peer; any other by its full id.
    static func node(_ text: String, _ service: some NodeService) async throws(ServiceError) -> NodeID {
        if let id = NodeID(hex: text) { return id }
        var names = Dictionary(
            await service.peers().map { ($0.node, $0.name ?? "") }, uniquingKeysWith: { first, _ in first })
        for account in await service.ledger().accounts where names[account.node] == nil { names[account.node] = "" }
        return try identifier(
            text, among: names.map { (id: $0.key, name: $0.value) }.sorted { $0.id < $1.id }, kind: "node",
            next: "`meshnode peers` and `meshnode ledger balance` name them; others by all 64 digits", as: NodeID.self)
    }
}
