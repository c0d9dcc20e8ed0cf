/// A copy of another gateway's log that is pulled, and who waits for it.
struct OpenMirror {
    let file: MirrorFile
    /// Tells it from one that was open before.
    let number: UInt64
    var holds = 1
    var isComplete: Bool
    private(set) var standing = Mirrors.Standing.behind
    /// Fired unless the copy is behind.
    private(set) var settled = Signal()
    /// Since when nobody holds it.
    var idleSince: Duration?

    init(_ file: MirrorFile, number: UInt64, of other: Other) {
        self.file = file
        self.number = number
        isComplete = other.isComplete && other.logEnd > 0 && file.end >= other.logEnd
        if isComplete { stand(.caughtUp) }
    }

    mutating func stand(_ standing: Mirrors.Standing) {
        guard self.standing != standing else { return }
        self.standing = standing
        if standing != .behind {
            settled.fire()
        } else if settled.hasFired {
            settled = Signal()
        }
    }
}
