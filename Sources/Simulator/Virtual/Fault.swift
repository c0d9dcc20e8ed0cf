import ArgumentParser

/// What a simulation does to its installation.
enum FaultKind: String, CaseIterable, Sendable, ExpressibleByArgument {
    /// For a while some messages of a link are lost, come twice, come late, or overtake each other.
    case drop, double, delay, reorder
    /// For a while nothing passes; what is under way is lost, or comes when it is over.
    case partition
    /// A worker, broker, gateway or supervisor is killed, or a node's or gateway's machine loses its power.
    case crash
    /// A wall clock jumps.
    case skew
    /// For a while nothing can be written.
    case disk
    /// Somebody without a key sends what is not true, or what was true once.
    case forge

    var number: UInt64 { UInt64(Self.allCases.firstIndex(of: self) ?? 0) }
}

/// One of them: when, how long, and to what; the nemesis reads `choice` as it needs it.
struct Fault: Sendable {
    var kind: FaultKind
    var at: Int64
    var lasts: Int64
    var choice: UInt64
}
