import Foundation
import Glibc
import Messages
import SwiftProtobuf
import Testing

@testable import Worker

private func text(_ string: String) -> ArraySlice<UInt8> { Array(string.utf8)[...] }

/// The texts of /proc and /sys, odd ones too, and what is made of them.
struct StatusFigureTests {
    @Test func `cores are compared by their number, so one that is switched off shifts none`() {
        let old = CPUTimes(
            text("cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 50 0 50 400\ncpu1 50 0 50 400\ncpu2 0 0 0 9\nintr 5\n"))
        let new = CPUTimes(text("cpu  200 0 100 900 0 0 0 0 0 0\ncpu0 150 0 50 400\ncpu2 0 0 0 109\nintr 9\n"))
        let percent = new.percent(since: old)
        #expect(percent.all == 50)
        #expect(percent.cores == [100, 0])
    }

    @Test func `iowait counts as idle, steal as busy, and a counter that goes back as standing still`() {
        let old = CPUTimes(text("cpu  10 0 10 100 50 0 0 0\n"))
        #expect(CPUTimes(text("cpu  10 0 10 100 60 0 0 10\n")).percent(since: old).all == 50)
        #expect(CPUTimes(text("cpu  20 0 10 90 50 0 0 0\n")).percent(since: old).all == 100)
        #expect(old.percent(since: old).all == nil)
    }

    @Test func `128 cores are 128 figures`() {
        let lines = (0..<128).map { "cpu\($0) \($0) 0 0 \(1000 - $0)\n" }.joined()
        let again = (0..<128).map { "cpu\($0) \($0 + $0) 0 0 \(1100 - $0 - $0)\n" }.joined()
        let percent = CPUTimes(text("cpu 1 1 1 1\n" + again)).percent(since: CPUTimes(text("cpu 1 1 1 1\n" + lines)))
        #expect(percent.cores.count == 128 && percent.cores[0] == 0 && percent.cores[100] == 100)
    }

    @Test(arguments: ["", "cpu", "cpu 1 2", "cpu a b c d\n", "nonsense\n", "cpu 99999999999999999999 1 1 1\n"])
    func `what is no counter is none`(_ odd: String) {
        let times = CPUTimes(text(odd))
        #expect(times.all == nil && times.percent(since: times).all == nil)
    }

