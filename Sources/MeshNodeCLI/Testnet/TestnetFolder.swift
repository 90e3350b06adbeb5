internal import Foundation
internal import Glibc
internal import Learn
internal import MeshNode

/// The `--out` folder of a testnet: what a run may remove there, and which nodes of an earlier run still use it.
///
/// A run writes a marker with the numbers of its processes before anything else. A later run removes what is there only
/// where it finds the marker; anything else belongs to somebody.
struct TestnetFolder {
    let path: String

    /// What a run makes in its folder.
    static let contents = [
        "nodes", "genesis", "task.toml", "ticket", ReportFiles.model, ReportFiles.summary, ReportFiles.report,
        ReportFiles.roundMetrics, ReportFiles.curvesTable, ReportFiles.curvesPicture,
    ]
    /// What a run makes in `nodes`: homes, logs and rows held out. Whatever else lies there is somebody's, and stays.
    private static func isMade(_ name: String) -> Bool {
        name.wholeMatch(of: /node[0-9]+(\.log)?|nodes\.log|holdout\.(csv|npz)/) != nil
    }

    /// Paths of an earlier run that are removed for the next one.
    private func made(_ name: String) -> [String] {
        guard name == "nodes" else { return ["\(path)/\(name)"] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path + "/nodes")) ?? []
        return names.filter(Self.isMade).sorted().map { "\(path)/nodes/\($0)" }
    }

    private var marker: String { path + "/.testnet" }

    /// A folder for a run that nobody named one for. Those of earlier ones whose process has ended are removed, so that they do
    /// not pile up.
    static func temporary(of process: Int32) throws -> String {
        let (parent, prefix) = (NSTemporaryDirectory(), "meshnode-demo-")
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] where name.hasPrefix(prefix) {
            let folder = TestnetFolder(path: parent + name)
            guard let number = Int32(name.dropFirst(prefix.count)), number != process, Files.exists(folder.marker),
                !Files.exists("/proc/\(number)"), isOwn(folder.path)
            else { continue }
            try? FileManager.default.removeItem(atPath: folder.path)
        }
        return parent + prefix + "\(process)"
    }

    /// Others may have put a folder of that name into a temporary directory that everybody writes to.
    private static func isOwn(_ path: String) -> Bool {
        var state = stat()
        return lstat(path, &state) == 0 && state.st_uid == geteuid() && state.st_mode & S_IFMT == S_IFDIR
    }

    /// Makes the folder ready for a run: removes what an earlier run made, or refuses.
    func prepare() throws {
        let found = Self.contents.filter { Files.exists("\(path)/\($0)") }
        if Files.exists(marker) {
            let alive = runningNodes
            guard alive.isEmpty else {
                throw CommandFailure(
                    ExitStatus.configuration,
                    "nodes of an earlier run in \(path) still run; end them with: kill "
                        + alive.map { "\($0)" }.joined(separator: " "))
            }
            for old in found.flatMap(made) {
                do {
                    try FileManager.default.removeItem(atPath: old)
                } catch {
                    throw CommandFailure(
                        ExitStatus.failed,
                        "\(old) of an earlier run cannot be removed: \(error.localizedDescription)")
                }
            }
        } else if !found.isEmpty {
            throw CommandFailure(
                ExitStatus.configuration,
                "\(path) holds \(found.joined(separator: ", ")), which no testnet of this release made: nothing was "
                    + "touched; give another --out, or move these away")
        }
        try Files.makeDirectory(path)
        try Files.write(Array("made by: `meshnode testnet`\n".utf8), to: marker)
    }

    /// Processes whose home lies in this folder.
    var runningNodes: [Int32] {
        let numbers = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { Int32($0) }
        let own = getpid()
        return numbers.filter { number in
            guard number != own, let line = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") else {
                return false
            }
            let arguments = line.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            return arguments.dropFirst().first == "run" && arguments.contains { $0.hasPrefix(path + "/nodes/") }
        }.sorted()
    }
}
