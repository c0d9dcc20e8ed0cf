private import CZeroMQ
private import Glibc
private import Synchronization

extension PollLoop {
    /// A thread that makes a loop, fills it and runs it.
    package final class Thread: Sendable {
        package let mailbox: Mailbox
        private let ended: Ended

        /// Returns when `setUp` has run on the new thread; what it throws is thrown here, and then there is no thread.
        ///
        /// `name` shows in `ps -L`; at most 15 bytes.
        package init<Failure: Error>(
            name: String, context: Context, setUp: @escaping @Sendable (PollLoop) throws(Failure) -> Void
        ) throws {
            let started = Started()
            let ended = Ended()
            Self.detach(telling: ended) {
                estiba_name_thread(name)
                do {
                    let loop = try PollLoop(context: context)
                    try setUp(loop)
                    started.tell(.success(loop.mailbox))
                    loop.run()
                } catch {
                    started.tell(.failure(error))
                }
            }
            mailbox = try started.wait().get()
            self.ended = ended
        }

        package func stop() { mailbox.stop() }

        /// Waits until the loop has ended, and its sockets and its hold on the context are let go.
        package func join() { ended.wait() }

        private static func detach(telling ended: Ended, _ work: @escaping @Sendable () -> Void) {
            let box = Unmanaged.passRetained(Body(work, ended))
            var thread = pthread_t()
            let result = pthread_create(
                &thread, nil,
                { argument in
                    if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                    return nil
                }, box.toOpaque())
            guard result == 0 else { fatalError("no thread: error \(result)") }
            pthread_detach(thread)
        }
    }

    /// A value that lives on a loop, so that posted closures can name it; reading it on another thread is a trap.
    package struct Bound<Value>: @unchecked Sendable {
        private let stored: Value
        private let thread: pthread_t

        fileprivate init(_ value: Value, _ thread: pthread_t) {
            stored = value
            self.thread = thread
        }

        package var value: Value {
            precondition(pthread_equal(thread, pthread_self()) != 0, "not on the thread of the loop")
            return stored
        }
    }

    /// Binds a value to this loop's thread. The last reference to what must end on the loop should be held there.
    package func bind<Value>(_ value: Value) -> Bound<Value> { Bound(value, pthread_self()) }
}

/// What a thread does. Touched by the thread alone once it is there.
private final class Body: @unchecked Sendable {
    private var work: (@Sendable () -> Void)?
    private let ended: Ended

    init(_ work: @escaping @Sendable () -> Void, _ ended: Ended) {
        self.work = work
        self.ended = ended
    }

    /// What the work holds is let go of before its end is told: who waits for that binds the same ports again.
    func run() {
        work?()
        work = nil
        ended.tell()
    }
}

/// A result that one thread waits for.
private final class Started: @unchecked Sendable {
    private let semaphore = Semaphore()
    private var result: Result<Mailbox, any Error>?

    func tell(_ result: Result<Mailbox, any Error>) {
        self.result = result
        semaphore.signal()
    }

    func wait() -> Result<Mailbox, any Error> {
        semaphore.wait()
        return result ?? .failure(ZeroMQError("thread", ECANCELED))
    }
}

private final class Ended: Sendable {
    private let semaphore = Semaphore()
    func tell() { semaphore.signal() }

    func wait() {
        semaphore.wait()
        semaphore.signal()
    }
}

/// sem_t at a place of its own, as sem_init(3) wants it.
private final class Semaphore: @unchecked Sendable {
    private let raw = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() { sem_init(raw, 0, 0) }
    deinit {
        sem_destroy(raw)
        raw.deallocate()
    }

    func signal() { sem_post(raw) }
    func wait() { while sem_wait(raw) != 0 {} }
}
