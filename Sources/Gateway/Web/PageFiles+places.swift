import Glibc

extension PageFiles {
    /// Where Debian's libjs-bootstrap5 and node-bootstrap put it.
    private static let libraries = [
        "/usr/share/javascript/bootstrap5", "/usr/share/bootstrap-html", "/usr/share/nodejs/bootstrap/dist",
    ]

    /// Where Debian's libjs-chart.js and node-chart.js put it.
    private static let charts = ["/usr/share/javascript/chart.js", "/usr/share/nodejs/chart.js/dist"]

    /// The page as the settings place it: its own folder or the one beside the executable, and the libraries.
    init(_ settings: WebSettings) {
        let resources = Self.executableFolder + "/estiba_Gateway.resources"
        add(folder: settings.page ?? resources + "/Page", under: "", cacheControl: "no-cache")
        add(folder: resources + "/API", under: "", cacheControl: "no-cache")
        let library = settings.library ?? Self.libraries.first { access($0 + "/css", R_OK) == 0 }
        if let library {
            for part in ["css", "js"] {
                add(folder: "\(library)/\(part)", under: "library/\(part)/", cacheControl: "max-age=86400")
            }
        }
        let charts = settings.charts ?? Self.charts.first { access($0 + "/chart.min.js", R_OK) == 0 }
        if let charts { add(charts + "/chart.min.js", as: "library/chart.min.js", cacheControl: "max-age=86400") }
    }

    private static var executableFolder: String {
        let buffer = [CChar](unsafeUninitializedCapacity: 4096) { buffer, count in
            count = buffer.baseAddress.map { max(0, readlink("/proc/self/exe", $0, buffer.count)) } ?? 0
        }
        let path = String(decoding: buffer.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }
}
