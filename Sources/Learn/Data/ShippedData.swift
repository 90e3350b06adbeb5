public import Foundation

/// The two real data sets that come with the project, with their fixed splits and scaling.
///
/// Attribution and licence: `data/README.md`.
public enum ShippedData: String, Sendable, CaseIterable {
    /// UCI optical digits, 1797 x 64, ten classes.
    case digits
    /// UCI breast cancer Wisconsin (diagnostic), 569 x 30, two classes.
    case wdbc

    public var fileName: String { "\(rawValue).csv.gz" }
    public var labelColumn: String { self == .digits ? "label" : "diagnosis" }

    private var expectedRows: Int { self == .digits ? 1797 : 569 }
    private var expectedFeatures: Int { self == .digits ? 64 : 30 }
    private var checksum: UInt32 { self == .digits ? 0x9658_dfcc : 0xd5a4_9427 }

    /// - Throws: `LearnError.invalid` listing the known names.
    public init(parsing text: String) throws(LearnError) {
        guard let known = Self(rawValue: text) else {
            throw .invalid(
                field: "data", reason: "\"\(text.prefix(40))\" is not a shipped data set",
                next: "use \(Self.allCases.map(\.rawValue).joined(separator: " or ")), or give a file")
        }
        self = known
    }

    /// Folders in which the files are looked for, in order: MESHNODE_DATA, then `data` and `share/meshnode/data`
    /// beside and above the executable, then `data` in the current folder.
    public static func searchFolders(
        environment: [String: String] = ProcessInfo.processInfo.environment,
        executable: String? = Bundle.main.executablePath
    ) -> [String] {
        var folders: [String] = []
        if let named = environment["MESHNODE_DATA"], !named.isEmpty { folders.append(named) }
        if let executable {
            var place = FilePath.folder(of: FilePath.real(executable) ?? executable)
            for _ in 0..<6 {
                let start = place == "/" ? "" : place
                folders += [start + "/data", start + "/share/meshnode/data"]
                if place == "/" { break }
                place = FilePath.folder(of: place)
            }
        }
        folders.append(FileManager.default.currentDirectoryPath + "/data")
        return folders
    }

    /// The raw rows as in the file (digits 0..16, wdbc unscaled).
    /// - Parameter folder: nil searches `searchFolders()`.
    /// - Throws: `.unreadable` naming every place looked at; `.badData` when a file of that name is another file.
    public func load(folder: String? = nil) throws(LearnError) -> Dataset {
        let folders = folder.map { [$0] } ?? Self.searchFolders()
        guard let path = folders.map({ "\($0)/\(fileName)" }).first(where: FileManager.default.fileExists(atPath:))
        else {
            throw .unreadable(
                path: fileName,
                reason: "not found in \(folders.joined(separator: ", ")); set MESHNODE_DATA to the folder that holds it"
            )
        }
        let compressed = try FileBytes.read(path, limit: 1 << 24)
        let text = try Inflate.gunzipIfNeeded(compressed, limit: 1 << 24, file: path)
        guard Inflate.checksum(text) == checksum else {
            throw .badData(
                DataFault(
                    file: path, expected: "the shipped file, CRC-32 \(String(checksum, radix: 16))",
                    found: "CRC-32 \(String(Inflate.checksum(text), radix: 16))"))
        }
        let data = try TableReader(labelColumn: labelColumn).read(bytes: text, file: path, name: rawValue)
        guard data.count == expectedRows, data.featureCount == expectedFeatures else {
            throw .badData(
                DataFault(
                    file: path, expected: "\(expectedRows) x \(expectedFeatures)",
                    found: "\(data.count) x \(data.featureCount)"))
        }
        return self == .digits ? try data.reshaped([1, 8, 8]) : data
    }

    /// The fixed split (scikit-learn's permutation, 20 % held out, seed 0), scaled as all our figures are:
    /// digits divided by 16; wdbc to mean 0 and deviation 1 by the training rows.
    public func split(folder: String? = nil) throws(LearnError) -> TrainTestSplit {
        let raw = try load(folder: folder)
        if self == .digits { return try TrainTestSplit(raw.scaled(by: 1 / 16)) }
        let cut = try TrainTestSplit(raw)
        let scale = try Standardisation(fitting: cut.train)
        return TrainTestSplit(train: try scale.apply(to: cut.train), test: try scale.apply(to: cut.test))
    }
}
