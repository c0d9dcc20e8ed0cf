extension File {
    /// Reads `count` bytes at an offset; fewer where the file ends before.
    package func bytes(at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        var problem: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(SystemError) {
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                problem = error
            }
        }
        if let problem { throw problem }
        return bytes
    }
}
