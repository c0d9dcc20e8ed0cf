import Messages
import Spool
import Synchronization

/// The lines of all executions for those who look at parts of them; keeps for the ones looked at lately what makes the
/// next look quick.
final class LineReading: Sendable {
    static let mostMaps = 128
    static let mostOpen = 16
    static let mostGrouped = 8
    /// Items of the index counted in one piece of work.
    static let itemsAtOnce = 1 << 16

    struct Wish: Sendable {
        var execution: ExecutionID
        var filter: LineFilter
        /// The first line, or nil for the last `count`.
        var from: Int?
        var count: Int
        /// How many runs the execution has.
        var runs: Int
    }

    struct Answer: Sendable {
        var log: UInt64
        var from: Int
        var total: Int
        var lines: [Line]
        /// The lines without an end, where `lines` reach the end.
        var open: [Line]?
    }

    private struct Key: Hashable {
        var log: UInt64
        var filter: LineFilter
    }

    let logs: Logs
    let room = ReadingRoom()
    /// How many searches each user has running.
    let searches = Mutex<[String: Int]>([:])
    let sameness = Mutex(Recent<UInt64, Sameness>(most: mostGrouped))
    private let maps = Mutex(Recent<Key, LineMap>(most: mostMaps))
    private let open = Mutex(Recent<UInt64, OpenLines>(most: mostOpen))

    init(logs: Logs) { self.logs = logs }

    /// The caller has made sure that the user may see the execution (`Executions.show`).
    func lines(_ wish: Wish, user: String) async throws -> Answer {
        let log = try items(of: wish.execution)
        let map = try await map(of: log, wish.filter, user)
        return try await room.read(for: user) { [self] in try answer(wish, log, map) }
    }

    /// The log for reading, with its index.
    func items(of id: ExecutionID) throws(Failure) -> LogItems {
        let reader = try logs.reader(for: id)
        do throws(LogReader.Problem) { return try LogItems(reader) } catch { throw EntryCursor.failure(error) }
    }

    /// Counts what has come to the index since the last look, by pieces.
    private func map(of log: LogItems, _ filter: LineFilter, _ user: String) async throws -> LineMap {
        let key = Key(log: log.reader.log, filter: filter)
        var map = maps.withLock { $0[key] } ?? LineMap(filter)
        while true {
            let known = map
            let (next, isWhole) = try await room.read(for: user) {
                var next = known
                let items = try log.items(from: next.items, limit: Self.itemsAtOnce)
                next.append(items)
                return (next, items.count < Self.itemsAtOnce)
            }
            map = next
            guard isWhole else { continue }
            maps.withLock { [map] in $0[key] = map }
            return map
        }
    }

    private func answer(_ wish: Wish, _ log: LogItems, _ map: LineMap) throws -> Answer {
        do throws(LogReader.Problem) {
            let from = wish.from ?? max(0, map.total - wish.count)
            var answer = Answer(log: log.reader.log, from: from, total: map.total, lines: [])
            answer.lines = try LineWindow.read(log, map, from: from, count: wish.count)
            guard from + answer.lines.count >= map.total else { return answer }
            var lines = open.withLock { $0[log.reader.log] } ?? OpenLines()
            try lines.advance(log, to: map.items, runs: wish.runs)
            open.withLock { [lines] in $0[log.reader.log] = lines }
            answer.open = lines.lines(wish.filter)
            return answer
        } catch {
            throw EntryCursor.failure(error)
        }
    }
}

/// The values used last, at most so many.
struct Recent<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let most: Int
    private var uses = 0
    private var values: [Key: (value: Value, use: Int)] = [:]

    init(most: Int) { self.most = most }

    subscript(key: Key) -> Value? {
        mutating get {
            uses += 1
            values[key]?.use = uses
            return values[key]?.value
        }
        set {
            uses += 1
            values[key] = newValue.map { ($0, uses) }
            while values.count > most, let oldest = values.min(by: { $0.value.use < $1.value.use }) {
                values[oldest.key] = nil
            }
        }
    }
}
