/// What did not come about in time.
struct TimedOut: Error, CustomStringConvertible {
    let description: String
}

/// Looks again and again until there is a result, or throws at the deadline, which only a defect reaches.
@discardableResult
func eventually<Result>(
    _ what: String, within limit: Duration = .seconds(30), isolation: isolated (any Actor)? = #isolation,
    _ look: () async throws -> Result?
) async throws -> Result {
    let deadline = ContinuousClock.now + limit
    while true {
        if let result = try await look() { return result }
        guard ContinuousClock.now < deadline else { throw TimedOut(description: "not within \(limit): \(what)") }
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// The same for a claim that is to become true.
func eventually(
    _ what: String, within limit: Duration = .seconds(30), isolation: isolated (any Actor)? = #isolation,
    _ isSo: () async throws -> Bool
) async throws {
    try await eventually(what, within: limit) { try await isSo() ? true : nil }
}
