/// Who broke a round, from public data only.
///
/// Two ways lead here: the roots of one component differ between its holders, or recovery fails at an element although all
/// roots agree. Everything is about one element j, the lowest; blame reveals that element of every client, and a cheating
/// client chooses which.
public struct Blame: Sendable {
    public let profile: HolderProfile
    public let encoding: ElementEncoding
    public let packing: Packing
    /// d, the coordinates of the vector: the last element may be filled up with zeros, which must be zeros.
    public let coordinates: Int
    /// j.
    public let element: Int
    /// The bindings of S, in manifest order.
    public let bindings: [SubmissionBinding]
    /// com_a of every submission of S.
    public let commitments: [[[UInt8]]]
    /// U_ij of every submission of S: `encoding.width` bytes, proven against the body roots by the caller.
    public let elements: [[UInt8]]

    /// - Throws: `wrongCount` where the lists do not fit each other.
    public init(
        profile: HolderProfile, encoding: ElementEncoding, packing: Packing, coordinates: Int, element: Int,
        bindings: [SubmissionBinding], commitments: [[[UInt8]]], elements: [[UInt8]]
    ) throws(NDDFEError) {
        guard commitments.count == bindings.count else {
            throw .wrongCount(field: "commitments", expected: bindings.count, found: commitments.count)
        }
        guard elements.count == bindings.count else {
            throw .wrongCount(field: "elements", expected: bindings.count, found: elements.count)
        }
        for list in commitments where list.count != profile.componentCount {
            throw .wrongCount(field: "commitments", expected: profile.componentCount, found: list.count)
        }
        for (index, bytes) in elements.enumerated() {
            try requireLength(bytes, encoding.width, "element of submission \(index)")
        }
        guard coordinates > 0, element >= 0, element < packing.elementCount(coordinates: coordinates),
            element < 1 << 32
        else {
            throw .wrongCount(
                field: "element", expected: packing.elementCount(coordinates: max(0, coordinates)), found: element)
        }
        self.profile = profile
        self.encoding = encoding
        self.packing = packing
        self.coordinates = coordinates
        self.element = element
        self.bindings = bindings
        self.commitments = commitments
        self.elements = elements
    }

    /// R_ij^(a) of every i in S, as one holder of component a published them (signed by it, which the caller checks).
    public struct Statement: Sendable, Hashable {
        public let holder: Int
        public let component: Int
        /// 32 bytes a submission, in manifest order.
        public let masks: [[UInt8]]

        public init(holder: Int, component: Int, masks: [[UInt8]]) {
            self.holder = holder
            self.component = component
            self.masks = masks
        }
    }

    /// What a holder that knows the mask keys of component a publishes about element j.
    public static func statement(
        holder: Int, component: Int, maskKeys: [SecretBytes], element: Int
    ) -> Statement {
        Statement(
            holder: holder, component: component,
            masks: maskKeys.map { MaskDerivation.mask(key: $0, element: element) })
    }

    public enum Finding: Sendable, Hashable {
        /// The element has a value after all: the claim that recovery failed is false.
        case recoverable(Int64)
        /// A holder has not published for a component it knows: nobody is named, silence is no proof.
        case missing(holder: Int, component: Int)
        /// A holder's masks do not sum to the K_j it signed, or are malformed: it contradicts itself.
        case selfContradiction(holder: Int, component: Int)
        /// Two holders differ about (submission, component): σ of this one client and component is opened next.
        case disputed(submission: Int, component: Int, holders: [Int])
        /// These submissions hold something that is no packed vector within B.
        case clients([Int])
        /// Everything fits and nothing is wrong at this element: nobody is named.
        case nothing
    }

    // MARK: Roots differ

    /// The first element at which two vectors of one component differ, or `nil`.
    public static func firstDifference(_ a: [UInt8], _ b: [UInt8]) -> Int? {
        let count = min(a.count, b.count) / 32
        for element in 0..<count where a[element * 32..<element * 32 + 32] != b[element * 32..<element * 32 + 32] {
            return element
        }
        return a.count == b.count ? nil : count
    }

    /// Compares what the holders of one component say, where their authenticated K_j differ.
    ///
    /// - Parameter keys: K^(a)_j each holder signed (proven with `KeyVector.verify` against *its own* root), by holder.
    public func compare(component: Int, statements: [Statement], keys: [Int: [UInt8]]) -> Finding {
        guard (0..<profile.componentCount).contains(component) else { return .nothing }
        var present: [Statement] = []
        for holder in profile.holders(of: component) {
            guard let statement = statements.first(where: { $0.holder == holder && $0.component == component }),
                let key = keys[holder]
            else { return .missing(holder: holder, component: component) }
            guard sums(statement, to: key) else { return .selfContradiction(holder: holder, component: component) }
            present.append(statement)
        }
        return dispute(among: present, component: component) ?? .nothing
    }

    // MARK: Recovery fails

