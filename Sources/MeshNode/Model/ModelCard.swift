internal import Foundation
public import Learn
public import Wire

/// What a model file says of itself, as texts in its safetensors metadata: everything that somebody needs who has the file
/// and nothing else.
///
/// The tensors stay byte for byte what the chain decided; only the header holds these lines, so a content id is that of
/// the tensors alone (`content`).
public struct ModelCard: Sendable, Equatable {
    public var spec: TaskSpec
    /// 64 hexadecimal digits; empty where the file does not say.
    public var task: String
    public var network: String
    /// 0: the initial weights.
    public var round: UInt32
    /// Content id of the model as the chain has it.
    public var content: String
    /// Weighted medians of the voters' own held-out rows.
    public var accuracy: Double?
    public var loss: Double?
    /// Title of the label column at the node that wrote the file.
    public var labelColumn: String
    /// No round has decided it yet.
    public var isCandidate: Bool

    public init(
        spec: TaskSpec, task: String, network: String, round: UInt32, content: String, accuracy: Double? = nil,
        loss: Double? = nil, labelColumn: String = "label", isCandidate: Bool = false
    ) {
        self.spec = spec
        self.task = task
        self.network = network
        self.round = round
        self.content = content
        self.accuracy = accuracy
        self.loss = loss
        self.labelColumn = labelColumn
        self.isCandidate = isCandidate
    }

    /// The form of these lines.
    public static let version = "meshnode/model/1"

    /// Sorted by key. Lists and numbers are JSON, everything else is a plain text.
    public var metadata: [(key: String, value: String)] {
        let data = spec.data
        var lines: [(key: String, value: String)] = [
            ("form", Self.version), ("task", task), ("task_name", spec.name), ("network", network),
            ("round", "\(round)"), ("rounds", "\(spec.rounds)"), ("content", content),
            ("architecture", spec.model.architecture.word), ("hidden", Self.json(spec.model.hidden.map { Double($0) })),
            ("shape", Self.json(data.shape.map { Double($0) })), ("labels", Self.json(data.labels)),
            ("columns", Self.json(data.columns)), ("columns_in_order", data.columnsInOrder ? "true" : "false"),
            ("label_column", labelColumn), ("scale", Ppm.text(data.scalePpm)),
            ("resize", data.resizes ? "true" : "false"),
            (
                "mean",
                "[" + data.meanPpm.map { ($0 < 0 ? "-" : "") + Ppm.text($0.magnitude) }.joined(separator: ",") + "]"
            ),
            ("deviation", "[" + data.deviationPpm.map(Ppm.text).joined(separator: ",") + "]"),
            ("local_epochs", "\(spec.training.localEpochs)"), ("batch_size", "\(spec.training.batchSize)"),
            ("learning_rate", Ppm.text(UInt64(spec.training.learningRatePpm))),
            ("decided", isCandidate ? "false" : "true"), ("specification", TaskFile.text(spec)),
        ]
        if let accuracy { lines.append(("accuracy", "\(accuracy)")) }
        if let loss { lines.append(("loss", "\(loss)")) }
        return lines.sorted { $0.key < $1.key }
    }

    /// - Throws: `LearnError.badTensors` for a file that says nothing, `TaskError` for one that says nonsense.
    public init(_ file: Safetensors, name: String) throws {
        var known: [String: String] = [:]
        for (key, value) in file.metadata { known[key] = value }
        guard known["form"] == Self.version, let text = known["specification"] else {
            throw LearnError.invalid(
                field: name, reason: "says nothing about itself: no metadata of \(Self.version)",
                next: "write it with: `meshnode model export TASK --out FILE`")
        }
        self.init(
            spec: try TaskFile.specification(text, file: name), task: known["task"] ?? "",
            network: known["network"] ?? "", round: known["round"].flatMap { UInt32($0) } ?? 0,
            content: known["content"] ?? "", accuracy: known["accuracy"].flatMap { Double($0) },
            loss: known["loss"].flatMap { Double($0) }, labelColumn: known["label_column"] ?? "label",
            isCandidate: known["decided"] == "false")
    }

    /// The same tensors with these lines in the header.
    public func written(into model: [UInt8]) throws(LearnError) -> [UInt8] {
        let file = try Safetensors(bytes: model, file: "model")
        var tensors: [(name: String, shape: [Int], values: [Float])] = []
        for tensor in file.tensors { tensors.append((tensor.name, tensor.shape, try file.floats(tensor))) }
        return try Safetensors.encode(tensors, metadata: metadata)
    }

    private static func json(_ texts: [String]) -> String {
        String(decoding: (try? JSONEncoder().encode(texts)) ?? Data(), as: UTF8.self)
    }

    private static func json(_ numbers: [Double]) -> String {
        "[" + numbers.map { Ppm.text(UInt64($0) * Ppm.one) }.joined(separator: ",") + "]"
    }
}
