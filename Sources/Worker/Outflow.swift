/// How far a run's spool has been published and copied: what may be sent next. Positions are byte offsets in the spool.
///
/// The owner's `copied` is the credit. The output lane may drop, and a dropped last slice is followed by nothing that would
/// show the gap; so when nothing is said for a while, publishing goes back to what is known to be copied.
package struct Outflow: Equatable, Sendable {
    static let credit: UInt64 = 4 << 20
    static let slice: UInt64 = 64 << 10
    static let patience: [Duration] = [.seconds(1), .seconds(2), .seconds(5)]

    /// The end of the spool as the supervisor last said.
    package private(set) var length: UInt64 = 0
    private(set) var published: UInt64
    private(set) var copied: UInt64
    /// What the spool let go of before it was published ends here: publishing goes on at this position once nothing is under
    /// way, so that letting go is no credit and what comes behind does not reach the owner before what came in front.
    private var resumption: UInt64?
    /// Where publishing went on the last time; what lies before was never under way.
    private var resumed: UInt64 = 0
    private var stalls = 0
    private var lastProgress: ContinuousClock.Instant

    package init(from released: UInt64, at now: ContinuousClock.Instant) {
        published = released
        copied = released
        length = released
        lastProgress = now
    }

    /// Where to read and how many bytes at most; nil when all is sent or the credit is used up.
    package var next: (position: UInt64, limit: UInt64)? {
        guard resumption == nil, published < length, published < underWayFrom + Self.credit else { return nil }
        return (published, min(Self.slice, length - published))
    }

    /// However much longer the spool gets, nothing can be published before more is copied.
    var isHeldBack: Bool { resumption != nil || published >= underWayFrom + Self.credit }

    private var underWayFrom: UInt64 { max(copied, min(resumed, published)) }

    package var isAllCopied: Bool { copied >= length }

    /// When to look again at what was sent and not copied; nil when nothing is owed.
    var recheck: ContinuousClock.Instant? {
        published > copied ? lastProgress + Self.patience[min(stalls, Self.patience.count - 1)] : nil
    }

    package mutating func grew(to length: UInt64) {
        self.length = max(self.length, length)
    }

    package mutating func sent(upTo position: UInt64, at now: ContinuousClock.Instant) {
        if published == copied { lastProgress = now }
        published = max(published, position)
    }

    package mutating func copied(upTo position: UInt64, at now: ContinuousClock.Instant) {
        guard position > copied, position <= length else { return }
        copied = position
        published = max(published, position)
        if let resumption, resumption <= published { self.resumption = nil }
        lastProgress = now
        stalls = 0
    }

    /// Goes back to what is copied when the owner has been silent for too long.
    package mutating func tick(at now: ContinuousClock.Instant) {
        guard let recheck, now >= recheck else { return }
        published = copied
        resumed = 0
        lastProgress = now
        stalls += 1
    }

    /// The spool let go of its oldest segments: what lies before is not there any more. What has been published may reach
    /// the owner all the same.
    package mutating func released(upTo position: UInt64) {
        guard position > published else { return }
        resumption = max(resumption ?? 0, position)
    }

    /// Something was let go of, and nothing is under way that has to come before what is there.
    var isHeldUp: Bool { resumption != nil && published <= underWayFrom }

    /// Goes on behind what was let go of, where nothing is under way any more; from there, which the owner is to be told first.
    package mutating func resume(at now: ContinuousClock.Instant) -> UInt64? {
        guard let position = resumption, published <= underWayFrom else { return nil }
        resumption = nil
        if published == copied { lastProgress = now }
        published = position
        resumed = position
        length = max(length, position)
        return position
    }
}
