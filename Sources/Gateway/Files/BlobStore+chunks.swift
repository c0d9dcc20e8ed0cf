import Glibc
import Messages
import Sodium
import Spool

extension BlobStore {
    /// A chunk of a blob that is here.
    struct Place: Sendable {
        let blob: BlobID
        let index: Int
    }

    /// How much of the lists is looked through for one upload: 2 million chunks, 2 TiB of files.
    private static let mostListBytes = 64 << 20

    /// Where those chunks lie in blobs that this user brought, the newest blobs first. What others brought is never looked
    /// at, so that nobody learns from it what they have. Blocks; not for the threads of tasks.
    func places(of wanted: Set<ChunkHash>, for user: String) -> [ChunkHash: Place] {
        var places: [ChunkHash: Place] = [:]
        var looked = 0
        for blob in blobs(of: user) where looked < Self.mostListBytes && places.count < wanted.count {
            guard let list = try? list(of: blob) else { continue }
            looked += list.count
            for (index, hash) in ChunkHash.all(in: list).enumerated() where wanted.contains(hash) {
                if places[hash] == nil { places[hash] = Place(blob: blob, index: index) }
            }
        }
        return places
    }

    /// The user's blobs, the newest first.
    private func blobs(of user: String) -> [BlobID] {
        let names = (try? File.names(in: folder)) ?? []
        let found = names.compactMap { name -> (BlobID, Int)? in
            var facts = stat()
            guard let blob = BlobID(name), stat(mark(blob, user), &facts) == 0 else { return nil }
            return (blob, facts.st_mtim.tv_sec)
        }
        return found.sorted { $0.1 > $1.1 }.map(\.0)
    }
}
