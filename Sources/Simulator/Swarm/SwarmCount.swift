import Synchronization

/// How a swarm fares, over all its threads.
package final class SwarmCount: Sendable {
    enum Event: Sendable { case connected, lost, accepted, refused }

    package struct Numbers: Equatable, Sendable {
        /// Links that are connected now.
        package var connected = 0
        package var accepted = 0
        package var refused = 0
    }

    private let numbers = Mutex(Numbers())

    package var now: Numbers { numbers.withLock { $0 } }

    func count(_ event: Event) {
        numbers.withLock {
            switch event {
            case .connected: $0.connected += 1
            case .lost: $0.connected -= 1
            case .accepted: $0.accepted += 1
            case .refused: $0.refused += 1
            }
        }
    }
}
