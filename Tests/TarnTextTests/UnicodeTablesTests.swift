import Testing

@testable import TarnText

struct UnicodeTablesTests {
  @Test func tablesEqualTheFixture() throws {
    let json = try wordPieceFixture("unicode_tables.json")
    var expected = [UInt16](repeating: 0, count: 0x110000)
    let rangeClasses: [(String, UnicodeTables.Classes)] = [
      ("removed", .removed), ("space", .space), ("chinese", .chinese),
      ("stripped_mark", .strippedMark), ("split_whitespace", .wordSpace),
      ("punctuation", .punctuation),
    ]
    for (name, classes) in rangeClasses {
      for range in try #require(json[name] as? [[Int]]) {
        for value in range[0]...range[1] { expected[value] |= classes.rawValue }
      }
    }
    let mapClasses: [(String, UnicodeTables.Classes)] = [
      ("lowercase", .lowercases), ("decomposition", .decomposes),
      ("surviving_combining_class", .reorders),
    ]
    for (name, classes) in mapClasses {
      for entry in try #require(json[name] as? [[Int]]) { expected[entry[0]] |= classes.rawValue }
    }
    for value in 0xAC00...0xD7A3 { expected[value] |= UnicodeTables.Classes.decomposes.rawValue }

    let tables = UnicodeTables.shared
    let found = (0..<0x110000).map { tables.classes(of: UInt32($0)).rawValue }
    let different = expected.indices.first { expected[$0] != found[$0] }
    #expect(different == nil, "first code point with other classes: \(different ?? 0)")
    #expect(tables.classes(of: 0x110000).isEmpty && tables.classes(of: .max).isEmpty)
  }

  @Test func mappingsEqualTheFixture() throws {
    let json = try wordPieceFixture("unicode_tables.json")
    let tables = UnicodeTables.shared
    let lowercase = try #require(json["lowercase"] as? [[UInt32]])
    #expect(lowercase.count == 1488)
    for entry in lowercase {
      #expect(array(tables.lowercase(of: entry[0])) == Array(entry.dropFirst()))
    }
    let decomposition = try #require(json["decomposition"] as? [[UInt32]])
    #expect(decomposition.count == 2060)
    for entry in decomposition {
      #expect(array(tables.decomposition(of: entry[0])) == Array(entry.dropFirst()))
    }
    let combining = try #require(json["surviving_combining_class"] as? [[UInt32]])
    #expect(combining.count == 83)
    for entry in combining { #expect(UInt32(tables.combiningClass(of: entry[0])) == entry[1]) }
    #expect(tables.lowercase(of: 0x61).count == 0 && tables.decomposition(of: 0x61).count == 0)
    #expect(tables.combiningClass(of: 0x300) == 0)
  }

  @Test func hangulSyllablesDecomposeByArithmetic() {
    let tables = UnicodeTables.shared
    #expect(array(tables.decomposition(of: 0xAC00)) == [0x1100, 0x1161])
    #expect(array(tables.decomposition(of: 0xAC01)) == [0x1100, 0x1161, 0x11A8])
    #expect(array(tables.decomposition(of: 0xD7A3)) == [0x1112, 0x1175, 0x11C2])
    #expect(tables.decomposition(of: 0xD7A4).count == 0)
  }

  private func array(_ sequence: ScalarSequence) -> [UInt32] {
    (0..<sequence.count).map { sequence[$0] }
  }
}
