import Bus
import Messages
import Spool
import SwiftProtobuf
import Synchronization
import ZeroMQ

/// Publishes the node's figures while somebody looks at them; while nobody does, nothing is read. On the loop.
final class StatusPublisher {
    /// From the first look to the first figures: rates need two readings.
    private static let first = Duration.milliseconds(250)

    private let site: Site
    private let liveRuns: () -> Int
    private let topic: [UInt8]
    private let measuring: Measuring
    /// A thread of its own: a disk or a directory that does not answer holds up the figures only.
    private let chores = Chores(threads: 1)
    private var timer: ZeroMQ.Timer?
    private var isReading = false

    init(_ site: Site, liveRuns: @escaping () -> Int) {
        self.site = site
        self.liveRuns = liveRuns
        topic = Topic.status(site.node).bytes
        measuring = Measuring(site.settings.status)
    }

    /// To be called whenever somebody began or ceased to listen to something.
    func interestChanged() {
        let isWanted = !site.interest.brokers(for: topic).isEmpty
        if isWanted, timer == nil {
            read(publishes: false)
            timer = site.loop.after(Self.first, every: site.settings.statusPeriod) { [weak self] in
                self?.read(publishes: true)
            }
        } else if !isWanted, let timer {
            site.loop.cancel(timer)
            self.timer = nil
            chores.add { [measuring] in measuring.forget() }
        }
    }

    private func read(publishes: Bool) {
        guard !isReading else { return }
        isReading = true
        let publisher = site.loop.bind(self)
        let mailbox = site.loop.mailbox
        let root = site.store.root
        chores.add { [measuring] in
            var status = measuring.read()
            status.storage.freeBytes = File.freeBytes(at: root) ?? 0
            mailbox.post { [status] in publisher.value.done(status, publishes: publishes) }
        }
    }

    private func note(_ storage: inout WireStatus.Storage) {
        let settings = site.settings
        storage.runFolders = UInt32(clamping: site.runFolders)
        storage.remembered = UInt32(clamping: site.remembered.count)
        storage.cacheBytes = site.cache.bytes
        storage.cacheLimitBytes = site.cache.limit
        storage.neededBytes = settings.freeBytes
        storage.runsKeptSeconds = UInt64(clamping: settings.sweep.kept.milliseconds / 1000)
        storage.unownedKeptSeconds = UInt64(clamping: settings.sweep.unowned.milliseconds / 1000)
    }

    private func done(_ status: WireStatus, publishes: Bool) {
        isReading = false
        guard publishes, timer != nil, let link = site.link else { return }
        var status = status
        status.runs = UInt32(clamping: liveRuns())
        note(&status.storage)
        if let gateway = site.clocks.latest(at: site.loop.now) {
            status.offsetMilliseconds = WallClock.milliseconds - gateway
        }
        guard let body: [UInt8] = try? status.serializedBytes() else { return }
        // Into a full queue it is dropped: the next one is newer.
        for broker in site.interest.brokers(for: topic) { link.publish(topic, [body], via: broker) }
    }
}

/// What is measured with, for the thread that measures; its files are open only while somebody looks.
private final class Measuring: Sendable {
    private let choice: Measure.Choice
    private let measure = Mutex<Measure?>(nil)

    init(_ choice: Measure.Choice) { self.choice = choice }

    func read() -> WireStatus {
        measure.withLock { measure in
            var current = measure.take() ?? Measure(choice)
            let status = current.read()
            measure = consume current
            return status
        }
    }

    func forget() { measure.withLock { $0 = nil } }
}
