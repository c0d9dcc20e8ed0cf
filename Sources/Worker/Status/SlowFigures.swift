import Glibc
import Messages
import Spool
import SwiftProtobuf

/// What changes seldom and costs more to find out.
struct SlowFigures {
    var hostname = ""
    var kernel = ""
    var addresses: [String] = []
    var disks: [WireStatus.Disk] = []
    /// The interface that is looked at, and the names of whole disks.
    var interface: String?
    var blocks: Set<String> = []
    /// Files of the processor's temperature.
    var sensors: [String] = []

    static func read(interface: String?) -> SlowFigures {
        var system = utsname()
        let isNamed = uname(&system) == 0
        return SlowFigures(
            hostname: isNamed ? text(of: &system.nodename) : "", kernel: isNamed ? text(of: &system.release) : "",
            addresses: Addresses.read(), disks: readDisks(),
            interface: interface
                ?? NetworkCounters.defaultInterface(
                    route: SystemFile.once("/proc/net/route", limit: 64 << 10),
                    ipv6Route: SystemFile.once("/proc/net/ipv6_route", limit: 64 << 10)),
            blocks: Set((try? File.names(in: "/sys/block")) ?? []), sensors: Temperature.choose(Temperature.sensors()))
    }

    func fill(_ status: inout WireStatus) {
        status.hostname = hostname
        status.kernel = kernel
        status.addresses = addresses
        status.disks = disks
    }

    private static func readDisks() -> [WireStatus.Disk] {
        MountTable.local(SystemFile.once("/proc/self/mounts", limit: 256 << 10) ?? []).compactMap { mount in
            var room = statvfs()
            guard statvfs(mount.path, &room) == 0, room.f_blocks > 0 else { return nil }
            return .with {
                $0.path = mount.path
                $0.totalBytes = UInt64(room.f_blocks) &* UInt64(room.f_frsize)
                // What users can still take; a few percent are root's.
                $0.freeBytes = UInt64(room.f_bavail) &* UInt64(room.f_frsize)
            }
        }
    }

    private static func text<Field>(of field: inout Field) -> String {
        withUnsafeBytes(of: &field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
