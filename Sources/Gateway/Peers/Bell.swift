import Synchronization

/// A number that grows; any number may wait for it to go beyond one.
final class Bell: Sendable {
    private struct State {
        var number: UInt64 = 0
        var next = 0
        var waiting: [Int: (beyond: UInt64, CheckedContinuation<Void, Never>)] = [:]
    }

    private let state = Mutex(State())

    func ring(_ number: UInt64) {
        let woken = state.withLock { state in
            state.number = max(state.number, number)
            let woken = state.waiting.filter { $0.value.beyond < state.number }
            for seat in woken.keys { state.waiting[seat] = nil }
            return woken.values.map(\.1)
        }
        for continuation in woken { continuation.resume() }
    }

    /// Returns when the number goes beyond `number`, when the time is over, or when the task is cancelled.
    func wait(beyond number: UInt64, for time: Duration) async {
        await Self.limited(to: time) { await self.wait(beyond: number) }
    }

    /// Ends `body`, which must heed cancellation, after a time.
    static func limited(to time: Duration, _ body: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask(operation: body)
            group.addTask { try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
    }

    private func wait(beyond number: UInt64) async {
        let seat = state.withLock { state in
            state.next += 1
            return state.next
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isWaiting = state.withLock { state in
                    guard state.number <= number, !Task.isCancelled else { return false }
                    state.waiting[seat] = (number, continuation)
                    return true
                }
                if !isWaiting { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.removeValue(forKey: seat) }?.1.resume()
        }
    }
}
