/// The programs' own version, for people; peers compare `ProtocolVersion`.
package enum Program {
    package static let version = "0.1.0"
}
