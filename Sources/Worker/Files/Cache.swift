/// Which blobs a node keeps for later deployments, and where each of their chunks is. Decides only: no disk.
///
/// The one that was used longest ago goes first.
struct Cache: Sendable {
    /// A chunk within a blob that is kept.
    struct Place: Hashable, Sendable {
        let parcel: Parcel
        let index: UInt32
    }

    private struct Entry {
        let list: ChunkList
        var lastUse: UInt64
    }

    /// Bounds what the table itself needs.
    static let mostBlobs = 4096

    let limit: UInt64
    private(set) var bytes: UInt64 = 0
    private var entries: [[UInt8]: Entry] = [:]
    /// By a chunk's hash.
    private var places: [[UInt8]: [Place]] = [:]
    private var uses: UInt64 = 0

    /// `limit` in bytes; with 0 nothing is kept.
    init(limit: UInt64) { self.limit = limit }

    var count: Int { entries.count }

    func holds(_ blob: [UInt8]) -> Bool { entries[blob] != nil }

    /// Keeps a blob; returns those that have to go for it, which is itself where it is too large.
    mutating func add(_ list: ChunkList) -> [[UInt8]] {
        let parcel = list.parcel
        if entries[parcel.blob] != nil {
            use(parcel.blob)
            return []
        }
        guard parcel.size > 0, parcel.size <= limit else { return [parcel.blob] }
        var gone: [[UInt8]] = []
        while bytes + parcel.size > limit || entries.count >= Self.mostBlobs {
            guard let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })?.key else { break }
            forget(oldest)
            gone.append(oldest)
        }
        uses += 1
        entries[parcel.blob] = Entry(list: list, lastUse: uses)
        bytes += parcel.size
        for index in list.indices {
            places[list.hash(of: index), default: []].append(Place(parcel: parcel, index: index))
        }
        return gone
    }

    mutating func use(_ blob: [UInt8]) {
        uses += 1
        entries[blob]?.lastUse = uses
    }

    mutating func forget(_ blob: [UInt8]) {
        guard let entry = entries.removeValue(forKey: blob) else { return }
        bytes -= entry.list.parcel.size
        for index in entry.list.indices {
            let hash = entry.list.hash(of: index)
            places[hash]?.removeAll { $0.parcel.blob == blob }
            if places[hash]?.isEmpty == true { places[hash] = nil }
        }
    }

    /// Where the chunks of a list are kept, by their index in it.
    func places(of list: ChunkList) -> [UInt32: Place] {
        var found: [UInt32: Place] = [:]
        for index in list.indices { found[index] = places[list.hash(of: index)]?.first }
        return found
    }
}
