import Glibc

/// Where the profiles lie that come with the programs.
enum ShippedProfiles {
    /// `share/profiles` beside the programs, `share/estiba/profiles` of the tree they are installed in, or that of the
    /// source they were built from (`.build/…/debug`); nil where there is none.
    static func folder(programs: String) -> String? {
        let places = ["share/profiles", "../share/estiba/profiles", "../../../packaging/profiles"]
        return places.map { "\(programs)/\($0)" }.first { access($0, R_OK | X_OK) == 0 }
    }
}
