import Foundation
import Testing

@Suite struct BareTablesTests {
    /// A collection that messages can fill is a `Bounded`, or says here why it needs no quota.
    @Test func collectionsOfMachinesAreBoundedOrSayWhy() throws {
        let files = try Repository().files.filter { file in
            file.isSwift && (BareTables.folders.contains { file.isUnder($0) } || BareTables.files.contains(file.path))
        }
        let found = Set(files.flatMap(BareTables.found))
        #expect(found.count > 50)
        #expect(
            found.subtracting(BareTables.reasons.keys).sorted() == [], "use Bounded, or give the reason in BareTables")
        #expect(Set(BareTables.reasons.keys).subtracting(found).sorted() == [], "no such property any more")
    }

    @Test func aBareTableIsSeen() {
        let text = """
            struct Machine {
                private var claims: [NodeID: [Claim]] = [:]
                var count: Int { claims.count }
                var names: [String] { [] }
                var set = Set<Int>()
                mutating func handle() {
                    var local: [Int] = []
                }
            }
            """
        let file = Repository.File(path: "Sources/Gossip/Machine+Part.swift", text: text)
        #expect(BareTables.found(in: file) == ["Machine.claims", "Machine.set"])
    }
}
