/// Cuts a stream of server-sent events into the data of each event.
struct EventStreamParser {
    /// Bytes of one event.
    static let longest = 16 << 20

    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private(set) var isOverfull = false

    /// - Returns: the data of every event that these bytes complete.
    mutating func feed(_ bytes: [UInt8]) -> [[UInt8]] {
        var complete: [[UInt8]] = []
        for byte in bytes {
            guard byte == 0x0a else {
                if line.count < Self.longest { line.append(byte) } else { isOverfull = true }
                continue
            }
            if line.last == 0x0d { line.removeLast() }
            if line.isEmpty {
                if !data.isEmpty { complete.append(data) }
                data = []
            } else if line.starts(with: Array("data:".utf8)) {
                let value = line.dropFirst(5)
                if !data.isEmpty { data.append(0x0a) }
                data += value.first == 0x20 ? value.dropFirst() : value
                if data.count > Self.longest { isOverfull = true }
            }
            line.removeAll(keepingCapacity: true)
        }
        return complete
    }
}
