/// One member of a tar archive.
struct TarEntry: Equatable {
    enum Kind: Equatable {
        case file
        case folder
        case symbolicLink(to: String)
        /// To another member, by its path in the archive.
        case hardLink(to: String)
        /// A device, a FIFO, or what this does not know.
        case other
    }

    /// As the archive has it.
    var path: String
    var kind: Kind
    var mode: UInt32
    /// Where a file's bytes begin in the archive, and how many they are.
    var offset: Int
    var size: Int

    /// The names on the way to it, none of them empty or `.`; nil for a path that leads out of the folder it is unpacked in.
    static func components(_ path: String) -> [String]? {
        guard !path.hasPrefix("/"), !path.utf8.contains(0) else { return nil }
        let components = path.split(separator: "/").filter { $0 != "." }.map(String.init)
        return components.contains("..") ? nil : components
    }
}
