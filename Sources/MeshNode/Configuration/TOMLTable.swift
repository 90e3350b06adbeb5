/// A table while its document is read, with what TOML needs to know about how it came to be.
final class TOMLTable {
    enum Origin {
        /// Named on the way to another table.
        case passing
        case header
        case dotted
        case inline
    }

    enum Entry {
        case value(TOMLNode)
        case table(TOMLTable)
        case tables([TOMLTable])
    }

    var origin: Origin
    private var entries: [String: Entry] = [:]

    init(_ origin: Origin) { self.origin = origin }

    var node: [String: TOMLNode] {
        entries.mapValues { entry in
            switch entry {
            case .value(let value): value
            case .table(let table): .table(table.node)
            case .tables(let tables): .list(tables.map { .table($0.node) })
            }
        }
    }

    /// The table that `[a.b]` opens, or with `isArray` the element that `[[a.b]]` adds.
    func open(_ path: [String], isArray: Bool) throws(TOMLParser.Refusal) -> TOMLTable {
        var here = self
        for part in path.dropLast() {
            switch here.entries[part] {
            case nil:
                let next = TOMLTable(.passing)
                here.entries[part] = .table(next)
                here = next
            case .table(let next) where next.origin != .inline: here = next
            case .tables(let tables): here = tables[tables.count - 1]
            case .table, .value: throw .init("\(part) is a value already and cannot be a table")
            }
        }
        let last = path[path.count - 1]
        if isArray {
            let new = TOMLTable(.header)
            switch here.entries[last] {
            case nil: here.entries[last] = .tables([new])
            case .tables(let tables): here.entries[last] = .tables(tables + [new])
            case .table, .value: throw .init("\(last) is defined already and is no list of tables")
            }
            return new
        }
        switch here.entries[last] {
        case nil:
            let new = TOMLTable(.header)
            here.entries[last] = .table(new)
            return new
        case .table(let table) where table.origin == .passing:
            table.origin = .header
            return table
        case .table, .tables, .value: throw .init("\(last) is defined twice")
        }
    }

    /// Sets `a.b.c = value` below this table.
    func set(_ path: [String], _ value: TOMLNode) throws(TOMLParser.Refusal) {
        var here = self
        for part in path.dropLast() {
            switch here.entries[part] {
            case nil:
                let next = TOMLTable(.dotted)
                here.entries[part] = .table(next)
                here = next
            case .table(let next) where next.origin == .dotted: here = next
            default: throw .init("\(part) is defined already and cannot be extended here")
            }
        }
        let last = path[path.count - 1]
        guard here.entries[last] == nil else { throw .init("\(last) is defined twice") }
        here.entries[last] = .value(value)
    }
}
