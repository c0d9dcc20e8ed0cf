import Glibc
import Hummingbird
import NIOCore
import Sodium
import Spool

/// The page's own files and the libraries it uses, read once at the start: what is not in this table is not served.
struct PageFiles: Sendable {
    struct File: Sendable {
        var content: ByteBuffer
        var tag: String
        var type: String
        var cacheControl: String
    }

    private var files: [String: File] = [:]

    static let largestBytes = 16 << 20

    /// Adds a folder's files, and its folders', beneath a prefix.
    mutating func add(folder: String, under prefix: String, cacheControl: String) {
        for name in (try? Spool.File.names(in: folder)) ?? [] where !name.hasPrefix(".") {
            let path = "\(folder)/\(name)"
            guard let file = try? Spool.File(path, O_RDONLY), let status = try? file.status() else { continue }
            if status.st_mode & S_IFMT == S_IFDIR {
                add(folder: path, under: prefix + name + "/", cacheControl: cacheControl)
            } else {
                add(path, as: prefix + name, cacheControl: cacheControl)
            }
        }
    }

    /// Adds one file; what is none, or too large, is left out.
    mutating func add(_ path: String, as name: String, cacheControl: String) {
        guard let file = try? Spool.File(path, O_RDONLY), let status = try? file.status(),
            status.st_mode & S_IFMT == S_IFREG, Int(status.st_size) <= Self.largestBytes,
            let bytes = try? file.bytes(at: 0, count: Int(status.st_size))
        else { return }
        files[name] = File(
            content: ByteBuffer(bytes: bytes), tag: "\"\(Hex.encode(Blake2b.hash(bytes, count: 16)))\"",
            type: Self.type(of: name), cacheControl: cacheControl)
    }

    /// A page for the path of a request; the empty path is the index.
    func file(_ path: [String]) -> File? { files[path.isEmpty ? "index.html" : path.joined(separator: "/")] }

    var hasIndex: Bool { files["index.html"] != nil }

    func response(_ path: [String], ifNoneMatch: String?) throws(Refusal) -> Response {
        guard let file = file(path) else { throw .nothingThere }
        let headers: HTTPFields = [.eTag: file.tag, .cacheControl: file.cacheControl, .contentType: file.type]
        if let ifNoneMatch, ifNoneMatch.split(separator: ",").contains(where: { $0.contains(file.tag) }) {
            return Response(status: .notModified, headers: headers)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: file.content))
    }

    private static func type(of name: String) -> String {
        switch name.split(separator: ".").last {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js", "mjs": "text/javascript; charset=utf-8"
        case "json", "map": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/x-icon"
        case "woff2": "font/woff2"
        case "yaml": "application/yaml"
        default: "text/plain; charset=utf-8"
        }
    }
}
