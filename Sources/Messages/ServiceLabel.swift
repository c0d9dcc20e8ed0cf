/// What a service name given with an order may be: 1 to 40 characters that can be seen, spaces within.
///
/// It is shown to people, announced with the node's presence and advertised by DNS-SD, so nothing in it may act on what
/// shows it.
package enum ServiceLabel {
    package static let mostCharacters = 40
    /// What DNS-SD has for a name (RFC 6763 §4.1.1).
    private static let mostBytes = 63

    package static func isValid(_ name: String) -> Bool {
        guard (1...mostCharacters).contains(name.count), name.utf8.count <= mostBytes, name.first != " ",
            name.last != " "
        else { return false }
        return name.unicodeScalars.allSatisfy { isShown($0.properties.generalCategory) || $0 == " " }
    }

    private static func isShown(_ category: Unicode.GeneralCategory) -> Bool {
        switch category {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator,
            .spaceSeparator:
            false
        default: true
        }
    }
}
