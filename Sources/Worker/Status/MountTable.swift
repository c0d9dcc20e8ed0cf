/// The mounted file systems whose room is worth telling: local ones with a device.
///
/// A network's or a user's (FUSE) file system is never asked: it may not answer.
enum MountTable {
    static let most = 16
    private static let withoutDevice: Set<String> = ["zfs", "btrfs", "overlay", "bcachefs"]

    struct Mount: Equatable {
        var device: String
        var path: String
    }

    /// Each device once, at its shortest path.
    static func local(_ text: ArraySlice<UInt8>) -> [Mount] {
        var found: [String: Mount] = [:]
        var lines = Words(text)
        while var line = lines.line() {
            guard let device = line.word().map(plain), let path = line.word().map(plain), let type = line.text() else {
                continue
            }
            guard !type.hasPrefix("fuse"), device.hasPrefix("/dev/") || (withoutDevice.contains(type) && path == "/")
            else { continue }
            guard type != "squashfs", type != "iso9660", type != "devtmpfs" else { continue }
            if let known = found[device], known.path.utf8.count <= path.utf8.count { continue }
            found[device] = Mount(device: device, path: path)
        }
        return found.values.sorted { $0.path < $1.path }.prefix(most).map { $0 }
    }

    /// Blanks and backslashes stand there as three octal digits: getmntent(3).
    private static func plain(_ word: ArraySlice<UInt8>) -> String {
        var bytes: [UInt8] = []
        var rest = word
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
