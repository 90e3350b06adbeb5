internal import Chain
internal import Learn
internal import MeshCrypto
internal import Wire

/// What a task's specification means for training, encrypting and checking: derived once, the same at every node.
struct RoundPolicy: Sendable {
    let spec: TaskSpec
    let model: Learn.Model
    let quantiser: Quantiser
    let packing: Packing
    let profile: HolderProfile
    let encoding: ElementEncoding
    let step: ServerStep

    init(_ spec: TaskSpec) throws(RoundError) {
        self.spec = spec
        do {
            model = try spec.learnModel()
            quantiser = try Quantiser(
                bits: Int(spec.update.bits), range: Float(Double(spec.update.rangePpm) / 1_000_000))
            packing = try Packing(
                digits: Int(spec.update.packing), bound: spec.update.bound,
                maximumSubmitters: Int(spec.participants.maximum))
            profile = try HolderProfile(holders: Int(spec.holders.count), threshold: Int(spec.holders.threshold))
            step = try ServerStep(
                rule: .fedAvg(rate: Float(Double(spec.training.serverRatePpm) / 1_000_000)))
        } catch {
            throw .failed("the task cannot be carried out here: \(error)")
        }
        encoding = spec.update.encoding == .ristretto ? .ristretto : .affine
    }

    var parameterCount: Int { model.parameterCount }
    var elementCount: Int { packing.elementCount(coordinates: parameterCount) }
    var clipNorm: Float { Float(Double(spec.update.clipNormPpm) / 1_000_000) }

    /// Rows and cap that weigh one member's update; 1 and 1 under equal weights.
    func weight(rows: UInt32) -> (rows: Int, cap: Int) {
        let weight = spec.weight(rows: rows)
        return (Int(weight.numerator), Int(weight.denominator))
    }

    /// The scale of a sum over members with these enrolled rows.
    func scale(rows: [UInt32]) throws(RoundError) -> ServerStep.Scale {
        do {
            return try ServerStep.Scale(
                step: quantiser.step, rows: rows.reduce(0) { $0 + weight(rows: $1).rows }, rowCap: weight(rows: 1).cap)
        } catch { throw .failed("\(error)") }
    }

    // MARK: e as content

    /// 4 or 8 bytes an element, little-endian, by the range that a sum can reach.
    var aggregateWidth: Int { packing.range < 1 << 31 ? 4 : 8 }

    func encode(aggregate values: [Int64]) -> [UInt8] {
        var encoder = WireEncoder(reservingCapacity: values.count * aggregateWidth)
        for value in values {
            if aggregateWidth == 4 { encoder.i32(Int32(truncatingIfNeeded: value)) } else { encoder.i64(value) }
        }
        return encoder.bytes
    }

    func decode(aggregate bytes: [UInt8]) throws(RoundError) -> [Int64] {
        guard bytes.count == elementCount * aggregateWidth else {
            throw .rejected("e has \(bytes.count) bytes, \(elementCount * aggregateWidth) expected")
        }
        var decoder = WireDecoder(bytes)
        var values: [Int64] = []
        values.reserveCapacity(elementCount)
        do {
            for _ in 0..<elementCount {
                values.append(aggregateWidth == 4 ? Int64(try decoder.i32("e")) : try decoder.i64("e"))
            }
        } catch { throw .rejected("e: \(error)") }
        return values
    }

    // MARK: Models

    func parameters(of bytes: [UInt8]) throws(RoundError) -> [Float] {
        do {
            return try Safetensors.parameters(from: bytes, manifest: model.manifest)
        } catch { throw .rejected("\(error)") }
    }

    /// W_new = ServerStep(W, e) as the file that every node computes byte for byte.
    func nextModel(base: [UInt8], aggregate: [Int64], rows: [UInt32]) throws(RoundError) -> [UInt8] {
        let weights = try parameters(of: base)
        do {
            let digits = try packing.unpack(aggregate, count: parameterCount, submitters: rows.count)
            let next = try step.apply(
                weights: weights, state: ServerState(), sum: digits, scale: try scale(rows: rows))
            return try Safetensors.encode(parameters: next.weights, manifest: model.manifest)
        } catch let error as RoundError {
            throw error
        } catch { throw .rejected("\(error)") }
    }
}
