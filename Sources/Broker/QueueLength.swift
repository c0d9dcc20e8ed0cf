/// How many slices may wait for one reader: about so many bytes, whether thousands of nodes say a word each or a few say much.
///
/// libzmq bounds a queue by messages. 512 of the longest are 32 MiB; 512 of a hundred bytes are what a tenth of 5,000 nodes
/// answer to one command, and what finds no place is dropped and has to be asked for again.
struct QueueLength {
    static let bytes = 32 << 20
    static let least: Int32 = 512
    static let most: Int32 = 16_384
    /// So many slices, roughly, have their part in the average.
    private static let memory = 256.0

    private(set) var slices = least
    private var average = Double(bytes) / Double(least)

    /// The new length, where one slice of `size` bytes changes it. It is a power of two, so that it seldom does.
    mutating func took(_ size: Int) -> Int32? {
        average += (Double(size) - average) / Self.memory
        let fitting = Double(Self.bytes) / max(average, 1)
        if fitting < Double(slices), slices > Self.least {
            slices /= 2
        } else if fitting >= Double(slices) * 2.5, slices < Self.most {
            slices *= 2
        } else {
            return nil
        }
        return slices
    }
}
