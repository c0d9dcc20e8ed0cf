import Messages
import Spool
import Synchronization

extension LineReading {
    /// At the same time, of one user.
    static let mostSearches = 2

    /// What a search says while it goes on.
    struct Found: Encodable, Sendable {
        /// Numbers of lines, ascending.
        var matches: [Int]
        /// Lines before this one are looked through.
        var line: Int
        /// Nothing follows: all is looked through, or there were as many matches as wanted (`more`).
        var done: Bool?
        var more: Bool?
    }

    /// Looks through all there is when it begins; each piece is read when the one before is taken.
    func search(_ search: LogSearch, in log: LogItems, user: String) -> Searching {
        Searching(search: search, log: log, user: user, room: room)
    }

    /// Counts a search while it runs; throws `too_many` where the user has enough of them.
    func searching(by user: String, _ body: () async throws -> Void) async throws {
        guard searches.withLock({ Self.enter(user, &$0) }) else {
            throw Failure(.tooMany, "You search \(Self.mostSearches) times already. Wait for one to end.")
        }
        defer { searches.withLock { $0[user] = $0[user].flatMap { $0 > 1 ? $0 - 1 : nil } } }
        try await body()
    }

    private static func enter(_ user: String, _ searches: inout [String: Int]) -> Bool {
        guard searches[user, default: 0] < mostSearches else { return false }
        searches[user, default: 0] += 1
        return true
    }

    struct Searching: AsyncSequence {
        let search: LogSearch
        let log: LogItems
        let user: String
        let room: ReadingRoom

        func makeAsyncIterator() -> Iterator { Iterator(search: search, log: log, user: user, room: room) }

        struct Iterator: AsyncIteratorProtocol {
            var search: LogSearch
            let log: LogItems
            let user: String
            let room: ReadingRoom
            var end: Int?
            var isDone = false

            mutating func next() async throws -> Found? {
                guard !isDone else { return nil }
                try Task.checkCancellation()
                let (before, known, log) = (search, end, log)
                let (next, end, goesOn) = try await room.read(for: user) {
                    var next = before
                    let end = try known ?? log.count()
                    let goesOn = try next.advance(log, to: end)
                    if !goesOn, !next.isFull { next.finish() }
                    return (next, end, goesOn)
                }
                (search, self.end) = (next, end)
                guard !goesOn || next.isFull else { return Found(matches: next.matches, line: next.line) }
                isDone = true
                return Found(matches: next.matches, line: next.line, done: true, more: next.isFull ? true : nil)
            }
        }
    }
}
