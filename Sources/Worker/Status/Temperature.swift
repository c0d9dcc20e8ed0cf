import Spool

/// The processor's temperature: which sensor it is, and what it says.
enum Temperature {
    struct Sensor: Equatable {
        var chip: String
        /// File with thousandths of a degree Celsius.
        var path: String
    }

    /// Drivers of the processor's own sensors, the best first; then what the firmware calls so.
    private static let chips = [
        "coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp", "cpu-thermal", "acpitz",
    ]

    /// Of all sensors those of the best known chip, else of the first there is.
    static func choose(_ sensors: [Sensor]) -> [String] {
        let known = chips.first { chip in sensors.contains { $0.chip == chip } }
        let cpu = sensors.first { $0.chip.lowercased().contains("cpu") }?.chip
        guard let chip = known ?? cpu ?? sensors.first?.chip else { return [] }
        return sensors.filter { $0.chip == chip }.map(\.path)
    }

    /// The hottest of the readings that can be; nil where there is none.
    static func celsius(_ readings: [ArraySlice<UInt8>]) -> Double? {
        readings.compactMap { text -> Double? in
            let number = text.first == UInt8(ascii: "-") ? nil : Words.number(text)
            return number.map { Double($0) / 1000 }
        }.filter { $0 > 0 && $0 < 150 }.max()
    }

    /// All sensors of the machine.
    static func sensors() -> [Sensor] {
        var found: [Sensor] = []
        for folder in names("/sys/class/hwmon") {
            let chip = word("/sys/class/hwmon/\(folder)/name")
            for name in names("/sys/class/hwmon/\(folder)") where name.hasPrefix("temp") && name.hasSuffix("_input") {
                found.append(Sensor(chip: chip, path: "/sys/class/hwmon/\(folder)/\(name)"))
            }
        }
        for folder in names("/sys/class/thermal") where folder.hasPrefix("thermal_zone") {
            let zone = "/sys/class/thermal/\(folder)"
            found.append(Sensor(chip: word(zone + "/type"), path: zone + "/temp"))
        }
        return found
    }

    private static func names(_ folder: String) -> [String] { ((try? File.names(in: folder)) ?? []).sorted() }

    private static func word(_ path: String) -> String {
        var words = Words(SystemFile.once(path) ?? [])
        guard var line = words.line() else { return "" }
        return line.text() ?? ""
    }
}
