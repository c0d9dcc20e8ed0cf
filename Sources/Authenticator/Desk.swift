/// Who waits for an answer, and when each gets it. Decides only: no clock, no socket, no PAM.
///
/// A success goes out at once. Every refusal goes out at the asker's deadline, which is fixed when the connection is
/// made, so that time tells nothing about why.
struct Desk {
    enum Event: Hashable {
        case came(Int)
        /// A whole line, or what cannot become one (nil).
        case asked(Int, Question?)
        /// Of what was asked to be judged.
        case judged(Int, Answer)
        case left(Int)
        case tick
    }

    enum Effect: Hashable {
        case judge(Int, Question)
        /// And then the connection ends.
        case answer(Int, Answer)
    }

    private let deadlineNanoseconds: UInt64
    private var deadlines: [Int: UInt64] = [:]
    private var asked: Set<Int> = []

    init(deadlineMilliseconds: UInt64) {
        deadlineNanoseconds = deadlineMilliseconds * 1_000_000
    }

    /// When `.tick` is due, in the nanoseconds of the caller's clock.
    var wake: UInt64? { deadlines.values.min() }

    mutating func receive(_ event: Event, at now: UInt64) -> [Effect] {
        switch event {
        case .came(let asker):
            deadlines[asker] = now + deadlineNanoseconds
            return []
        case .asked(let asker, let question):
            guard deadlines[asker] != nil, asked.insert(asker).inserted, let question else { return [] }
            return question.isProper ? [.judge(asker, question)] : []
        case .judged(let asker, let answer):
            guard deadlines[asker] != nil, case .granted = answer else { return [] }
            forget(asker)
            return [.answer(asker, answer)]
        case .left(let asker):
            forget(asker)
            return []
        case .tick:
            let due = deadlines.filter { $0.value <= now }.keys.sorted()
            due.forEach { forget($0) }
            return due.map { .answer($0, .refused) }
        }
    }

    private mutating func forget(_ asker: Int) {
        deadlines[asker] = nil
        asked.remove(asker)
    }
}
