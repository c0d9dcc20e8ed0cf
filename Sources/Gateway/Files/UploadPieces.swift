/// Which bytes of an upload are missing. Decides only: what is here is a matter of ranges.
///
/// Every end of a range is the end of a chunk; its start is one too, or where a piece was cut off.
struct UploadPieces: Equatable, Sendable {
    let size: UInt64
    /// In order, none empty, none touching another.
    private(set) var missing: [Range<UInt64>]

    /// All that is missing but for the chunks that are here.
    init(size: UInt64, here isHere: (Int) -> Bool = { _ in false }) {
        self.size = size
        missing = []
        for index in 0..<Self.chunks(of: size) where !isHere(index) { add(Self.range(of: index, size: size)) }
    }

    /// The first `offset` bytes are here.
    init(size: UInt64, offset: UInt64) {
        self.size = size
        missing = offset < size ? [offset..<size] : []
    }

    var isWhole: Bool { missing.isEmpty }

    /// Where to go on; the size where nothing is missing.
    var offset: UInt64 { missing.first?.lowerBound ?? size }

    /// How many bytes may come at an offset; nil where it is not the start of something missing.
    func room(at offset: UInt64) -> UInt64? {
        if isWhole, offset == size { return 0 }
        return missing.first { $0.lowerBound == offset }.map { UInt64($0.count) }
    }

    /// Takes bytes that came at the start of something missing; gives the chunks that they completed.
    mutating func take(_ count: UInt64, at offset: UInt64) -> [Int] {
        guard count > 0, let index = missing.firstIndex(where: { $0.lowerBound == offset }) else { return [] }
        let range = missing[index]
        let end = min(offset + count, range.upperBound)
        if end == range.upperBound { missing.remove(at: index) } else { missing[index] = end..<range.upperBound }
        let first = Int(offset / Self.chunkSize)
        let last = end == size ? Self.chunks(of: size) : Int(end / Self.chunkSize)
        return Array(first..<max(first, last))
    }

    /// A chunk was not what it should be: it is missing again.
    mutating func lose(_ chunk: Int) {
        let range = Self.range(of: chunk, size: size)
        let kept = missing.filter { !$0.overlaps(range) }
        missing = []
        for part in (kept + [range]).sorted(by: { $0.lowerBound < $1.lowerBound }) { add(part) }
    }

    private mutating func add(_ range: Range<UInt64>) {
        if let last = missing.last, last.upperBound == range.lowerBound {
            missing[missing.count - 1] = last.lowerBound..<range.upperBound
        } else {
            missing.append(range)
        }
    }

    private static let chunkSize = UInt64(BlobID.chunkSize)

    static func chunks(of size: UInt64) -> Int { Int(size / chunkSize + (size % chunkSize == 0 ? 0 : 1)) }

    static func range(of chunk: Int, size: UInt64) -> Range<UInt64> {
        let start = UInt64(chunk) * chunkSize
        return start..<min(start + chunkSize, size)
    }
}
