/// A folder as a user writes it, judged without a look at the disk.
struct FolderPath: Hashable, Sendable {
    /// Whether it begins at the home, else at `/`.
    let isRelativeToHome: Bool
    /// What to walk down, one after another; none is empty, `.` or `..`.
    let components: [String]

    /// `~` and `~/x` are the home and below; `~name` is refused, `a~b` is a name like any other.
    init(_ text: String) throws(PlacementFailure) {
        guard !text.utf8.contains(0) else { throw PlacementFailure(.badName, "A folder's name cannot hold a NUL.") }
        guard text.utf8.count < 4096 else { throw PlacementFailure(.badName, "The folder's path is too long.") }
        var rest = text[...]
        if text.hasPrefix("~") {
            rest = rest.dropFirst()
            guard rest.isEmpty || rest.hasPrefix("/") else {
                throw PlacementFailure(.badName, "Another user's home cannot be named: \(text)")
            }
            rest = rest.drop { $0 == "/" }
        }
        isRelativeToHome = !rest.hasPrefix("/")
        components = rest.split(separator: "/").filter { $0 != "." }.map(String.init)
        guard !components.contains("..") else {
            throw PlacementFailure(.badName, "A folder's path cannot hold \"..\": \(text)")
        }
        guard components.allSatisfy({ $0.utf8.count <= 255 }) else {
            throw PlacementFailure(.badName, "A folder's name is at most 255 bytes long.")
        }
    }

    /// The path from `/`, for people.
    func absolute(home: String) -> String {
        let base = isRelativeToHome ? home.split(separator: "/").map(String.init) : []
        return "/" + (base + components).joined(separator: "/")
    }
}

/// The last part of a path: what one file in a folder may be called.
enum FileName {
    static func check(_ name: String) throws(PlacementFailure) {
        guard !name.isEmpty, name != ".", name != ".." else {
            throw PlacementFailure(.badName, "\"\(name)\" is no name for a file.")
        }
        guard !name.utf8.contains(0), !name.utf8.contains(UInt8(ascii: "/")) else {
            throw PlacementFailure(.badName, "A file's name cannot hold \"/\" or NUL.")
        }
        guard name.utf8.count <= 255 else {
            throw PlacementFailure(
                .badName, "A file's name is at most 255 bytes long; this one has \(name.utf8.count).")
        }
    }
}
