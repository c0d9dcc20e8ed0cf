import Messages

/// How long the gateway keeps what, and how much of it. Decides only: no clock, no disk.
struct Retention: Sendable, Equatable {
    /// After its end; logs and files go with it.
    var executions = Duration.seconds(30 * 86_400)
    /// How long an idempotency key stands; never longer than its execution is kept.
    var keys = Duration.seconds(24 * 3600)
    /// Files that no kept execution names, after they were brought or last named.
    var blobs = Duration.seconds(24 * 3600)
    /// Of one execution's log; what comes beyond is one recorded gap.
    var logBytes: UInt64 = 10 << 30
    /// Of the files of one user.
    var blobBytesPerUser: UInt64 = 256 << 30
    /// What has to be free for new work to be taken on: room for what was accepted before.
    var freeBytes: UInt64 = 64 << 20
    /// Between two sweeps.
    var period = Duration.seconds(60)

    /// Where keys go before their executions, none ever stands for something that is gone.
    var keysKept: Duration { min(keys, executions) }

    /// That an execution is gone is known for as long again as it was kept, and thirty days at least.
    var tombs: Duration { max(executions, .seconds(30 * 86_400)) }

    /// What is older than this goes.
    static func cutoff(_ kept: Duration, at unixMilliseconds: Int64) -> Int64 {
        unixMilliseconds - Int64(clamping: Int(kept / .milliseconds(1)))
    }

    /// A file that a user brought, as it lies there.
    struct Blob: Sendable, Equatable {
        /// When somebody last brought or named it, Unix milliseconds.
        var touched: Int64
        /// A kept execution names it.
        var isReferenced: Bool
    }

    func isOver(_ blob: Blob, at unixMilliseconds: Int64) -> Bool {
        !blob.isReferenced && blob.touched < Self.cutoff(blobs, at: unixMilliseconds)
    }

    /// A log without an execution: one that is being accepted is young.
    func isOver(strayLog modified: Int64, at unixMilliseconds: Int64) -> Bool {
        modified < Self.cutoff(.seconds(3600), at: unixMilliseconds)
    }

    /// Why a user may not bring `size` more bytes; nil where there is room.
    func refusal(size: UInt64, held: UInt64) -> Failure? {
        guard size > blobBytesPerUser - min(held, blobBytesPerUser) else { return nil }
        return Failure(
            .noSpace,
            """
            Your files hold \(Amounts.text(held)) of \(Amounts.text(blobBytesPerUser)) at this gateway, and this one has \
            \(Amounts.text(size)). A file goes \(Amounts.text(blobs)) after it was brought, or with the last execution that \
            names it; those are kept \(Amounts.text(executions)).
            """)
    }

    /// Why nothing new is taken on where so much is free; nil where there is room.
    func refusal(freeBytes free: UInt64) -> Failure? {
        guard free < freeBytes else { return nil }
        return Failure(
            .noSpace,
            """
            The gateway's disk is full: \(Amounts.text(free)) are free, and \(Amounts.text(freeBytes)) are kept for what was \
            accepted before. Nothing was taken on; try again when its operator has made room.
            """)
    }
}
