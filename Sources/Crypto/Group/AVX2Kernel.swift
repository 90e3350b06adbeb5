#if canImport(Kernels)
    internal import Kernels
    internal import Synchronization

    /// The batch operations with AVX2 and FMA, four field elements at once (C target `Kernels`).
    ///
    /// Gives the same bytes and the same verdicts as `PortableKernel`, which stands in wherever the vector code answers
    /// that it cannot (no memory, arguments outside its range) and names the fault of a refused element.
    struct AVX2Kernel: GroupKernel {
        private let fallback = PortableKernel()

        var name: String { "avx2" }

        /// `nil` where the processor lacks AVX2 or FMA.
        init?() {
            guard kernel_is_supported() else { return nil }
            // The vector code reads points as twenty limbs in this order.
            precondition(MemoryLayout<EdwardsPoint>.stride == MemoryLayout<KernelPoint>.stride)
            precondition(MemoryLayout<EdwardsPoint>.offset(of: \.t) == 120)
        }

        func commit(
            values: ArraySlice<Int64>, masks: ArraySlice<UInt8>, tables: CommitmentTables, encoding: ElementEncoding
        ) -> [UInt8] {
            precondition(masks.count == values.count * 32)
            let largest = values.reduce(0 as UInt64) { max($0, $1.magnitude) }
            precondition(largest <= UInt64(CommitmentTables.maximumValue))
            if let output = commitByChords(values, masks, tables, encoding, largest: largest) { return output }
            let bits = UInt32(max(1, 64 - largest.leadingZeroBitCount))
            var complete = false
            if let valueTable = VectorTable.of(tables.value, bits: 48), let maskTable = VectorTable.of(tables.mask) {
                let size = values.count * encoding.width
                let output = unsafe [UInt8](unsafeUninitializedCapacity: size) { bytes, count in
                    let result = unsafe values.withUnsafeBufferPointer { values in
                        unsafe masks.withUnsafeBufferPointer { masks in
                            unsafe kernel_encrypt(
                                valueTable.pointer, maskTable.pointer, values.baseAddress, bits, masks.baseAddress,
                                values.count, encoding.vectorEncoding, bytes.baseAddress)
                        }
                    }
                    complete = result.status == KERNEL_OK
                    count = complete ? bytes.count : 0
                }
                if complete { return output }
            }
            return fallback.commit(values: values, masks: masks, tables: tables, encoding: encoding)
        }

        /// Fewer elements than this do not pay for the inversion that each addition takes.
        private static let leastForChords = 256

        /// The same by additions of chords; `nil` where those cannot serve the values, met a special case or lack memory.
        private func commitByChords(
            _ values: ArraySlice<Int64>, _ masks: ArraySlice<UInt8>, _ tables: CommitmentTables,
            _ encoding: ElementEncoding, largest: UInt64
        ) -> [UInt8]? {
            let limit = UInt64(ChordTables.longOffset) / (encoding == .affine ? 2 : 1)
            guard values.count >= Self.leastForChords, largest < limit else { return nil }
            let chords = tables.chords.value
            var complete = false
            let output = unsafe [UInt8](unsafeUninitializedCapacity: values.count * encoding.width) { bytes, count in
                let result = unsafe chords.withVectorTables { chords in
                    unsafe values.withUnsafeBufferPointer { values in
                        unsafe masks.withUnsafeBufferPointer { masks in
                            unsafe kernel_encrypt_by_chords(
                                chords, values.baseAddress, masks.baseAddress, values.count, encoding.vectorEncoding,
                                bytes.baseAddress)
                        }
                    }
                }
                complete = result.status == KERNEL_OK
                count = complete ? bytes.count : 0
            }
            return complete ? output : nil
        }

        func accumulate(
            _ bytes: ArraySlice<UInt8>, encoding: ElementEncoding, into sums: inout [EdwardsPoint]
        ) -> ElementRefusal? {
            precondition(bytes.count == sums.count * encoding.width)
            let result = unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe sums.withVectorPoints { points, count in
                    unsafe kernel_accumulate(points, bytes.baseAddress, count, encoding.vectorEncoding)
                }
            }
            if result.status == KERNEL_OK { return nil }
            if result.status == KERNEL_BAD_ELEMENT {
                do throws(ElementFault) {
                    let offset = bytes.startIndex + result.index * encoding.width
                    _ = try ElementDecoding.decode(bytes, at: offset, encoding: encoding)
                } catch {
                    return ElementRefusal(index: result.index, fault: error)
                }
            }
            return fallback.accumulate(bytes, encoding: encoding, into: &sums)
        }

        func unmask(_ sums: inout [EdwardsPoint], keys: ArraySlice<UInt8>, tables: CommitmentTables) {
            precondition(keys.count == sums.count * 32)
            if let table = VectorTable.of(tables.mask) {
                let result = unsafe keys.withUnsafeBufferPointer { keys in
                    unsafe sums.withVectorPoints { points, count in
                        unsafe kernel_unmask(points, table.pointer, keys.baseAddress, count)
                    }
                }
                if result.status == KERNEL_OK { return }
            }
            fallback.unmask(&sums, keys: keys, tables: tables)
        }

        func pointSum(count: Int) -> any VartimePointSum {
            // Twelve thousand additions at the end want enough points to pay.
            guard count >= 2048, let sum = VectorPointSum() else { return fallback.pointSum(count: count) }
            return sum
        }

        func affineOfEightfold(_ points: ArraySlice<EdwardsPoint>) -> [UInt8] {
            var complete = false
            let output = unsafe [UInt8](unsafeUninitializedCapacity: points.count * 64) { bytes, count in
                let status = unsafe points.withVectorPoints { points, count in
                    unsafe kernel_eightfold_affine(points, count, bytes.baseAddress)
                }
                complete = status == KERNEL_OK
                count = complete ? bytes.count : 0
            }
            return complete ? output : fallback.affineOfEightfold(points)
        }
    }

    /// A table of the vector code, made from one of the portable tables and kept as long as the process lives: there
    /// are three (G, and H with both windows), 1.3 to 5.5 MB each.
    @safe
    private final class VectorTable: @unchecked Sendable {
        // Immutable after creation, hence safe to share.
        let pointer: OpaquePointer

        private struct Name: Hashable {
            var base: [UInt8]
            var window: Int
            var bits: Int
        }

        private static let known = Mutex<[Name: VectorTable]>([:])

        private init?(_ name: Name) {
            var status = KERNEL_OK
            guard
                let pointer = unsafe kernel_table_create(name.base, UInt32(name.window), UInt32(name.bits), &status)
            else { return nil }
            unsafe self.pointer = pointer
        }

        deinit { unsafe kernel_table_destroy(pointer) }

        /// - Parameter bits: doubled multipliers stay below 2^bits; 251 serves every scalar.
        /// - Returns: `nil` if there is no memory for it.
        static func of(_ table: FixedBaseTable, bits: Int = 251) -> VectorTable? {
            guard table.window >= 4 else { return nil }
            let base = table.entries[1].extended(negatedBy: 0)
            let name = Name(base: BatchArithmetic.affineBytes([base]), window: table.window, bits: bits)
            return known.withLock { known in
                if let made = known[name] { return made }
                let made = VectorTable(name)
                known[name] = made
                return made
            }
        }
    }

    extension ChordTables {
        fileprivate func withVectorTables<R>(_ body: (UnsafePointer<KernelChords>) -> R) -> R {
            let words = MemoryLayout<ChordPoint>.size / 8
            precondition(words == Int(KERNEL_CHORD_WORDS))
            return unsafe UnsafeRawPointer(entries.baseAddress!)
                .withMemoryRebound(to: UInt64.self, capacity: entries.count * words) { base in
                    var tables = unsafe KernelChords(
                        entries: base, entry_count: entries.count, top: base + firstBlindedTop * words,
                        largest_top_digit: UInt64(largestTopDigit), window: UInt32(window), windows: UInt32(windows),
                        short_values: firstShortValue, low_values: firstLowValue, high_values: firstHighValue)
                    return unsafe body(&tables)
                }
        }
    }

    extension ElementEncoding {
        fileprivate var vectorEncoding: KernelEncoding {
            switch self {
            case .affine: KERNEL_AFFINE
            case .ristretto: KERNEL_RISTRETTO
            }
        }
    }

    extension [EdwardsPoint] {
        mutating func withVectorPoints<R>(_ body: (UnsafeMutablePointer<KernelPoint>?, Int) -> R) -> R {
            unsafe withUnsafeMutableBufferPointer { buffer in
                guard let address = buffer.baseAddress else { return body(nil, 0) }
                return unsafe address.withMemoryRebound(to: KernelPoint.self, capacity: buffer.count) { points in
                    unsafe body(points, buffer.count)
                }
            }
        }
    }

    extension ArraySlice<EdwardsPoint> {
        func withVectorPoints<R>(_ body: (UnsafePointer<KernelPoint>?, Int) -> R) -> R {
            unsafe withUnsafeBufferPointer { buffer in
                guard let address = buffer.baseAddress else { return body(nil, 0) }
                return unsafe address.withMemoryRebound(to: KernelPoint.self, capacity: buffer.count) { points in
                    unsafe body(points, buffer.count)
                }
            }
        }
    }
#endif
