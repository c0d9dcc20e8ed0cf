import Synchronization

/// One reader's view of things that change: the newest value of each, never a queue of the values in between.
///
/// An element is everything that changed since the last one was taken, each thing once. A slow reader skips states; its
/// memory is bounded by the number of things.
struct Changes<Key: Hashable & Sendable, Value: Sendable>: AsyncSequence, Sendable {
    typealias Element = [Value]

    fileprivate let seat: Seat<Key, Value>
    fileprivate let wakes: AsyncStream<Void>

    /// Gives this reader alone what was known before it began.
    func put(_ known: [(key: Key, value: Value)]) { seat.put(known) }

    func makeAsyncIterator() -> Iterator { Iterator(seat: seat, wakes: wakes.makeAsyncIterator()) }

    struct Iterator: AsyncIteratorProtocol {
        fileprivate let seat: Seat<Key, Value>
        fileprivate var wakes: AsyncStream<Void>.Iterator

        mutating func next() async -> [Value]? {
            while await wakes.next() != nil {
                let values = seat.take()
                if !values.isEmpty { return values }
            }
            return nil
        }
    }
}

/// What waits for one reader.
private final class Seat<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let pending = Mutex<(order: [Key], values: [Key: Value])>(([], [:]))
    private let wake: AsyncStream<Void>.Continuation
    /// Nil: every key.
    private let wanted: Set<Key>?

    init(_ wake: AsyncStream<Void>.Continuation, wanted: Set<Key>?) { (self.wake, self.wanted) = (wake, wanted) }

    func put(_ changes: [(key: Key, value: Value)]) {
        let changes = wanted.map { wanted in changes.filter { wanted.contains($0.key) } } ?? changes
        guard !changes.isEmpty else { return }
        pending.withLock { pending in
            for change in changes where pending.values.updateValue(change.value, forKey: change.key) == nil {
                pending.order.append(change.key)
            }
        }
        wake.yield()
    }

    func take() -> [Value] {
        pending.withLock { pending in
            defer { pending = ([], [:]) }
            return pending.order.compactMap { pending.values[$0] }
        }
    }

    func close() { wake.finish() }
}

/// Hands changes to any number of readers without waiting for any.
final class Feed<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let seats = Mutex<(next: Int, taken: [Int: Seat<Key, Value>])>((0, [:]))

    /// A reader that sees everything published from now on, of these keys where some are named, until it stops iterating or
    /// its task is cancelled.
    func subscribe(to keys: Set<Key>? = nil) -> Changes<Key, Value> {
        let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let seat = Seat<Key, Value>(wake, wanted: keys)
        let number = seats.withLock { seats in
            seats.next += 1
            seats.taken[seats.next] = seat
            return seats.next
        }
        wake.onTermination = { [weak self] _ in
            self?.seats.withLock { _ = $0.taken.removeValue(forKey: number) }
        }
        return Changes(seat: seat, wakes: wakes)
    }

    func publish(_ changes: [(key: Key, value: Value)]) {
        guard !changes.isEmpty else { return }
        for seat in seats.withLock({ Array($0.taken.values) }) { seat.put(changes) }
    }

    var hasReaders: Bool { seats.withLock { !$0.taken.isEmpty } }

    /// Ends every reader's iteration.
    func close() {
        for seat in seats.withLock({ Array($0.taken.values) }) { seat.close() }
    }
}