    @Test func `memory without swap, and of a kernel that does not say what is available`() throws {
        let memory = try #require(
            MemoryFigures.read(
                text("MemTotal:  1000 kB\nMemFree: 100 kB\nBuffers: 50 kB\nCached: 300 kB\nSReclaimable: 20 kB\n")))
        #expect(memory.total == 1_024_000 && memory.cached == 320 * 1024 && memory.available == 470 * 1024)
        #expect(memory.swapTotal == 0 && memory.swapFree == 0)
        #expect(MemoryFigures.read(text("MemFree: 1 kB\n")) == nil)
    }

    @Test func `a container's limit bounds the memory, and no limit leaves it`() throws {
        let memory = try #require(
            MemoryFigures.read(text("MemTotal: 1000000 kB\nMemFree: 500000 kB\nMemAvailable: 800000 kB\n")))
        let limit = MemoryFigures.limit(
            max: text("102400000\n"), current: text("51200000\n"), stat: text("anon 1\nfile 10240000\n"))
        let bound = MemoryFigures.bound(memory, by: try #require(limit))
        #expect(bound.total == 102_400_000 && bound.free == 51_200_000 && bound.cached == 10_240_000)
        #expect(bound.available == 61_440_000)
        #expect(MemoryFigures.limit(max: text("max\n"), current: text("5\n"), stat: nil) == nil)
        let huge = try #require(
            MemoryFigures.limit(max: text("9223372036854771712\n"), current: text("5\n"), stat: nil))
        #expect(MemoryFigures.bound(memory, by: huge) == memory)
        #expect(Container.cores(text("150000 100000\n")) == 1.5 && Container.cores(text("max 100000\n")) == nil)
    }

    @Test func `an interface is found by its whole name, also without a blank after the colon`() throws {
        let table = text(
            "Inter-|   Receive\n face |bytes    packets\n  eth0: 10 1 0 0 0 0 0 0 20 1\nveth0:30 1 0 0 0 0 0 0 40 1\n eth0:1: 5 0 0 0 0 0 0 0 6 0\n"
        )
        #expect(NetworkCounters(table, of: "eth0").map { [$0.received, $0.sent] } == [10, 20])
        #expect(NetworkCounters(table, of: "veth0").map { [$0.received, $0.sent] } == [30, 40])
        #expect(NetworkCounters(table, of: "eth0:1").map { [$0.received, $0.sent] } == [5, 6])
        #expect(NetworkCounters(table, of: "eth1") == nil)
    }

    @Test func `the interface is the default route's with the smallest metric, of IPv6 where there is no other`() {
        let four = text(
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\nwlan0\t00000000\t010200C0\t0003\t0\t0\t600\t00000000\neth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\ntun0\t00000000\t0\t0001\t0\t0\t5\t00000080\n"
        )
        #expect(NetworkCounters.defaultInterface(route: four, ipv6Route: nil) == "eth0")
        let zeros = String(repeating: "0", count: 32)
        let six = text(
            "\(zeros) 00 \(zeros) 00 \(zeros) ffffffff 1 0 200200 lo\n\(zeros) 00 \(zeros) 00 fe80 00000400 1 0 3 eth1\n"
        )
        #expect(NetworkCounters.defaultInterface(route: text("Iface\n"), ipv6Route: six) == "eth1")
        #expect(NetworkCounters.defaultInterface(route: nil, ipv6Route: nil) == nil)
    }

    @Test func `disks are counted whole, and a counter that wraps gives no rate`() {
        let table = text(
            "   8 0 sda 1 0 100 0 1 0 200 0 0 0 0\n   8 1 sda1 1 0 90 0 1 0 190 0 0 0 0\n 253 0 dm-0 1 0 7 0 1 0 7 0 0 0 0\n   7 0 loop0 1 0 7 0 1 0 7 0 0 0 0\n"
        )
        let disks = DiskCounters(table, blocks: ["sda", "dm-0", "loop0"])
        #expect(disks?.read == 51_200 && disks?.written == 102_400)
        #expect(DiskCounters(table, blocks: []) == nil)
        #expect(growth(5, since: .max, seconds: 1) == 0 && growth(30, since: 10, seconds: 2) == 10)
        #expect(growth(30, since: 10, seconds: 0) == 0)
    }

    @Test func `only local file systems are asked for their room, each once, whatever they are called`() {
        let mounts = MountTable.local(
            text(
                """
                /dev/sda1 / ext4 rw 0 0
                /dev/sda1 /var/lib/some\\040where/else ext4 rw 0 0
                /dev/sdb1 /mnt/with\\040blank xfs rw 0 0
                server:/home /home nfs4 rw 0 0
                /dev/fuse /tmp/evil fuse.sshfs rw 0 0
                /dev/loop3 /snap/core squashfs ro 0 0
                tmpfs /run tmpfs rw 0 0
                nonsense
                """))
        #expect(mounts.map(\.path) == ["/", "/mnt/with blank"])
        #expect(MountTable.local(text("overlay / overlay rw 0 0\noverlay /x overlay rw 0 0\n")).map(\.path) == ["/"])
    }

    @Test func `a process may call itself anything`() throws {
        let rest = " S 1 2 3 0 -1 4194304 10 0 0 0 70 30 5 5 20 0 1 0 4242 1000000 77 18446744073709551615\n"
        let odd = try #require(ProcessTimes(text("12 (a) S 1 (b\n) c))" + rest)))
        #expect(String(decoding: odd.name, as: UTF8.self) == "a) S 1 (b\n) c)")
        #expect(odd.ticks == 100 && odd.started == 4242 && odd.pages == 77)
        for broken in ["", "12", "12 (a", "12 (a) S", ")(", "12 (a) S 1 2 3"] {
            #expect(ProcessTimes(text(broken)) == nil, "\(broken)")
        }
    }

    @Test func `the busiest ten come first, those that vanish are forgotten, and a number used anew starts anew`()
        throws
    {
        func times(_ ticks: UInt64, started: UInt64 = 1, pages: UInt64 = 1) throws -> ProcessTimes {
            try #require(
                ProcessTimes(text("1 (p) S 1 2 3 0 -1 0 0 0 0 0 \(ticks) 0 0 0 0 0 0 0 \(started) 0 \(pages) 0\n")))
        }
        var busiest = Busiest()
        for pid in 1...30 { busiest.take(Int32(pid), try times(1000)) }
        #expect(busiest.finish().allSatisfy { $0.ticks == 0 })
        for pid in 1...29 where pid != 7 { busiest.take(Int32(pid), try times(1000 + UInt64(pid))) }
        busiest.take(30, try times(3, started: 2))
        busiest.take(40, try times(500))
        let top = busiest.finish()
        #expect(top.count == 10 && top[0].pid == 40 && top[0].ticks == 500)
        #expect(top[1].pid == 29 && top[1].ticks == 29 && !top.contains { $0.pid == 7 })
        busiest.take(30, try times(53, started: 2))
        #expect(busiest.finish().map(\.ticks) == [50])
    }

    @Test func `a dear scan of the processes is made less often`() {
        var pace = ProcessScan.Pace()
        let now = ContinuousClock.now
        #expect(pace.isDue(at: now))
        pace.scanned(at: now, cost: .milliseconds(2))
        #expect(pace.isDue(at: now + .seconds(1)))
        pace.scanned(at: now, cost: .milliseconds(40))
        #expect(!pace.isDue(at: now + .seconds(7)) && pace.isDue(at: now + .seconds(8)))
    }

    @Test func `the temperature is the processor's hottest sensor, and none where there is none`() {
        let sensors = [("nvme", "a"), ("coretemp", "b"), ("coretemp", "c"), ("acpitz", "d")].map {
            Temperature.Sensor(chip: $0.0, path: $0.1)
        }
        #expect(Temperature.choose(sensors) == ["b", "c"])
        #expect(Temperature.choose([.init(chip: "nvme", path: "a"), .init(chip: "my-cpu", path: "e")]) == ["e"])
        #expect(Temperature.choose([]) == [])
        #expect(Temperature.celsius([text("45000\n"), text("51500\n"), text("-128000\n"), text("255000\n")]) == 51.5)
        #expect(Temperature.celsius([]) == nil && Temperature.celsius([text("")]) == nil)
    }

    @Test func `an operator's own figures are key and value, bounded`() {
        let many = (0..<80).map { "key\($0): \($0)\n" }.joined()
        #expect(OwnFigures.read(text(many)).count == OwnFigures.most)
        let own = OwnFigures.read(
            text(
                "# comment\n queue : 12 jobs: now \r\nempty:\n: x\nnothing\nlong: \(String(repeating: "x", count: 500))\n"
            ))
        #expect(own["queue"] == "12 jobs: now" && own["empty"] == "" && own["long"]?.count == OwnFigures.longestValue)
        #expect(own.count == 3)
    }

    /// Against this very machine: what another way of asking says.
    @Test func `the figures of this machine are its own`() throws {
        let own = NSTemporaryDirectory() + "estiba-own-\(UUID().uuidString)"
        try Data("rooms: 3\n".utf8).write(to: URL(fileURLWithPath: own))
        defer { try? FileManager.default.removeItem(atPath: own) }
        var measure = Measure(Measure.Choice(interface: "lo", file: own))
        _ = measure.read()
        // Something to measure: this process works, and sends to itself.
        let end = ContinuousClock.now + .milliseconds(300)
        var sum = 0
        while ContinuousClock.now < end { sum &+= 1 }
        let status = measure.read()
        #expect(sum > 0)
        #expect(status.corePercent.count == ProcessInfo.processInfo.activeProcessorCount)
        #expect(status.cpuPercent > 0 && status.cpuPercent <= 100)
        #expect(status.load.count == 3 && status.uptimeSeconds > 0)
        let name = try String(contentsOfFile: "/proc/sys/kernel/hostname", encoding: .utf8)
        #expect(status.hostname + "\n" == name)
        #expect(status.memory.available > 0 && status.memory.available <= status.memory.total)
        #expect(status.network.interface == "lo" && status.own == ["rooms": "3"])
        #expect(status.disks.contains { $0.path == "/" && $0.freeBytes <= $0.totalBytes && $0.totalBytes > 0 })
        let mine = try #require(
            status.busiest.first { $0.pid == UInt32(getpid()) }, "a process that worked all the time")
        #expect(mine.cpuPercent > 0 && mine.memoryPercent > 0 && !mine.name.isEmpty)
        #expect(status.busiest.count <= 10)
        #expect(abs(status.timeMilliseconds - Int64(Date().timeIntervalSince1970 * 1000)) < 5000)
    }
}
