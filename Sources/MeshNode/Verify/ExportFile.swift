internal import Chain
internal import Glibc
internal import Gossip
internal import Wire

/// A file that `meshnode chain export` wrote. Its form is read whole when it is opened; blocks and contents stay on disk.
struct ExportFile: ChainSource {
    private struct Span {
        let offset: UInt64
        let length: Int
    }

    let name: String
    private let file: OpenFile
    private let network: [UInt8]
    private let genesisBytes: [UInt8]
    /// In the file's order.
    private let order: [ChainID]
    /// By chain: the lines of its blocks, height 1 first.
    private let lines: [ChainID: [Span]]
    private let contents: [(id: ContentID, kind: UInt8, line: Span)]
    private let places: [ContentID: Int]
    private let missing: UInt64

    var hasContents: Bool { !contents.isEmpty }
    var contentNames: [(id: ContentID, kind: UInt8)] { contents.map { ($0.id, $0.kind) } }

    /// - Throws: `StorageError` where the file cannot be read, `RoundError.rejected` with line and fault for another form.
    init(_ path: String) throws {
        name = path
        file = OpenFile(try FileSystem.openPlain(path))
        var reader = Reader()
        var offset: UInt64 = 0
        var line: [UInt8] = []
        var start: UInt64 = 0
        while true {
            let piece = try FileSystem.read(file.descriptor, path, offset: offset, count: 1 << 20)
            if piece.isEmpty { break }
            var from = piece.startIndex
            while let end = piece[from...].firstIndex(of: 0x0a) {
                line += piece[from..<end]
                try reader.take(line, Span(offset: start, length: line.count))
                from = end + 1
                start += UInt64(line.count) + 1
                line.removeAll(keepingCapacity: true)
            }
            line += piece[from...]
            try reader.bound(line, from: line.count - (piece.endIndex - from))
            offset += UInt64(piece.count)
        }
        guard line.isEmpty else { throw RoundError.rejected("line \(reader.number + 1) has no end: the file was cut") }
        guard let end = reader.missing else { throw RoundError.rejected("there is no last line: the file was cut") }
        network = reader.network
        genesisBytes = reader.genesis
        order = reader.order
        lines = reader.lines
        contents = reader.contents
        places = reader.places
        missing = end
    }

    /// The state while the lines go by.
    private struct Reader {
        var number = 0
        var network: [UInt8] = []
        var genesis: [UInt8] = []
        var order: [ChainID] = []
        var lines: [ChainID: [Span]] = [:]
        var contents: [(id: ContentID, kind: UInt8, line: Span)] = []
        var places: [ContentID: Int] = [:]
        var blocks: UInt64 = 0
        /// Of the last line.
        var missing: UInt64?

        /// What a line without its end may be: nobody's file is read into memory further than a line of this format goes.
        /// - Parameter start: of the bytes that are new.
        func bound(_ line: [UInt8], from start: Int) throws(RoundError) {
            guard line[start...].allSatisfy({ (0x20...0x7e).contains($0) || $0 == 0x09 }) else {
                throw .rejected("line \(number + 1): other characters than ASCII")
            }
            guard line.count > ExportLine.longest else { return }
            let head = String(decoding: line.prefix(ExportLine.names), as: UTF8.self)
            let isContent = head.contains("\"content\"") || head.contains("\"bytes\"")
            guard isContent, line.count <= ExportLine.longestContent else {
                throw .rejected("line \(number + 1) is longer than \(line.count) bytes: no line of this format is")
            }
        }

        mutating func take(_ bytes: [UInt8], _ span: Span) throws(RoundError) {
            number += 1
            do throws(RoundError) { try take(try ExportLine(bytes), span) } catch {
                throw .rejected("line \(number): \(error)")
            }
        }

