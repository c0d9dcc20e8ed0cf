private import Glibc

/// Paths as text: no file is looked at.
enum Paths {
    static var workingFolder: String {
        guard let text = getcwd(nil, 0) else { return "/" }
        defer { free(text) }
        return String(cString: text)
    }

    static func absolute(_ path: String, in folder: String) -> String {
        if path.hasPrefix("/") { return path }
        return folder == "/" ? "/\(path)" : "\(folder)/\(path)"
    }

    /// Everything before the last slash.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
