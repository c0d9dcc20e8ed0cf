import Messages
import SwiftProtobuf

/// Memory and swap as /proc/meminfo has them, or as the container's cgroup bounds them.
enum MemoryFigures {
    static func read(_ text: ArraySlice<UInt8>) -> WireStatus.Memory? {
        var values: [String: UInt64] = [:]
        var words = Words(text)
        while var line = words.line(), let name = line.text() {
            if let kibibytes = line.number() { values[name] = kibibytes &* 1024 }
        }
        guard let total = values["MemTotal:"], total > 0 else { return nil }
        return .with {
            $0.total = total
            $0.free = values["MemFree:"] ?? 0
            $0.buffers = values["Buffers:"] ?? 0
            $0.cached = (values["Cached:"] ?? 0) &+ (values["SReclaimable:"] ?? 0)
            // Kernels before 3.14 do not say it.
            $0.available = values["MemAvailable:"] ?? min(total, $0.free &+ $0.buffers &+ $0.cached)
            $0.swapTotal = values["SwapTotal:"] ?? 0
            $0.swapFree = values["SwapFree:"] ?? 0
        }
    }

    /// What a container may have, in bytes: the limit and the use of the cgroup that it sees as the root.
    struct Limit: Equatable {
        var limit: UInt64
        var used: UInt64
        /// Page cache among what is used.
        var cached: UInt64
    }

    /// The files' texts; nil where there is no limit (`max`, or version 1's number beyond every memory).
    static func limit(
        max: ArraySlice<UInt8>?, current: ArraySlice<UInt8>?, stat: ArraySlice<UInt8>?
    ) -> Limit? {
        guard let limit = max.flatMap(first), let used = current.flatMap(first) else { return nil }
        var cached: UInt64 = 0
        var words = Words(stat ?? [])
        while var line = words.line(), let name = line.text() {
            // Version 2 says file, version 1 total_cache.
            if name == "file" || name == "total_cache" { cached = line.number() ?? 0 }
        }
        return Limit(limit: limit, used: used, cached: Swift.min(cached, used))
    }

    static func bound(_ memory: WireStatus.Memory, by limit: Limit) -> WireStatus.Memory {
        guard limit.limit < memory.total else { return memory }
        var bound = memory
        bound.total = limit.limit
        bound.free = limit.limit - min(limit.used, limit.limit)
        bound.cached = min(limit.cached, limit.limit)
        bound.buffers = 0
        bound.available = min(memory.available, min(limit.limit, bound.free + bound.cached))
        return bound
    }

    private static func first(_ text: ArraySlice<UInt8>) -> UInt64? {
        var words = Words(text)
        guard var line = words.line() else { return nil }
        return line.number()
    }
}