        private mutating func take(_ line: ExportLine, _ span: Span) throws(RoundError) {
            guard missing == nil else { throw .rejected("it stands behind the last line") }
            if number == 1 {
                guard case .head(_, let network, let genesis) = line else {
                    throw .rejected("the first line names format, network and genesis")
                }
                (self.network, self.genesis) = (network, genesis)
                return
            }
            switch line {
            case .head: throw .rejected("a second head")
            case .block(let chain, let height, _, _, _):
                guard contents.isEmpty else { throw .rejected("a block behind contents") }
                if order.last != chain {
                    guard lines[chain] == nil else { throw .rejected("the blocks of a chain stand together") }
                    order.append(chain)
                }
                guard height == UInt64(lines[chain]?.count ?? 0) + 1 else {
                    throw .rejected(
                        "chain \(chain.short), height \(height): the next height is \((lines[chain]?.count ?? 0) + 1)")
                }
                lines[chain, default: []].append(span)
                blocks += 1
            case .content(let id, let kind, _):
                guard places[id] == nil else { throw .rejected("content \(id.short) stands twice") }
                places[id] = contents.count
                contents.append((id, kind, span))
            case .end(let blocks, let contents, let missing):
                guard blocks == self.blocks, contents == UInt64(self.contents.count) else {
                    throw .rejected(
                        "\(self.blocks) blocks and \(self.contents.count) contents are here, \(blocks) and \(contents) "
                            + "were written")
                }
                self.missing = missing
            }
        }
    }

    // MARK: Reading

    func genesis() throws(StorageError) -> [UInt8]? { genesisBytes }
    func chainIDs() throws(StorageError) -> [ChainID] { order }
    func highest(_ chain: ChainID) throws(StorageError) -> UInt64? { lines[chain].map { UInt64($0.count) } }

    func blocks(chain: ChainID, from: UInt64, limit: Int) throws(StorageError) -> [StoredBlock] {
        guard let lines = lines[chain], from > 0, from <= UInt64(lines.count), limit > 0 else { return [] }
        var found: [StoredBlock] = []
        for span in lines[(Int(from) - 1)...].prefix(limit) {
            guard case .block(_, let height, let header, let body, let certificate) = try line(span) else {
                throw changed
            }
            found.append(
                StoredBlock(
                    chain: chain, height: height, id: (try? BlockHeader(wireBytes: header))?.id ?? .zero,
                    header: header, body: .inline(body), certificate: certificate, timeStored: 0))
        }
        return found
    }

    func content(_ id: ContentID) throws(StorageError) -> [UInt8]? {
        guard let place = places[id] else { return nil }
        guard case .content(_, let kind, let bytes) = try line(contents[place].line) else { throw changed }
        guard ContentManifest(of: bytes, kind: .init(rawValue: kind)).contentID == id else {
            throw .damaged(
                path: name, reason: "content \(id.short) has other bytes or another kind than its name says",
                next: "get the file again")
        }
        return bytes
    }

    private func line(_ span: Span) throws(StorageError) -> ExportLine {
        let bytes = try FileSystem.read(file.descriptor, name, offset: span.offset, count: span.length)
        do { return try ExportLine(bytes) } catch { throw changed }
    }

    private var changed: StorageError {
        .damaged(path: name, reason: "it changed while it was read", next: "check it again once nobody writes it")
    }

    // MARK: Form

    func checkForm(tasks: [TaskGenesis]) throws {
        let genesis = try Genesis.read(genesisBytes)
        guard network == genesis.networkID.bytes else {
            throw RoundError.rejected("the network id is not the hash of the genesis")
        }
        let wanted = [genesis.networkID.registryChain] + tasks.map(\.task)
        guard order == wanted.filter({ lines[$0] != nil }) else {
            throw RoundError.rejected("chains are not in order: the registry, then tasks as they were published")
        }
        var named = NamedContents()
        try ChainReplay.forEach(self, wanted[0]) { try named.take($0) }
        for task in tasks {
            named.open(task.spec)
            try ChainReplay.forEach(self, task.task) { try named.take($0) }
        }
        var next = named.list[...]
        for content in contents {
            guard let place = next.firstIndex(where: { $0.reference.id == content.id }) else {
                throw RoundError.rejected("content \(content.id.short) is named by no block, or not in this order")
            }
            guard content.kind == next[place].role.rawValue else {
                throw RoundError.rejected("content \(content.id.short) has another kind than its block says")
            }
            next = next[(place + 1)...]
            _ = try self.content(content.id)
        }
        let lacking = UInt64(named.list.count - contents.count)
        guard missing == lacking || (contents.isEmpty && missing == 0) else {
            throw RoundError.rejected("\(lacking) contents are missing, \(missing) were written")
        }
    }
}
