internal import Glibc
internal import Wire

/// Where everything of one node lives.
///
/// ```
/// HOME/                 0700
///   keys/identity.key   0600  Ed25519 seed and VRF secret
///   config.toml
///   chain.sqlite              blocks, metrics, events: can be fetched again from peers
///   durable.sqlite            what was signed: can NOT be fetched again
///   content/                  content-addressed files
///   secrets/                  key vectors and other large secrets
///   tables/                   large tables of logarithms: built again if removed
///   logs/
///   api.sock  lock
/// ```
public struct HomeDirectory: Sendable, Equatable {
    /// Bytes of contents that a home keeps where nobody says otherwise (`storage.quota`).
    public static let usualQuota: UInt64 = 10 << 30

    public let path: String

    /// Names a home without touching the disk.
    public init(path: String) {
        var path = path
        while path.count > 1 && path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    public var keys: String { path + "/keys" }
    public var identityKey: String { keys + "/identity.key" }
    public var configuration: String { path + "/config.toml" }
    public var chainDatabase: String { path + "/chain.sqlite" }
    public var durableDatabase: String { path + "/durable.sqlite" }
    public var content: String { path + "/content" }
    public var secrets: String { path + "/secrets" }
    public var tables: String { path + "/tables" }
    public var logs: String { path + "/logs" }
    public var apiSocket: String { path + "/api.sock" }
    /// What is said of a home whose configuration is gone.
    public var lostConfiguration: String {
        "\(configuration) does not exist, so every setting that is not given otherwise has its default; restore it, or set what "
            + "differs; see: `meshnode config show --origin --home \(path.shellWord)`"
    }
    /// What to do about a chain that does not hold: said in one place, since the home around it, its key and what it signed
    /// cannot be had again.
    public static func fetchAgain(_ home: String? = nil) -> String {
        "blocks can be fetched again: move chain.sqlite away, never durable.sqlite, a key or the home, then "
            + "`meshnode init --home \((home ?? "HOME").shellWord) --genesis FILE`"
    }
    /// Whether this is a home to look at, as `chain import` makes it: a chain, and nothing that a node is given or makes.
    public var holdsChainAlone: Bool {
        func isThere(_ path: String) -> Bool { (try? FileSystem.exists(path)) ?? true }
        return isThere(chainDatabase) && ![durableDatabase, identityKey, configuration].contains(where: isThere)
    }
    /// What is said of such a home where a node is asked for.
    public var chainAlone: String {
        "\(path) holds a chain alone, as chain import makes it, and no key: no node runs in it. chain, verify, scores, "
            + "contributors, ledger, task list, task show, task report, round list and model export read it; make a home for a "
            + "node elsewhere: `meshnode init --home NEW`"
    }
    /// Bytes of a socket's path, as the system has it.
    public static let longestSocket = 107
    public var hasIdentity: Bool { (try? FileSystem.exists(identityKey)) ?? false }
    public var lockFile: String { path + "/lock" }
    /// There while the owner has not said that the key of this home lives in one place only.
    public var alarmFile: String { path + "/alarm" }

    /// Why this home's node signs nothing any more, until its owner takes that back; nil where nothing is wrong. What cannot
    /// be read is an alarm too.
    public func alarm() throws(StorageError) -> String? {
        guard try FileSystem.exists(alarmFile) else { return nil }
        return String(decoding: try FileSystem.read(alarmFile, limit: 4_096), as: UTF8.self)
            .split(separator: "\n").first.map(String.init) ?? "ALARM: the reason was not written"
    }

    /// On disk when it returns, so that no restart forgets it.
    func keepAlarm(_ text: String) throws(StorageError) {
        guard try !FileSystem.exists(alarmFile) else { return }
        try FileSystem.writeAtomically(alarmFile, [Array("\(text)\n".utf8)])
    }

    /// The owner's word that the key lives here alone. What it signed elsewhere until now is forgiven.
    /// - Returns: the alarm that is over; nil where there was none.
    public func clearAlarm(wallMs: UInt64) throws(StorageError) -> String? {
        let lock = try HomeLock(self)
        defer { lock.release() }
        guard let text = try alarm() else { return nil }
        try FileSystem.writeAtomically(forgivenFile, [Array("\(wallMs)\n".utf8)])
        try FileSystem.remove(alarmFile)
        return text
    }

    private var forgivenFile: String { path + "/alarm-cleared" }

    /// When the owner last gave that word, in milliseconds since 1970; 0 where never.
    func alarmClearedMs() throws(StorageError) -> UInt64 {
        guard try FileSystem.exists(forgivenFile) else { return 0 }
        let text = String(decoding: try FileSystem.read(forgivenFile, limit: 64), as: UTF8.self)
        return UInt64(text.filter { !$0.isWhitespace }) ?? 0
    }

    /// Creates the directories that are missing, each 0700. Parents of the home are created too.
    public static func create(at path: String) throws(StorageError) -> HomeDirectory {
        let home = HomeDirectory(path: path)
        try makeParents(of: home.path)
        try FileSystem.makeDirectory(home.path)
        // Before anything is made in a directory that is refused.
        try home.checkPermissions()
        for directory in [home.keys, home.content, home.secrets, home.logs] {
            try FileSystem.makeDirectory(directory)
        }
        try home.checkPermissions()
        return home
    }

    /// Opens a home made by ``create(at:)``.
    public static func open(at path: String) throws(StorageError) -> HomeDirectory {
        let home = HomeDirectory(path: path)
        guard let status = try FileSystem.status(home.path) else {
            throw .missing(path: home.path, next: "create it with `meshnode init --home \(home.path.shellWord)`")
        }
        guard status.isDirectory else {
            throw .wrongFile(path: home.path, expected: "node home", found: "not a directory")
        }
        try home.checkPermissions()
        for directory in [home.keys, home.content, home.secrets, home.logs] {
            try FileSystem.makeDirectory(directory)
        }
        return home
    }

    /// Refuses a home that others may write to: whoever can rename files can replace the record of what was signed.
    func checkPermissions() throws(StorageError) {
        for directory in [path, keys, secrets] {
            // Of what it is, where it is a link: the link's own mode says nothing.
            guard let status = try FileSystem.target(directory), status.isDirectory else { continue }
            guard status.mode & 0o022 == 0 else {
                // A directory that is no home yet may be everybody's, as /tmp is: nobody is told to close it.
                let isHome = hasIdentity && status.mode & 0o1000 == 0
                throw .permissions(
                    path: directory, mode: status.permissions,
                    next: isHome
                        ? "run `chmod 700 \(directory.shellWord)`"
                        : "a home is a directory of its own: `meshnode init --home \((path + "/meshnode").shellWord)`")
            }
        }
    }

    private static func makeParents(of path: String) throws(StorageError) {
        let parent = FileSystem.parent(of: path)
        if parent == "/" || parent == "." { return }
        if try FileSystem.exists(parent) { return }
        try makeParents(of: parent)
        try FileSystem.makeDirectory(parent)
    }
}
