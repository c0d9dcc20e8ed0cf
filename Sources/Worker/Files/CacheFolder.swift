import Glibc
import Sodium
import Spool

/// The blobs that are kept, on the disk: `<data>/cache/<blob id>`, and beside each its list as `<blob id>.list`.
///
/// What is read from it is verified before it is used, so nothing here is synced.
struct CacheFolder: Sendable {
    static let listEnding = ".list"

    let path: String

    init(data: String) throws(SystemError) {
        path = data + "/cache"
        if mkdir(path, 0o700) != 0, errno != EEXIST { throw SystemError.last("mkdir", path) }
    }

    func file(_ blob: [UInt8]) -> String { "\(path)/\(Hex.encode(blob))" }

    /// What is kept, used longest ago first; what is not whole goes.
    func all() throws(SystemError) -> [ChunkList] {
        var found: [(list: ChunkList, lastUse: timespec)] = []
        for name in try File.names(in: path) where !name.hasSuffix(Self.listEnding) {
            var status = stat()
            if let blob = Hex.decode(name), stat("\(path)/\(name)", &status) == 0,
                let bytes = try? File.contents("\(path)/\(name)\(Self.listEnding)", limit: 64 << 20),
                let list = ChunkList(bytes, of: Parcel(blob: blob, size: UInt64(clamping: status.st_size)))
            {
                found.append((list, status.st_mtim))
            } else {
                unlink("\(path)/\(name)")
            }
        }
        let whole = Set(found.map { Hex.encode($0.list.parcel.blob) + Self.listEnding })
        for name in try File.names(in: path) where name.hasSuffix(Self.listEnding) && !whole.contains(name) {
            unlink("\(path)/\(name)")
        }
        return found.sorted { ($0.lastUse.tv_sec, $0.lastUse.tv_nsec) < ($1.lastUse.tv_sec, $1.lastUse.tv_nsec) }.map(
            \.list)
    }

    /// Takes an assembly in, by rename.
    func keep(_ blob: [UInt8], from assembly: String) {
        rename(assembly + Self.listEnding, file(blob) + Self.listEnding)
        rename(assembly, file(blob))
        // The same file under both names is left under both.
        remove(assembly)
        markUsed(blob)
    }

    /// Gives a run a blob that is kept, under a name of its own, so that it stays though it be let go of here.
    func lend(_ blob: [UInt8], as assembly: String) {
        remove(assembly)
        guard link(file(blob), assembly) == 0 else { return }
        link(file(blob) + Self.listEnding, assembly + Self.listEnding)
        markUsed(blob)
    }

    func remove(_ blob: [UInt8]) { remove(file(blob)) }

    /// Removes a file and its list.
    func remove(_ file: String) {
        unlink(file)
        unlink(file + Self.listEnding)
    }

    /// The bytes that are there, not verified; nil where the blob has gone.
    func chunk(_ place: Cache.Place) -> [UInt8]? {
        guard let file = try? File(file(place.parcel.blob)) else { return nil }
        let offset = Int(place.index) * Int(Parcel.chunkBytes)
        return try? file.bytes(at: offset, count: place.parcel.bytes(of: place.index))
    }

    private func markUsed(_ blob: [UInt8]) { utimensat(AT_FDCWD, file(blob), nil, 0) }

    /// What is kept where nothing else is set: 5 % of the disk, at most 1 GiB.
    static func defaultLimit(data: String) -> UInt64 {
        var found = statvfs()
        guard statvfs(data, &found) == 0 else { return 0 }
        return min(1 << 30, UInt64(found.f_blocks) * UInt64(found.f_frsize) / 20)
    }
}
