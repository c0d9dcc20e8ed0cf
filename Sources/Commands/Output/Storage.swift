/// What a user has at the gateway, and what bounds it, as `GET storage` says it. Bytes, and seconds.
struct OwnStorage: Decodable, Sendable {
    struct Held: Decodable, Sendable { var bytes, limit, kept: UInt64 }
    struct Uploads: Decodable, Sendable { var count, bytes, limit, kept: UInt64 }
    struct Mirrors: Decodable, Sendable { var count, bytes, limit, kept: UInt64 }
    struct Executions: Decodable, Sendable { var count, kept: UInt64 }
    struct Logs: Decodable, Sendable { var bytes, limit: UInt64 }
    struct Keys: Decodable, Sendable { var kept: UInt64 }
    struct Disk: Decodable, Sendable {
        var free, needed, journal: UInt64
        var full: Bool
    }

    var user: String
    var files: Held
    var uploads: Uploads
    var executions: Executions
    var logs: Logs
    var idempotencyKeys: Keys
    /// Not told by gateways of earlier versions.
    var mirrors: Mirrors?
    var gateway: Disk

    var lines: [String] {
        var rows = [
            ["AT THE GATEWAY", "HELD", "AT MOST", "KEPT"],
            ["executions", "\(executions.count)", "-", "\(Quantity.span(executions.kept)) after their end"],
            ["output", Quantity.bytes(logs.bytes), "\(Quantity.bytes(logs.limit)) each", "with the execution"],
            [
                "files", Quantity.bytes(files.bytes), Quantity.bytes(files.limit),
                "with the last execution that names them, else \(Quantity.span(files.kept))",
            ],
            [
                "unfinished uploads", Quantity.bytes(uploads.bytes), Quantity.bytes(uploads.limit),
                Quantity.span(uploads.kept),
            ],
            ["idempotency keys", "-", "-", Quantity.span(idempotencyKeys.kept)],
        ]
        if let mirrors { rows.append(mirrorsRow(mirrors)) }
        rows.append([
            "disk", "\(Quantity.bytes(gateway.free)) free", "-",
            gateway.full
                ? "FULL: nothing is taken on with less than \(Quantity.bytes(gateway.needed)) free"
                : "takes work down to \(Quantity.bytes(gateway.needed)) free",
        ])
        return Table.lines(rows) + [""]
    }

    private func mirrorsRow(_ mirrors: Mirrors) -> [String] {
        [
            "copies of other gateways' output", Quantity.bytes(mirrors.bytes), Quantity.bytes(mirrors.limit),
            "\(Quantity.span(mirrors.kept)) after they were last read",
        ]
    }
}

extension NodeStatus {
    static let storageHead = ["NODE", "RUN FOLDERS", "KEPT", "CACHE", "AT MOST", "DISK FREE", "NOTE"]

    /// One row of the table; what is not known is `-`.
    var storageRow: [String] {
        guard let storage = status?.storage else {
            return [node] + Array(repeating: "-", count: Self.storageHead.count - 2)
                + [status != nil ? "does not say" : present ? "does not answer" : "away"]
        }
        let isFull = storage.free < storage.needed
        return [
            node, "\(storage.runFolders)",
            "\(Quantity.span(storage.runsKept)), unowned \(Quantity.span(storage.unownedRunsKept))",
            Quantity.bytes(storage.cache), Quantity.bytes(storage.cacheLimit), Quantity.bytes(storage.free),
            isFull ? "FULL: takes no orders with less than \(Quantity.bytes(storage.needed)) free" : "",
        ]
    }
}

/// Amounts for people.
enum Quantity {
    /// In powers of two: `1.5 GiB`.
    static func bytes(_ bytes: UInt64) -> String {
        var (value, unit) = (Double(bytes), 0)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        while value >= 1023.95, unit < units.count - 1 { (value, unit) = (value / 1024, unit + 1) }
        return NodeStatus.number(value, digits: unit > 0 && value < 99.95 ? 1 : 0) + " " + units[unit]
    }

    /// In the largest unit that is whole: `30 days`, `24 hours`.
    static func span(_ seconds: UInt64) -> String {
        for (name, length) in [("day", UInt64(86_400)), ("hour", 3600), ("minute", 60)]
        where seconds >= length && seconds.isMultiple(of: length) && (length != 86_400 || seconds > length) {
            return "\(seconds / length) \(name)\(seconds == length ? "" : "s")"
        }
        return "\(seconds) second\(seconds == 1 ? "" : "s")"
    }
}
