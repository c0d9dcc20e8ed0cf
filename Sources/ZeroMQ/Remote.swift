private import Synchronization

/// A name for something that lives on a loop, usable from other threads before and after it is there.
///
/// What is posted before it is filled, or after its loop has ended, is dropped.
package final class Remote<Value>: Sendable {
    private struct Place: Sendable {
        let value: PollLoop.Bound<Value>
        let mailbox: Mailbox
    }

    private let place = Mutex<Place?>(nil)

    package init() {}

    /// Called on the loop's thread.
    package func fill(_ value: Value, on loop: PollLoop) {
        let filled = Place(value: loop.bind(value), mailbox: loop.mailbox)
        place.withLock { $0 = filled }
        loop.atEnd { [self] in empty() }
    }

    /// The value ends here, on its own thread, unless somebody there holds it too.
    private func empty() {
        let last = place.withLock { place in
            defer { place = nil }
            return place
        }
        withExtendedLifetime(last) {}
    }

    /// Runs `work` with the value on its loop's thread.
    package func post(_ work: @escaping @Sendable (Value) -> Void) {
        guard let place = place.withLock({ $0 }) else { return }
        place.mailbox.post { work(place.value.value) }
    }
}
