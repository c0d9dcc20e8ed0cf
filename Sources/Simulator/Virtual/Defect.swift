/// A protection taken out, to prove that the invariants would show it missing.
///
/// Only what carries out the decisions in a simulation knows of it; no core and no daemon can be told.
enum Defect: String, CaseIterable, Sendable {
    /// A node takes an order that it knows for a new one.
    case deduplication
    /// A node starts the command before the intent to start is on its disk.
    case journalBeforeExec
    /// A gateway appends a slice wherever it begins.
    case gapCheck
    /// A node says a state once, whether it is acknowledged or not.
    case acknowledgementRetry
}
