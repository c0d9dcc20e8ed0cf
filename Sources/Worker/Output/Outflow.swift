/// How far a run's spool has been published and copied: what may be sent next. Positions are byte offsets in the spool.
///
/// The owner's `copied` is the credit: what is on its disk. Its `taken`, which comes at once, sets the pace: no more is on its
/// way than this run's share, so that the lines of others do not wait behind it. The output lane may drop, and a dropped last
/// slice is followed by nothing that would show the gap; so when nothing is said for a while, publishing goes back to what is
/// known to be copied.
package struct Outflow: Equatable, Sendable {
    package static let credit: UInt64 = 4 << 20
    /// The longest slice; where the window is small, four fit in it, so that of one that is dropped the next one tells.
    package static let slice: UInt64 = 64 << 10
    private static let shortestSlice: UInt64 = 16 << 10
    /// Until the owner says what may be on its way.
    static let firstWindow: UInt64 = 128 << 10
    static let patience: [Duration] = [.seconds(1), .seconds(2), .seconds(5)]

    /// The end of the spool as the supervisor last said.
    package private(set) var length: UInt64 = 0
    package private(set) var published: UInt64
    package private(set) var copied: UInt64
    /// In the owner's log, but perhaps not on its disk.
    private var taken: UInt64
    /// Bytes that may be on their way beyond what is taken.
    private var window = firstWindow
    /// From there to the end the spool is not on the disk.
    private var lostFrom: UInt64?
    /// What cannot be read and was not published ends here, let go of or damaged: publishing goes on at this position once
    /// nothing is under way, so that it is no credit and what comes behind does not reach the owner before what came in front.
    private var resumption: UInt64?
    /// Where publishing went on the last time; what lies before was never under way.
    private var resumed: UInt64 = 0
    private var stalls = 0
    private var lastProgress: ContinuousClock.Instant

    package init(from released: UInt64, at now: ContinuousClock.Instant) {
        published = released
        copied = released
        taken = released
        length = released
        lastProgress = now
    }

    /// Where to read and how many bytes at most; nil when all is sent or the credit is used up.
    package var next: (position: UInt64, limit: UInt64)? {
        guard !isHeldBack, published < length else { return nil }
        return (published, min(slice, length - published))
    }

    /// However much longer the spool gets, nothing can be published before more is taken or copied.
    package var isHeldBack: Bool {
        resumption != nil || published >= underWayFrom + Self.credit || isWindowFull
    }

    private var isWindowFull: Bool { published >= max(taken, underWayFrom) + window }

    private var slice: UInt64 { min(max(window / 4, Self.shortestSlice), Self.slice) }

    private var underWayFrom: UInt64 { max(copied, min(resumed, published)) }

    /// Bytes published that the owner may not have yet.
    package var underWay: UInt64 { published - underWayFrom }

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

    package mutating func taken(upTo position: UInt64, window: UInt64, at now: ContinuousClock.Instant) {
        guard position <= length else { return }
        // Its share counts also where nothing may be published beyond what is copied.
        if position >= taken { self.window = min(max(window, Self.shortestSlice), Self.credit) }
        guard position > taken, resumption == nil else { return }
        taken = position
        published = max(published, position)
        // Its disk may be slow; it is not silent.
        lastProgress = now
    }

    package mutating func copied(upTo position: UInt64, at now: ContinuousClock.Instant) {
        guard position > copied, position <= length else { return }
        copied = position
        taken = max(taken, position)
        published = max(published, position)
        if let resumption, resumption <= published { self.resumption = nil }
        lastProgress = now
        stalls = 0
    }

    /// Goes back to what is copied when the owner has been silent for too long; how far it was published, which the owner is to
    /// be told: where slices do not reach it, it asks.
    @discardableResult
    package mutating func tick(at now: ContinuousClock.Instant) -> UInt64? {
        guard let recheck, now >= recheck else { return nil }
        defer { published = copied }
        taken = copied
        // Whatever is in the way, more at once does not help.
        window = Self.shortestSlice
        // What is behind the copy may be there all the same.
        resumption = nil
        resumed = 0
        lastProgress = now
        stalls += 1
        return published
    }

    /// The run is over and nothing can be read at `position`: the machine lost its power before the rest of the spool was on
    /// the disk. The exit record, which is synced, may speak of more.
    package mutating func lost(from position: UInt64) {
        guard position < length else { return }
        lostFrom = min(lostFrom ?? position, position)
        released(upTo: length)
    }

    /// The first position at or behind `asked` of which there may still be something; `held` is the spool's first.
    package func released(asked: UInt64, held: UInt64) -> UInt64 {
        guard let lostFrom, asked >= lostFrom else { return held }
        return max(held, length)
    }

    /// What lies before `position` cannot be read (any more). What has been published may reach the owner all the same.
    package mutating func released(upTo position: UInt64) {
        guard position > published else { return }
        resumption = max(resumption ?? 0, position)
    }

    /// Something cannot be read, and nothing is under way that has to come before what can.
    package var isHeldUp: Bool { resumption != nil && published <= underWayFrom }

    /// Goes on behind what cannot be read, where nothing is under way any more; from there, which the owner is to be told first.
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
