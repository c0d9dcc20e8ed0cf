import Bus
import Logging
import Messages
import Spool
import Supervisor
import SwiftProtobuf
import ZeroMQ

/// Publishes one run's spool as `Outflow` allows, and answers its owner's requests for what was missed. On the loop.
final class OutputPump {
    /// Bytes sent for one request; the next request is the credit for more.
    private static let replayBytes = 1 << 20

    private static let shortestPause = Duration.milliseconds(1)

    let spool: UInt64
    private(set) var flow: Outflow
    private let topic: [UInt8]
    private let execution: ExecutionID
    var owner: Principal
    private let site: Site
    private let reader: SpoolReader
    private var retry: ZeroMQ.Timer?
    private var pause = shortestPause
    /// Nothing is written to the spool any more: what cannot be read now never can.
    private var isOver = false
    /// The last place that could not be read, so that it is logged once.
    private var damaged: UInt64?
    private let log = Logger(label: "estiba.worker")

    init(_ execution: ExecutionID, user: String, owner: Principal, spool: UInt64, site: Site) {
        self.execution = execution
        self.owner = owner
        self.spool = spool
        self.site = site
        topic = Topic.output(user: user, execution, site.node).bytes
        reader = SpoolReader(site.store.folder(of: execution).spool)
        flow = Outflow(from: (try? reader.released()) ?? 0, at: site.loop.now)
    }

    deinit {
        if let retry { site.loop.cancel(retry) }
    }

    func grew(to length: UInt64, released: UInt64) {
        flow.grew(to: length)
        flow.released(upTo: released)
        pump()
    }

    /// The run is over and the spool as long as it will be.
    func end(at length: UInt64) {
        isOver = true
        grew(to: length, released: 0)
    }

    func taken(upTo position: UInt64, window: UInt64) {
        flow.taken(upTo: position, window: window, at: site.loop.now)
        pump()
    }

    func copied(upTo position: UInt64) {
        flow.copied(upTo: position, at: site.loop.now)
        pump()
    }

    func tick() {
        if let end = flow.tick(at: site.loop.now) { say(released: 0, length: end, to: owner) }
        pump()
    }

    /// Sends what may be sent; what is dropped on the way all the same, `tick` finds.
    func pump() {
        guard retry == nil, let link = site.link else { return }
        let brokers = site.interest.brokers(for: topic)
        guard !brokers.isEmpty else { return }
        while true {
            if let position = flow.resume(at: site.loop.now) { say(released: position, length: position, to: owner) }
            guard let next = flow.next else { return }
            guard let records = read(next.position, limit: Int(next.limit)) else {
                // Let go of meanwhile: on from what is there, unless something is still under way.
                if flow.next == nil, flow.isHeldUp { continue }
                return
            }
            guard !records.isEmpty else {
                if let sound = passDamage(at: next.position) { flow.released(upTo: sound) }
                if flow.next == nil, flow.isHeldUp { continue }
                return
            }
            let slice = sealed(records, at: next.position)
            let taken = brokers.filter { link.publish(topic, [slice, records], via: $0) }
            guard !taken.isEmpty else { return pumpLater() }
            pause = Self.shortestPause
            flow.sent(upTo: next.position + UInt64(records.count), at: site.loop.now)
        }
    }

    /// Answers a request for a range: slices over the bulk lane, then what is held over commands.
    func replay(_ request: WireReplay, to gateway: Principal) {
        var position = request.from
        var sent = 0
        var released = (try? reader.released()) ?? 0
        while position < request.to, sent < Self.replayBytes {
            let limit = Int(min(Outflow.slice, request.to - position))
            guard let records = read(position, limit: limit) else { break }
            guard !records.isEmpty else {
                // Said once it is what is asked for: then it is a gap, up to where the spool can be read.
                if position == request.from, let sound = passDamage(at: position) { released = max(released, sound) }
                break
            }
            let range = sealed(records, at: position) + records
            let header = Header(.range, execution, sequence: position)
            guard site.link?.send(.bulk, to: gateway, header, body: range) == true else { break }
            position += UInt64(records.count)
            sent += records.count
        }
        // The supervisor may not have said yet that the spool is that long, and is not asked while nothing can be published:
        // without it what the owner says of the range would be taken for nonsense.
        let end = sent > 0 ? position : flow.published
        flow.grew(to: max(released, end))
        // What is not published yet comes by itself: an owner that heard of it would ask for it, and get all of it twice.
        say(
            released: max(released, flow.released(asked: request.from, held: released)),
            length: isOver ? flow.length : max(flow.published, end), to: gateway)
    }

    /// What is not there any more, and how far there is something.
    private func say(released: UInt64, length: UInt64, to gateway: Principal) {
        let held = WireReplayed.with {
            $0.spool = spool
            $0.released = released
            $0.length = length
        }
        guard let body: [UInt8] = try? held.serializedBytes() else { return }
        site.send(Header(.replayed, execution), body, to: gateway)
    }

    /// The queue is full: tried again in a moment, and less and less often while the broker takes nothing.
    private func pumpLater() {
        retry = site.loop.after(pause) { [weak self] in
            self?.retry = nil
            self?.pump()
        }
        pause = min(pause * 2, .milliseconds(64))
    }

    private func read(_ position: UInt64, limit: Int) -> [UInt8]? {
        do throws(SpoolReader.Problem) {
            return try reader.read(from: position, upTo: limit)
        } catch {
            switch error {
            case .released(let first): flow.released(upTo: first)
            case .damaged: return []
            case .system: break
            }
            return nil
        }
    }

    /// Where the spool can be read again, where there ought to be a record and is none; nil at its end. What ought to be
    /// behind the end of a run that is over never will be.
    private func passDamage(at position: UInt64) -> UInt64? {
        guard position < flow.length, let found = try? reader.soundPosition(after: position) else { return nil }
        guard found > position else {
            if isOver { flow.lost(from: position) }
            return nil
        }
        let sound = min(found, flow.length)
        if damaged != position {
            damaged = position
            log.error(
                "spool damaged",
                metadata: ["execution": "\(execution)", "position": "\(position)", "bytes": "\(sound - position)"])
        }
        return sound
    }

    /// The header of a slice, with its MAC.
    private func sealed(_ records: [UInt8], at position: UInt64) -> [UInt8] {
        var header = SliceHeader(
            length: UInt32(records.count), spool: spool, position: position, timeNanoseconds: WallClock.nanoseconds)
        header.mac = SliceMAC.compute(topic: topic, header: header, records: records, keys: site.keys)
        return header.bytes
    }
}
