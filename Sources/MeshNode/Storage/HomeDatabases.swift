public import Wire

/// The databases of a home.
extension HomeDirectory {
    /// Refuses a home that has lost the record of what its key signed. The one rule of everything that makes files of a home:
    /// nothing takes the place of that record, and no chain is put beside a key that has none yet.
    public func checkRecord() throws(StorageError) { try DurableStore.refuseLoss(durableDatabase) }

    /// Makes the databases that are missing: the record of what was signed before the chain, so that a chain without it always
    /// means that it is lost.
    public func createDatabases(owner: NodeID) throws(StorageError) -> ChainStore {
        _ = try DurableStore(path: durableDatabase, owner: owner, opening: .createIfMissing)
        return try ChainStore(path: chainDatabase, opening: .createIfMissing)
    }
}
