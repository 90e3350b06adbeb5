internal import Chain
internal import Learn
internal import MeshCrypto
internal import Wire

/// What a task's specification means for training, encrypting and checking: derived once, the same at every node.
struct RoundPolicy: Sendable {
    let spec: TaskSpec
    let recipe: RoundRecipe
    let packing: Packing
    let profile: HolderProfile
    let encoding: ElementEncoding
    /// The aggregator's memory and table.
    let plan: AggregationPlan

    /// Every specification without a fault has a policy: `TaskSpecValidator` holds the same limits. One that an older
    /// rule let pass is a task that this node follows without taking part (`Node.unsupported`).
    init(_ spec: TaskSpec) throws(RoundError) {
        self.spec = spec
        guard let sizes = spec.sizes else {
            throw .failed("the task cannot be carried out here: its sizes cannot be counted")
        }
        do {
            recipe = try spec.learnRecipe()
            packing = try Packing(
                digits: sizes.packing, bound: sizes.bound,
                maximumSubmitters: Int(spec.participants.maximum))
            profile = try HolderProfile(holders: Int(spec.holders.count), threshold: Int(spec.holders.threshold))
            encoding = spec.update.encoding == .ristretto ? .ristretto : .affine
            // The largest round, in memory that a node may be expected to have.
            plan = try AggregationPlan(
                packing: packing, elements: sizes.summedElements, submitters: packing.maximumSubmitters,
                encoding: encoding, components: profile.componentCount, cores: RecoveryDemand.cores,
                memoryLimit: Limits.roundMemory)
        } catch {
            throw .failed("the task cannot be carried out here: \(error)")
        }
        guard recipe.coordinates(round: 1) == sizes.coordinateCount(round: 1),
            recipe.coordinates(round: spec.rounds.asInt) == sizes.coordinateCount(round: spec.rounds)
        else { throw .failed("the task cannot be carried out here: its model has another size than it says") }
    }

    var model: Learn.Model { recipe.model }
    var clipNorm: Float { recipe.clipNorm }

    /// Integers of one member in a round, from 1.
    func coordinateCount(round: UInt32) -> Int { spec.coordinateCount(round: round) }
    func elementCount(round: UInt32) -> Int { spec.elementCount(round: round) }
    /// No round has more: what memory and content lengths are bounded by.
    var largestElementCount: Int { spec.validatedSizes.largestElements }
    /// Elements of the largest key vector: one of a member's for each sum.
    var largestVectorCount: Int { spec.validatedSizes.summedElements }

    /// A holder's vector for one component: an element of 32 bytes for each sum and place.
    func keyVectorBytes(_ job: KeyJob) -> Int { elementCount(round: job.round) * job.sums.count * 32 }
    func sealedVectorBytes(_ job: KeyJob) -> Int { keyVectorBytes(job) + SealedVector.overhead }

    /// Rows and cap that weigh one member's update; 1 and 1 under equal weights.
    func weight(rows: UInt32) -> (rows: Int, cap: Int) {
        let weight = spec.weight(rows: rows)
        return (Int(weight.numerator), Int(weight.denominator))
    }

    // MARK: e as content

    /// 4 or 8 bytes an element, little-endian, by the range that a sum can reach.
    var aggregateWidth: Int { packing.range < 1 << 31 ? 4 : 8 }

    /// Bytes of e over so many sums: whoever names another length is not asked for its content.
    func aggregateLength(round: UInt32, sums: Int) -> UInt64 {
        UInt64(elementCount(round: round)) * UInt64(sums) * UInt64(aggregateWidth)
    }

    func encode(aggregate values: [Int64]) -> [UInt8] {
        var encoder = WireEncoder(reservingCapacity: values.count * aggregateWidth)
        for value in values {
            if aggregateWidth == 4 { encoder.i32(Int32(truncatingIfNeeded: value)) } else { encoder.i64(value) }
        }
        return encoder.bytes
    }

    /// - Parameter sums: how many sums e holds, one after the other.
    func decode(aggregate bytes: [UInt8], round: UInt32, sums: Int = 1) throws(RoundError) -> [Int64] {
        let count = sums * elementCount(round: round)
        guard bytes.count == count * aggregateWidth else {
            throw .rejected("e has \(bytes.count) bytes, \(count * aggregateWidth) expected")
        }
        var decoder = WireDecoder(bytes)
        var values: [Int64] = []
        values.reserveCapacity(count)
        do {
            for _ in 0..<count {
                values.append(aggregateWidth == 4 ? Int64(try decoder.i32("e")) : try decoder.i64("e"))
            }
        } catch { throw .rejected("e: \(error)") }
        return values
    }

    /// The digits of decided sums: exactly `packing` balanced digits an element, each within its members·B.
    func digits(_ aggregate: [Int64], round: UInt32, sums: [[Int]]) throws(RoundError) -> [[Int64]] {
        do {
            return try packing.unpack(aggregate, count: coordinateCount(round: round), sums: sums.map(\.count))
        } catch { throw .rejected("\(error)") }
    }

    // MARK: Models

    func state(of bytes: [UInt8]) throws(RoundError) -> TrainingState {
        do { return try recipe.state(of: bytes) } catch { throw .rejected("\(error)") }
    }

    func parameters(of bytes: [UInt8]) throws(RoundError) -> [Float] { try state(of: bytes).weights }

    /// W_new = ServerStep(W, e), with the state that the task's rules keep, as the file that every node computes byte
    /// for byte.
    ///
    /// - Parameters:
    ///   - rows: of every member.
    ///   - sums: the sums of `aggregate`, as places in `rows`.
    func nextModel(
        base: [UInt8], aggregate: [Int64], rows: [UInt32], sums: [[Int]], round: UInt32
    ) throws(RoundError) -> [UInt8] {
        let state = try state(of: base)
        let digits = try digits(aggregate, round: round, sums: sums)
        do {
            let next = try recipe.next(
                state, sums: digits, round: Int(round),
                rows: sums.map { $0.reduce(0) { $0 + weight(rows: rows[$1]).rows } }, rowCap: weight(rows: 1).cap,
                submitters: rows.count)
            return try recipe.file(of: next)
        } catch { throw .rejected("\(error)") }
    }
}

extension UInt32 {
    var asInt: Int { Int(self) }
}

extension SealedVector {
    /// Bytes that sealing adds: the ephemeral key, and nonce and tag of the box.
    static let overhead = 32 + SealedBox.overhead
}