    /// Examines a failed recovery.
    ///
    /// - Parameters:
    ///   - keys: K^(a)_j of every component, proven against the agreed roots by the caller. 32 bytes each.
    ///   - statements: what the holders published; every holder of every component must have.
    ///   - logarithm: a table that reaches the packing's range.
    /// - Throws: `elementRejected` (body = index in S) where an element is malformed, which names its submission at once.
    public func examine(
        keys: [[UInt8]], statements: [Statement], logarithm: BoundedLogarithm
    ) throws(NDDFEError) -> Finding {
        let components = profile.componentCount
        guard keys.count == components else {
            throw .wrongCount(field: "keys", expected: components, found: keys.count)
        }
        let points = try decodedElements()
        var key = Scalar.zero
        for (component, bytes) in keys.enumerated() {
            key = key + (try requireScalar(bytes, "key of component \(component)"))
        }
        let sum = points.reduce(EdwardsPoint.identity, +)
        let bare = sum - NDDFEBases.maskBase.vartimeMultiplied(by: key)
        if let value = logarithm.value(of: bare, bound: packing.range),
            isSum(value, submitters: bindings.count)
        {
            return .recoverable(value)
        }
        var agreed: [[Scalar]] = []
        for component in 0..<components {
            var present: [Statement] = []
            for holder in profile.holders(of: component) {
                guard let statement = statements.first(where: { $0.holder == holder && $0.component == component })
                else { return .missing(holder: holder, component: component) }
                guard sums(statement, to: keys[component]) else {
                    return .selfContradiction(holder: holder, component: component)
                }
                present.append(statement)
            }
            if let dispute = dispute(among: present, component: component) { return dispute }
            agreed.append(try present[0].masks.map { (bytes) throws(NDDFEError) in try requireScalar(bytes, "mask") })
        }
        var named: [Int] = []
        for index in bindings.indices {
            let mask = agreed.reduce(Scalar.zero) { $0 + $1[index] }
            let single = points[index] - NDDFEBases.maskBase.vartimeMultiplied(by: mask)
            let value = logarithm.value(of: single, bound: packing.range)
            if value == nil || !isSum(value!, submitters: 1) { named.append(index) }
        }
        return named.isEmpty ? .nothing : .clients(named)
    }

    // MARK: Openings

    /// The holders whose statement about (submission, component) is false, from the opened seed. Settles a dispute, and is
    /// a client's rebuttal: it opens the σ_{i,a} that contradicts a published value.
    ///
    /// - Returns: `nil` where the seed is not the committed one: such an opening says nothing.
    public func liars(
        submission: Int, component: Int, seed: SecretBytes, statements: [Statement]
    ) -> [Int]? {
        guard bindings.indices.contains(submission), (0..<profile.componentCount).contains(component), seed.count == 32
        else { return nil }
        let binding = bindings[submission]
        let commitment = MaskDerivation.componentCommitment(seed: seed, binding: binding, component: component)
        guard commitment == commitments[submission][component] else { return nil }
        let key = MaskDerivation.maskKey(seed: seed, binding: binding, component: component)
        let truth = MaskDerivation.mask(key: key, element: element)
        let holders = profile.holders(of: component)
        return statements.filter { statement in
            statement.component == component && holders.contains(statement.holder)
                && (!statement.masks.indices.contains(submission) || statement.masks[submission] != truth)
        }.map(\.holder).sorted()
    }

    // MARK: Parts

    private func decodedElements() throws(NDDFEError) -> [EdwardsPoint] {
        var points: [EdwardsPoint] = []
        for (index, bytes) in elements.enumerated() {
            do throws(ElementFault) {
                points.append(try ElementDecoding.decode(bytes[...], at: 0, encoding: encoding))
            } catch {
                throw .elementRejected(body: index, element: element, fault: error)
            }
        }
        return points
    }

    /// Whether the statement is well formed and Σ_i R_ij = K_j.
    private func sums(_ statement: Statement, to key: [UInt8]) -> Bool {
        guard statement.masks.count == bindings.count, let expected = Scalar(canonical: key) else { return false }
        var sum = Scalar.zero
        for mask in statement.masks {
            // Masks have 252 bits.
            guard mask.count == 32, mask[31] < 0x10, let scalar = Scalar(canonical: mask) else { return false }
            sum = sum + scalar
        }
        return sum == expected
    }

    private func dispute(among statements: [Statement], component: Int) -> Finding? {
        for submission in bindings.indices {
            let first = statements[0].masks[submission]
            if statements.contains(where: { $0.masks[submission] != first }) {
                return .disputed(submission: submission, component: component, holders: statements.map(\.holder))
            }
        }
        return nil
    }

    /// Whether a value is balanced digits of at most submitters·B each, zero where the last element is filled up.
    private func isSum(_ value: Int64, submitters: Int) -> Bool {
        let digits = min(packing.digits, coordinates - element * packing.digits)
        return (try? packing.unpack([value], count: digits, submitters: submitters)) != nil
    }
}
