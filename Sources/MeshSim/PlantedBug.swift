/// A bug on purpose. Each must be caught by an invariant; a gate that was never seen to fail does not count.
public enum PlantedBug: String, Sendable, CaseIterable {
    /// Votes are kept, locks are not: every node drops its lock whenever it enters a view.
    case noLock = "no-lock"
    /// A restart forgets votes and own messages.
    case amnesia
    /// Own messages are sent without being made durable.
    case noDurableSlots = "no-durable-slots"
    /// A holder derives its keys anew after a restart, with other roots.
    case doubleKeyStatement = "double-key-statement"
    /// A node decides on two thirds rounded down.
    case lowQuorum = "low-quorum"
    /// A node lists submissions whose bodies it has not stored.
    case listsUnstored = "lists-unstored"
}
