import Messages
import NIOPosix
import Spool

/// Where logs are read that nobody waits for live: on few threads, one piece of work of a user at a time, so that who has a
/// huge log keeps nobody else waiting for more than a piece.
actor ReadingRoom {
    static let threads = 2
    /// Of one user, running and waiting; more are refused.
    static let mostOfUser = 16

    private struct Waiting {
        let user: String
        let continuation: CheckedContinuation<Void, Never>
    }

    private var waiting: [Waiting] = []
    private var running: Set<String> = []
    private var asked: [String: Int] = [:]

    /// Runs `work`, which takes well under a second, on a thread where it may block; throws `too_many` where the user has
    /// too much waiting already.
    func read<Result: Sendable>(
        for user: String, _ work: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        guard asked[user, default: 0] < Self.mostOfUser else {
            throw Failure(.tooMany, "You read too much at once. Try again in a moment.")
        }
        asked[user, default: 0] += 1
        defer { asked[user] = asked[user].flatMap { $0 > 1 ? $0 - 1 : nil } }
        if running.count < Self.threads, !running.contains(user) {
            running.insert(user)
        } else {
            await withCheckedContinuation { waiting.append(Waiting(user: user, continuation: $0)) }
        }
        defer { leave(user) }
        do {
            return try await NIOThreadPool.singleton.runIfActive(work)
        } catch let problem as LogReader.Problem {
            throw EntryCursor.failure(problem)
        }
    }

    /// The first one who waits and has nothing running comes next.
    private func leave(_ user: String) {
        running.remove(user)
        guard let next = waiting.firstIndex(where: { !running.contains($0.user) }) else { return }
        let one = waiting.remove(at: next)
        running.insert(one.user)
        one.continuation.resume()
    }
}
