/// Bytes read and written by all whole disks, as /proc/diskstats counts them (the kernel's iostats document).
struct DiskCounters: Equatable, Sendable {
    /// diskstats counts in these, whatever the device's own sectors are.
    private static let sector: UInt64 = 512
    /// They stand on others, which are counted themselves, or on memory.
    private static let leftOut = ["loop", "ram", "zram", "dm-", "md", "sr", "fd"]

    var read: UInt64 = 0
    var written: UInt64 = 0

    /// `blocks`: the names in /sys/block, which has no partitions; nil where no disk of them is counted.
    init?(_ text: ArraySlice<UInt8>, blocks: Set<String>) {
        var isAny = false
        var lines = Words(text)
        while var line = lines.line() {
            line.skip(2)
            guard let name = line.text(), blocks.contains(name), !Self.leftOut.contains(where: name.hasPrefix) else {
                continue
            }
            line.skip(2)
            guard let read = line.number() else { continue }
            line.skip(3)
            guard let written = line.number() else { continue }
            self.read &+= read &* Self.sector
            self.written &+= written &* Self.sector
            isAny = true
        }
        if !isAny { return nil }
    }
}

/// A counter's growth a second; one that went back (it wrapped, its device was replaced) gives 0.
func growth(_ now: UInt64, since old: UInt64, seconds: Double) -> Double {
    now > old && seconds > 0 ? Double(now - old) / seconds : 0
}
