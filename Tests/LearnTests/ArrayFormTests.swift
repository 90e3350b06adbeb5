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

    /// Of two classes or columns that are called the same, whatever finds them by their names would find one.
    @Test func namesThatStandTwiceAreRefused() throws {
        func told(_ body: () throws -> Void) -> String { failure(body)?.description ?? "nothing" }
        func rows(_ classes: [String]?, _ columns: [String]) throws -> Dataset {
            try Dataset(
                name: "r", features: [1, 2, 3, 4, 5, 6], labels: [0, 1, 2], featureCount: 2, classCount: 3,
                classNames: classes, columnNames: columns)
        }
        let classes = told { _ = try rows(["a", "a", "b"], []) }
        #expect(classes.contains("field classes: expected each name once, found \"a\" twice"), "\(classes)")
        let columns = told { _ = try rows(nil, ["x", "x"]) }
        #expect(columns.contains("field columns: expected each name once, found \"x\" twice"), "\(columns)")
        let bare = try rows(nil, [])
        #expect(told { _ = try bare.named(columns: ["x", "x"], classes: nil, label: nil) }.contains("field columns"))
        #expect(
            told { _ = try bare.named(columns: nil, classes: ["a", "b", "a"], label: nil) }.contains("field classes"))
        let places = told { _ = try ColumnOrder.places(of: ["x"], in: ["x", "x"], inOrder: false, file: "r") }
        #expect(places.contains("field columns"), "\(places)")
        try temporaryFolder { path in
            let tensors: [(name: String, shape: [Int], values: [Float])] = [
                ("X", [3, 2], [1, 2, 3, 4, 5, 6]), ("y", [3], [0, 1, 2]),
            ]
            for (metadata, word) in [
                ((key: "classes", value: #"["a","a","b"]"#), "field classes"),
                ((key: "columns", value: #"["x","x"]"#), "field columns"),
            ] {
                let file = path + "/twice.safetensors"
                try FileBytes.write(try Safetensors.encode(tensors, metadata: [metadata]), to: file)
                #expect(told { _ = try DataSource().load(file) }.contains(word), "\(word)")
            }
            let archive = try ZipArchive.stored([
                ("X.npy", try NPYArray([Float](repeating: 0, count: 6), shape: [3, 2]).encoded),
                ("y.npy", try NPYArray([Int64(0), 1, 2], shape: [3]).encoded),
                ("classes.npy", NPYText.encoded(["a", "a", "b"])),
            ])
            #expect(told { _ = try NPZReader.read(bytes: archive, file: "z") }.contains("field classes"))
            let labels = try NPYArray([Int64(0), 1], shape: [2]).encoded
            let other = try NPYArray([Int64(1), 0], shape: [2]).encoded
            let twice = try ZipArchive.stored([
                ("X.npy", try NPYArray([Float(1), 2], shape: [2, 1]).encoded), ("y.npy", labels), ("y.npy", other),
            ])
            let told = told { _ = try NPZReader.read(bytes: twice, file: "z") }
            #expect(told.contains("each entry once, found \"y.npy\" twice"), "\(told)")
        }
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
        for (shape, isLast) in [
            ([28, 28, 1], true), ([28, 28, 3], true), ([3, 28, 28], false), ([16, 8, 4], true), ([64, 64, 2], true),
            ([64, 48, 5], true), ([64, 64, 12], true), ([2, 64, 64], false), ([5, 48, 64], false),
            ([12, 16, 16], false),
            ([7, 7, 512], true), ([512, 7, 7], false), ([28, 28, 28], false),
        ] {
            #expect(try PictureForm().isChannelsLast(shape, file: "x") == isLast, "\(shape)")
        }
        for shape in [[3, 4, 4], [4, 4, 3], [10, 12, 11], [64, 4, 4], [2, 7, 4]] {
            #expect(failure { _ = try PictureForm().isChannelsLast(shape, file: "x") } != nil, "\(shape)")
        }
        // A task says how many channels it wants, whatever number it is.
        #expect(try PictureForm(shape: [2, 64, 64]).isChannelsLast([64, 64, 2], file: "x"))
        #expect(try PictureForm(shape: [16, 24, 20]).isChannelsLast([24, 20, 16], file: "x"))
        #expect(try PictureForm(shape: [5, 8, 8], resizes: true).isChannelsLast([6, 6, 5], file: "x"))
        // MedMNIST's form needs no second sign for small pictures, but guesses as little.
        var archive = PictureForm()
        archive.prefersChannelsLast = true
        for shape in [[5, 7, 3], [4, 5, 3]] { #expect(try archive.isChannelsLast(shape, file: "x"), "\(shape)") }
        for shape in [[3, 4, 4], [4, 4, 4]] {
            #expect(failure { _ = try archive.isChannelsLast(shape, file: "x") } != nil, "\(shape)")
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
