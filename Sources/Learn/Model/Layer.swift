/// One step of a network, with the places of its tensors in the flat parameter vector.
enum Layer: Sendable, Equatable {
    /// y = x W^T + b with W outputs x inputs.
    case dense(inputs: Int, outputs: Int, weight: Int, bias: Int)
    case rectify(width: Int)
    case convolution(ConvolutionGeometry, weight: Int, bias: Int)
    /// 2 x 2, stride 2; an odd last row or column is dropped.
    case pool(channels: Int, height: Int, width: Int)

    /// Values that leave the layer for one sample.
    var outputWidth: Int {
        switch self {
        case .dense(_, let outputs, _, _): outputs
        case .rectify(let width): width
        case .convolution(let geometry, _, _): geometry.outputWidth
        case .pool(let channels, let height, let width): channels * (height / 2) * (width / 2)
        }
    }

    /// Where the weights (not biases) lie and how many inputs each output sums.
    var weights: (range: Range<Int>, fanIn: Int)? {
        switch self {
        case .dense(let inputs, let outputs, let weight, _): (weight..<weight + inputs * outputs, inputs)
        case .convolution(let geometry, let weight, _):
            (weight..<weight + geometry.outputChannels * geometry.patch, geometry.patch)
        case .rectify, .pool: nil
        }
    }
}

/// A 3 x 3 convolution with padding 1 and stride 1: the picture keeps its size.
struct ConvolutionGeometry: Sendable, Equatable {
    let inputChannels: Int
    let outputChannels: Int
    let height: Int
    let width: Int

    /// Values under one window.
    var patch: Int { inputChannels * 9 }
    var pixels: Int { height * width }
    var inputWidth: Int { inputChannels * pixels }
    var outputWidth: Int { outputChannels * pixels }
}

/// Collects layers in order and names their tensors "layers.N.weight" and "layers.N.bias", N counted over the
/// layers that have tensors and padded to two digits, so that sorted order is layer order.
struct LayerStack {
    private enum Draft {
        case dense(inputs: Int, outputs: Int, name: String)
        case rectify(Int)
        case convolution(ConvolutionGeometry, name: String)
        case pool(channels: Int, height: Int, width: Int)
    }

    private var drafts: [Draft] = []
    private(set) var tensors: [(name: String, shape: [Int])] = []
    private var width: Int
    private var picture: (channels: Int, height: Int, width: Int) = (0, 0, 0)

    init(inputs: Int) { width = inputs }

    private var nextName: String {
        let number = tensors.count / 2
        return number < 10 ? "layers.0\(number)" : "layers.\(number)"
    }

    mutating func dense(_ outputs: Int) throws(LearnError) {
        let name = nextName
        try checkSize(outputs.multipliedReportingOverflow(by: width))
        tensors.append((name + ".weight", [outputs, width]))
        tensors.append((name + ".bias", [outputs]))
        drafts.append(.dense(inputs: width, outputs: outputs, name: name))
        width = outputs
    }

    mutating func rectify() { drafts.append(.rectify(width)) }

    mutating func image(_ shape: [Int]) throws(LearnError) {
        switch shape.count {
        case 2: picture = (1, shape[0], shape[1])
        case 3: picture = (shape[0], shape[1], shape[2])
        default:
            throw .invalid(
                field: "model", reason: "a cnn cannot read samples of shape \(shape)",
                next: "give height x width or channels x height x width")
        }
    }

    mutating func convolution(_ channels: Int) throws(LearnError) {
        let geometry = ConvolutionGeometry(
            inputChannels: picture.channels, outputChannels: channels, height: picture.height, width: picture.width)
        try checkSize(channels.multipliedReportingOverflow(by: picture.height * picture.width))
        try checkSize(geometry.patch.multipliedReportingOverflow(by: picture.height * picture.width))
        let name = nextName
        tensors.append((name + ".weight", [channels, picture.channels, 3, 3]))
        tensors.append((name + ".bias", [channels]))
        drafts.append(.convolution(geometry, name: name))
        picture.channels = channels
        width = geometry.outputWidth
    }

    mutating func pool() throws(LearnError) {
        guard picture.height >= 2, picture.width >= 2 else {
            throw .invalid(
                field: "model", reason: "the picture is \(picture.height) x \(picture.width) before the last pooling",
                next: "use fewer blocks")
        }
        drafts.append(.pool(channels: picture.channels, height: picture.height, width: picture.width))
        picture = (picture.channels, picture.height / 2, picture.width / 2)
        width = picture.channels * picture.height * picture.width
    }

    func layers(in manifest: ParameterManifest) throws(LearnError) -> [Layer] {
        var result: [Layer] = []
        for draft in drafts {
            switch draft {
            case .dense(let inputs, let outputs, let name):
                result.append(
                    .dense(
                        inputs: inputs, outputs: outputs, weight: try offset(name + ".weight", manifest),
                        bias: try offset(name + ".bias", manifest)))
            case .rectify(let width): result.append(.rectify(width: width))
            case .convolution(let geometry, let name):
                result.append(
                    .convolution(
                        geometry, weight: try offset(name + ".weight", manifest),
                        bias: try offset(name + ".bias", manifest)))
            case .pool(let channels, let height, let width):
                result.append(.pool(channels: channels, height: height, width: width))
            }
        }
        return result
    }

    private func offset(_ name: String, _ manifest: ParameterManifest) throws(LearnError) -> Int {
        guard let entry = manifest.entry(named: name) else {
            throw .invalid(field: "manifest", reason: "lacks \(name)", next: "build the manifest from the architecture")
        }
        return entry.offset
    }

    private func checkSize(_ product: (partialValue: Int, overflow: Bool)) throws(LearnError) {
        guard !product.overflow, product.partialValue <= 1 << 30 else {
            throw .invalid(field: "model", reason: "a layer exceeds 2^30 values", next: "use narrower layers")
        }
    }
}
