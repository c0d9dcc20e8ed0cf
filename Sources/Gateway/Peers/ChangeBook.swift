import Messages

/// What has changed of this gateway's executions, in order, so that another gateway can ask for what it has missed.
/// Decides only.
///
/// Of a run that changed many times only the last place counts; the book remembers so many changes, and who asks for
/// older ones catches up anew.
struct ChangeBook {
    /// What changed: an execution came, it is complete, or one of its runs changed.
    enum Subject: Hashable, Sendable {
        case execution(ExecutionID)
        case end(ExecutionID)
        case run(RunKey)

        var execution: ExecutionID {
            switch self {
            case .execution(let id), .end(let id): id
            case .run(let key): key.execution
            }
        }
    }

    /// A page of the book: each subject once, and the number up to which it reaches.
    struct Page: Equatable {
        var subjects: [Subject]
        var upTo: UInt64
    }

    /// With the fifth that it may have more, as many as a dictionary holds without growing once more (3/4 of 32,768).
    static let mostChanges = 20_000

    private var entries: [(number: UInt64, subject: Subject)] = []
    private var latest: [Subject: UInt64] = [:]
    private(set) var last: UInt64 = 0
    /// Changes up to this one may be forgotten.
    private var forgotten: UInt64 = 0
    private let most: Int

    init(most: Int = Self.mostChanges) { self.most = most }

    mutating func note(_ subject: Subject) {
        last += 1
        latest[subject] = last
        entries.append((last, subject))
        if entries.count >= most + most / 5 { forget() }
    }

    /// What changed after `since`, at most `limit` subjects; nil where the book does not reach back so far.
    func changes(since: UInt64, limit: Int) -> Page? {
        guard since >= forgotten, since <= last else { return nil }
        var page = Page(subjects: [], upTo: last)
        for (number, subject) in entries[firstIndex(after: since)...] where latest[subject] == number {
            guard page.subjects.count < limit else { break }
            page.subjects.append(subject)
            page.upTo = number
        }
        if page.subjects.count < limit { page.upTo = last }
        return page
    }

    private func firstIndex(after number: UInt64) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].number <= number { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// What was superseded goes first, then the oldest.
    private mutating func forget() {
        entries.removeAll { latest[$0.subject] != $0.number }
        guard entries.count > most else { return }
        let gone = entries.prefix(entries.count - most)
        forgotten = gone.last?.number ?? forgotten
        for (_, subject) in gone { latest[subject] = nil }
        entries.removeFirst(gone.count)
    }
}
