internal import Learn
internal import Wire

/// What to do where a column of a table is no number: the columns that are features can be named.
enum TextColumns {
    /// Loads a source; where a cell of a column that nobody named is no number, the error says how to leave the column out.
    static func named(
        _ source: String, _ reader: DataSource, _ load: (DataSource) throws(LearnError) -> DataSplits
    ) throws -> DataSplits {
        do throws(LearnError) { return try load(reader) } catch {
            guard case .badData(let fault) = error, fault.isNoNumber, fault.field != reader.labelColumn,
                reader.featureColumns == nil, let cells = try? reader.table(source)?.cells(path: source)
            else { throw error }
            let numbers = cells.filter { $0.fault == nil }.map(\.title)
            guard !numbers.isEmpty else { throw error }
            throw CommandFailure(
                ExitStatus.data,
                "\(error); or, \(TableReader.leavingOut): \(words(numbers))"
                    + (numbers.count > 8 ? " (\(numbers.count) columns hold numbers alone)" : ""))
        }
    }

    /// The options that name columns, as a shell takes them; dots stand for what is left out.
    static func words(_ titles: [String]) -> String {
        titles.prefix(8).map { "--column \($0.printable.shellWord)" }.joined(separator: " ")
            + (titles.count > 8 ? " ..." : "")
    }
}
