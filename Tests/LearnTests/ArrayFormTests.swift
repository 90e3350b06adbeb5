import Foundation
import Testing

@testable import Learn

/// Forms that people bring, written by NumPy (Tests/Vectors/learn-arrays/make.py).
@Suite struct ArrayFormTests {
    private static let folder = Repository.vectors + "/learn-arrays"

    private func temporaryFolder(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("meshnode-form-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(path)
    }

    @Test func wideArchivesAndFrames() throws {
        // ZIP64 records, big-endian numbers, labels as a column.
        let wide = try NPZReader.read(path: Self.folder + "/wide.npz").train
        #expect(wide.features == (0..<24).map { Float($0) } && wide.labels == [0, 1, 2, 0, 1, 2])
        // What a pandas frame becomes: first axis fastest; labels are flags.
        let frame = try NPZReader.read(path: Self.folder + "/frame.npz").train
        #expect(frame.features == (0..<24).map { Float($0) } && frame.labels == [0, 1, 0, 1, 0, 1])
    }

    @Test func everyByteOfAWideArchiveIsChecked() throws {
        let good = try FileBytes.read(Self.folder + "/wide.npz", limit: 1 << 20)
        for length in 0..<good.count {
            #expect(throws: LearnError.self) { try NPZReader.read(bytes: Array(good[..<length]), file: "w") }
        }
        // Every single byte changed: refused or read, never a trap.
        for index in good.indices {
            var changed = good
            changed[index] ^= 0xff
            _ = try? NPZReader.read(bytes: changed, file: "w")
        }
    }

    @Test func namesBesideTheNumbers() throws {
        let rows = try NPZReader.read(path: Self.folder + "/named.npz").train
        #expect(rows.columnNames == ["a", "b", "Größe", "d"])
        #expect(rows.classNames == ["ill", "well", "5\" \\ pipe"] && rows.labels == [0, 1, 2, 0, 1, 2])
        // A file that names its classes is understood by their names.
        let source = DataSource(classNames: ["well", "5\" \\ pipe", "ill"], classCount: 3)
        #expect(try source.load(Self.folder + "/named.npz").train.labels == [2, 0, 1, 2, 0, 1])
        let other = DataSource(classNames: ["well", "ill"], classCount: 2)
        let error = failure { _ = try other.load(Self.folder + "/named.npz") }
        #expect(error?.description.contains("row 3, field label") == true, "\(String(describing: error))")
    }

    /// One-hot rows have as many classes as columns, the last of which may have no row here.
    @Test func oneHotLabelsCountTheirColumns() throws {
        let rows = try NPZReader.read(path: Self.folder + "/one-hot.npz").train
        #expect(rows.labels == [0, 1, 2, 0, 1, 2] && rows.classCount == 4)
        // scikit-learn's names; labels that are texts are refused with what to write.
        #expect(try NPZReader.read(path: Self.folder + "/sklearn.npz").test?.labels == [1, 0])
        let texts = failure { _ = try NPZReader.read(path: Self.folder + "/text-labels.npz") }
        #expect(texts?.description.contains("an array `classes`") == true, "\(String(describing: texts))")
        #expect(ArrayDataset.oneHotWidth([0, 1, 1, 0], [2, 2]) == 2)
        for (values, shape) in [
            ([0, 1, 1, 1], [2, 2]), ([0, 2, 1, 0], [2, 2]), ([0, 1, 0], [1, 3]), ([0, 1], [2]),
        ] {
            #expect(ArrayDataset.oneHotWidth(values.map { Int64($0) }, shape) == nil)
        }
    }

    /// Small pictures with their channels first look like pictures with them last; nobody guesses.
    @Test func layoutIsAskedForWhereItIsOpen() throws {
        let path = Self.folder + "/chw.npz"
        let error = failure { _ = try NPZReader.read(path: path) }
        #expect(error?.description.contains("3x4x4") == true && error?.description.contains("channels_first") == true)
        let pixels = (0..<60 * 48).map { Float($0 % 256) }
        let declared = try NPZReader.read(path: path, form: PictureForm(layout: .channelsFirst)).train
        #expect(declared.sampleShape == [3, 4, 4] && declared.features == pixels)
        // The task's shape tells as well.
        let fitting = try NPZReader.read(path: path, form: PictureForm(shape: [3, 4, 4])).train
        #expect(fitting.sampleShape == [3, 4, 4] && fitting.features == pixels)
        let last = try NPZReader.read(path: path, form: PictureForm(layout: .channelsLast)).train
        #expect(last.sampleShape == [4, 3, 4] && last.features != pixels)
        let cube = PictureForm(shape: [3, 3, 3])
        #expect(throws: LearnError.self) { try cube.isChannelsLast([3, 3, 3], file: "x") }
        for (shape, isLast) in [([28, 28, 1], true), ([28, 28, 3], true), ([3, 28, 28], false), ([16, 8, 4], true)] {
            #expect(try PictureForm().isChannelsLast(shape, file: "x") == isLast, "\(shape)")
        }
        // What is written can be read without a question.
        try temporaryFolder { folder in
            for name in ["p.npz", "p.safetensors"] {
                try DatasetWriter.write(declared, to: "\(folder)/\(name)")
                let back = try DataSource().load("\(folder)/\(name)").train
                #expect(back.sampleShape == [3, 4, 4] && back.features == pixels, "\(name)")
            }
        }
    }

    @Test(arguments: [
        ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte"),
        (
            "emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters-train-labels-idx1-ubyte.gz",
            "emnist-letters-test-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte.gz"
        ),
        ("images.idx3", "labels.idx1", nil, nil),
    ])
    func picturesByTheirFirstBytes(
        _ images: String, _ labels: String, _ testImages: String?, _ testLabels: String?
    ) throws {
        try temporaryFolder { folder in
            // The folder's name says nothing.
            let folder = folder + "/npz-images-idx3"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            for (source, names) in [("images-idx3", [images, testImages]), ("labels-idx1", [labels, testLabels])] {
                let bytes = try FileBytes.read("\(Self.folder)/train-\(source)-ubyte.gz", limit: 1 << 20)
                for case let name? in names { try FileBytes.write(bytes, to: "\(folder)/\(name)") }
            }
            let splits = try DataSource().load("\(folder)/\(images)")
            #expect(splits.train.count == 5 && splits.train.labels == [7, 2, 1, 0, 4])
            #expect((splits.test != nil) == (testImages != nil))
            let table = "\(folder)/w.csv"
            try FileBytes.write(Array("a,label\n1,0\n2,1\n".utf8), to: table)
            #expect(try DataSource().load(table).train.count == 2)
        }
    }

    @Test func zerosBehindGzip() throws {
        let good = try FileBytes.read("\(Self.folder)/train-images-idx3-ubyte.gz", limit: 1 << 20)
        let plain = try Inflate.gunzipIfNeeded(good, limit: 1 << 20, file: "g")
        let zeros = [UInt8](repeating: 0, count: 70_000)
        #expect(try Inflate.gunzipIfNeeded(good + zeros, limit: 1 << 20, file: "g") == plain)
        #expect(try Inflate.gunzipIfNeeded(good + zeros + good + [0], limit: 1 << 20, file: "g") == plain + plain)
        #expect(throws: LearnError.self) { try Inflate.gunzipIfNeeded(good + [0, 1], limit: 1 << 20, file: "g") }
    }

    @Test func flagsAndColumnsOfSafetensors() throws {
        // BOOL pictures and labels of shape (n, 1).
        let header =
            #"{"X":{"dtype":"BOOL","shape":[2,3],"data_offsets":[0,6]},"y":{"dtype":"I32","shape":[2,1],"data_offsets":[6,14]}}"#
        var bytes: [UInt8] = []
        bytes.appendLittleEndian(UInt64(header.utf8.count))
        bytes += Array(header.utf8) + [1, 0, 1, 0, 0, 1] + [1, 0, 0, 0, 0, 0, 0, 0]
        try temporaryFolder { folder in
            try FileBytes.write(bytes, to: folder + "/x.safetensors")
            let rows = try DataSource().load(folder + "/x.safetensors").train
            #expect(rows.features == [1, 0, 1, 0, 0, 1] && rows.labels == [1, 0])
        }
    }
}
