internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import Wire

extension Request {
    /// The whole body; 413 beyond `limit` bytes.
    func body(upTo limit: Int) async throws -> [UInt8] {
        Array(buffer: try await body.collect(upTo: limit))
    }

    /// A number of the query; nil when it is absent.
    func number<Number: FixedWidthInteger>(_ name: String, _ type: Number.Type) throws(ServiceError) -> Number? {
        guard let text = uri.queryParameters[Substring(name)] else { return nil }
        guard let number = Number(text) else { throw .invalid([Fault(name, Self.refusal(String(text), type))]) }
        return number
    }

    fileprivate static func refusal<Number: FixedWidthInteger>(_ text: String, _ type: Number.Type) -> String {
        "\"\(text.prefix(40))\" is not a whole number from \(Number.min) to \(Number.max)"
    }
}

extension APIContext {
    func number<Number: FixedWidthInteger>(_ name: String, _ type: Number.Type) throws(ServiceError) -> Number {
        let text = parameters.get(name) ?? ""
        guard let number = Number(text) else { throw .invalid([Fault(name, Request.refusal(text, type))]) }
        return number
    }

    /// The task that the path names: by full id, a prefix of it that only it has, or its name.
    func task(_ service: some NodeService) async throws(ServiceError) -> TaskID {
        let text = word("task")
        if let id = TaskID(hex: text) { return id }
        let tasks = await service.tasks().map { (id: $0.task, name: $0.name) }
        let found = try NameResolution.one(text, among: tasks, kind: "task", list: "`meshnode task list`")
        guard let id = TaskID(hex: found) else { throw .failed(reason: "task id \(found)", next: "report this") }
        return id
    }

    /// The chain that the path names; `registry` is the registry's.
    func chain(_ service: some NodeService) async throws(ServiceError) -> ChainView {
        let text = word("chain")
        let chains = await service.chains()
        if text == "registry", let registry = chains.first(where: { $0.kind == "registry" }) { return registry }
        let found = try NameResolution.one(
            text, among: chains.map { (id: $0.chain, name: $0.name ?? "") }, kind: "chain",
            list: "`meshnode chain head`")
        guard let view = chains.first(where: { $0.chain == found }) else {
            throw .failed(reason: "chain \(found)", next: "report this")
        }
        return view
    }

    private func word(_ name: String) -> String {
        let text = parameters.get(name) ?? ""
        return text.removingPercentEncoding ?? text
    }
}

/// Names as people type them.
enum NameResolution {
    static func one(
        _ text: String, among entries: [(id: String, name: String)], kind: String, list: String
    ) throws(ServiceError) -> String {
        let lower = text.lowercased()
        let isPrefix =
            lower.utf8.count >= 4 && lower.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        var found = entries.filter { $0.name == text && !text.isEmpty }
        if found.isEmpty, isPrefix { found = entries.filter { $0.id.hasPrefix(lower) } }
        guard let first = found.first else {
            throw .notFound(what: "no \(kind) here is called \"\(text.prefix(80))\"", next: "\(list) names them")
        }
        guard found.count == 1 else {
            throw .conflict(
                reason: "\"\(text.prefix(80))\" fits \(found.count) \(kind)s: "
                    + found.prefix(4).map { String($0.id.prefix(12)) }.joined(separator: ", "),
                next: "give more digits of the id")
        }
        return first.id
    }
}
