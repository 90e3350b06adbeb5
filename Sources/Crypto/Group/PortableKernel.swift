/// The reference kernel: 5×51-bit limbs over UInt128, one element at a time, no vector instructions.
struct PortableKernel: GroupKernel {
    var name: String { "swift" }

    /// Elements handled together: their accumulators and one window's entries stay in the second-level cache, and each
    /// window's inversion is shared by the block.
    private static let block = 2048
    /// Elements that share the inversion of an encoding.
    private static let encodingBlock = 256

    func commit(
        values: ArraySlice<Int64>, masks: ArraySlice<UInt8>, tables: CommitmentTables, encoding: ElementEncoding
    ) -> [UInt8] {
        precondition(masks.count == values.count * 32)
        var output = [UInt8](repeating: 0, count: values.count * encoding.width)
        var start = 0
        while start < values.count {
            let count = min(Self.block, values.count - start)
            let firstValue = values.startIndex + start
            let firstMask = masks.startIndex + start * 32
            var scalars: [Scalar] = []
            scalars.reserveCapacity(count)
            for index in 0..<count {
                let w = loadWords(masks, at: firstMask + index * 32)
                scalars.append(Scalar(unchecked: w.0, w.1, w.2, w.3))
            }
            var small = values[firstValue..<firstValue + count].map { $0 }
            if encoding == .affine {
                // The tables hold halves: doubled scalars give the point itself.
                for index in 0..<count {
                    scalars[index] = scalars[index] + scalars[index]
                    small[index] = small[index] &* 2
                }
            }
            let points = Self.commitments(small, scalars, tables)
            switch encoding {
            case .ristretto: BatchArithmetic.doubledRistrettoBytes(points, into: &output, at: start * 32)
            case .affine: BatchArithmetic.affineBytes(points, into: &output, at: start * 64)
            }
            start += count
        }
        return output
    }

    /// values[j]·G/2 + scalars[j]·H/2: by chords, or on the Edwards form where those met a special case or the values are
    /// beyond their tables.
    private static func commitments(
        _ values: [Int64], _ scalars: [Scalar], _ tables: CommitmentTables
    ) -> [EdwardsPoint] {
        let limit = ChordTables.longOffset
        if values.count >= 16, values.allSatisfy({ $0 >= -limit && $0 < limit }) {
            if let batch = ChordBatch(scalars: scalars, values: values, tables: tables.chords.value) {
                return batch.points(values.count)
            }
        }
        var points = multiples(of: scalars, table: tables.mask)
        addSmallMultiples(of: values, table: tables.value, to: &points)
        return points
    }

    /// scalars[j]·base, window after window over the block.
    private static func multiples(of scalars: [Scalar], table: FixedBaseTable) -> [EdwardsPoint] {
        var magnitudes: [Scalar] = []
        var signs: [UInt64] = []
        var carries = [UInt64](repeating: 0, count: scalars.count)
        magnitudes.reserveCapacity(scalars.count)
        signs.reserveCapacity(scalars.count)
        for scalar in scalars {
            let (magnitude, negative) = scalar.centred
            magnitudes.append(magnitude)
            signs.append(negative)
        }
        var points: [EdwardsPoint] = []
        points.reserveCapacity(scalars.count)
        for index in scalars.indices {
            let (entry, sign) = table.digit(magnitudes[index], 0, carry: &carries[index])
            points.append(table.entries[entry].extended(negatedBy: sign ^ signs[index]))
        }
        for window in 1..<table.windows {
            let row = window * table.stride
            for index in scalars.indices {
                let (entry, sign) = table.digit(magnitudes[index], window, carry: &carries[index])
                points[index].add(table.entries[row + entry], negatedBy: sign ^ signs[index])
            }
        }
        return points
    }

    /// points[j] += values[j]·base; windows above the largest magnitude are left out.
    private static func addSmallMultiples(
        of values: [Int64], table: FixedBaseTable, to points: inout [EdwardsPoint]
    ) {
        let largest = values.reduce(0 as UInt64) { max($0, $1.magnitude) }
        // One bit more than the magnitude leaves room for the last carry.
        let bits = 65 - largest.leadingZeroBitCount
        let windows = min(table.windows, (bits + table.window - 1) / table.window)
        precondition(largest <= UInt64(CommitmentTables.maximumValue) * 2)
        for index in values.indices {
            let magnitude = Scalar(unchecked: values[index].magnitude, 0, 0, 0)
            let negative = FieldElement.mask(values[index] < 0)
            var carry: UInt64 = 0
            for window in 0..<windows {
                let (entry, sign) = table.digit(magnitude, window, carry: &carry)
                points[index].add(table.entries[window * table.stride + entry], negatedBy: sign ^ negative)
            }
        }
    }

    func accumulate(
        _ bytes: ArraySlice<UInt8>, encoding: ElementEncoding, into sums: inout [EdwardsPoint]
    ) -> ElementRefusal? {
        precondition(bytes.count == sums.count * encoding.width)
        for index in sums.indices {
            let offset = bytes.startIndex + index * encoding.width
            do throws(ElementFault) {
                switch encoding {
                case .ristretto:
                    sums[index] = try sums[index] + ElementDecoding.decode(bytes, at: offset, encoding: .ristretto)
                case .affine:
                    let (x, y) = try ElementDecoding.affine(bytes, at: offset)
                    sums[index].add(AffineNielsPoint(x: x, y: y))
                }
            } catch {
                return ElementRefusal(index: index, fault: error)
            }
        }
        return nil
    }

    func unmask(_ sums: inout [EdwardsPoint], keys: ArraySlice<UInt8>, tables: CommitmentTables) {
        precondition(keys.count == sums.count * 32)
        var start = 0
        while start < sums.count {
            let count = min(Self.block, sums.count - start)
            let scalars = (0..<count).map { index in
                let w = loadWords(keys, at: keys.startIndex + (start + index) * 32)
                let key = -Scalar(unchecked: w.0, w.1, w.2, w.3)
                return key + key
            }
            let multiples =
                (count >= 16
                    ? ChordBatch(scalars: scalars, tables: tables.chords.value)?.points(count) : nil)
                ?? Self.multiples(of: scalars, table: tables.mask)
            for index in 0..<count { sums[start + index] = sums[start + index] + multiples[index] }
            start += count
        }
    }

    func pointSum(count: Int) -> any VartimePointSum { PortablePointSum() }

    func affineOfEightfold(_ points: ArraySlice<EdwardsPoint>) -> [UInt8] {
        var result = [UInt8](repeating: 0, count: points.count * 64)
        var start = 0
        while start < points.count {
            let count = min(Self.encodingBlock, points.count - start)
            let first = points.startIndex + start
            let eightfold = points[first..<first + count].map { $0.doubled(times: 3) }
            BatchArithmetic.affineBytes(eightfold, into: &result, at: start * 64)
            start += count
        }
        return result
    }
}
