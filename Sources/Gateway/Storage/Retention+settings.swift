import Settings

extension Retention {
    init(_ settings: Settings) throws {
        self.init()
        executions = try settings.span("executionsKept", default: executions)
        keys = try settings.span("idempotencyKeysKept", default: keys)
        blobs = try settings.span("filesKept", default: blobs)
        logBytes = try settings.bytes("logBytesPerExecution", default: logBytes)
        blobBytesPerUser = try settings.bytes("fileBytesPerUser", default: blobBytesPerUser)
        freeBytes = try settings.bytes("freeBytes", default: freeBytes)
        period = try settings.span("sweepPeriod", default: period)
    }
}
