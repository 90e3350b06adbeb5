import Learn
import Testing

@Suite struct CountedTests {
    @Test func oneAndManyHaveTheirWords() {
        #expect(Counted.text(1, "row") == "1 row")
        #expect(Counted.text(0, "row") == "0 rows")
        #expect(Counted.text(1, "row", "repeat") == "1 row repeats")
        #expect(Counted.text(2, "row", "repeat") == "2 rows repeat")
        #expect(Counted.text(1, "peer", "are") == "1 peer is")
        #expect(Counted.text(2, "peer", "are") == "2 peers are")
    }
}
