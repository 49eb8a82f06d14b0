import Testing

@testable import TarnCheckpoints

@Suite struct JSONTests {
  /// Texts that RFC 8259 allows, and how the writer spells them.
  static let accepted: [(text: String, encoded: String)] = [
    ("null", "null"), ("true", "true"), ("false", "false"),
    (" \t\r\n null \t\r\n ", "null"),
    ("0", "0"), ("-0", "-0"), ("-1", "-1"), ("10", "10"), ("0.5", "0.5"), ("-0.0", "-0.0"),
    ("1e3", "1e3"), ("1E+3", "1E+3"), ("1e-3", "1e-3"), ("0e0", "0e0"), ("1.25e10", "1.25e10"),
    ("1e400", "1e400"), ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("\"\"", "\"\""), ("\"a\"", "\"a\""), ("\"é\"", "\"é\""), ("\"\u{1F600}\"", "\"\u{1F600}\""),
    (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\u0008\u000c\n\r\t""#),
    (#""\u0041\u00e9\u00E9""#, "\"A\u{e9}\u{e9}\""),
    (#""\ud83d\ude00""#, "\"\u{1F600}\""),
    (#""\uDBFF\uDFFF""#, "\"\u{10FFFF}\""), (#""\u0000""#, #""\u0000""#),
    ("\"\u{7F}\"", #""\u007f""#), ("\"\u{2028}\"", "\"\u{2028}\""),
    ("\"\u{FEFF}\"", "\"\u{FEFF}\""),
    ("[]", "[]"), ("[ ]", "[]"), ("[1]", "[1]"), ("[1 , 2,[],{}]", "[1,2,[],{}]"),
    ("{}", "{}"), ("{ }", "{}"), (#"{"a":1}"#, #"{"a":1}"#), (#"{"":0}"#, #"{"":0}"#),
    (#"{ "b" : [ { "a" : null } ] , "a" : "b" }"#, #"{"b":[{"a":null}],"a":"b"}"#),
    ("{\"\u{e9}\":1,\"e\u{301}\":2}", "{\"\u{e9}\":1,\"e\u{301}\":2}"),
  ]

  @Test(arguments: accepted)
  func validTextIsReadAndWrittenBack(text: String, encoded: String) throws {
    let found = try JSONValue(parsing: text).encoded()
    #expect(Array(found.utf8) == Array(encoded.utf8), "\(found)")
    let again = try JSONValue(parsing: found).encoded()
    #expect(Array(again.utf8) == Array(encoded.utf8), "\(again)")
  }

  /// Texts that are refused, with the offset of the first byte that is wrong.
  static let rejected: [(text: String, offset: Int, problem: JSONError.Problem)] = [
    ("", 0, .unexpectedEnd(expected: "a value")),
    ("  ", 2, .unexpectedEnd(expected: "a value")),
    ("\u{FEFF}null", 0, .unexpectedByte(0xEF, expected: "a value")),
    ("nul", 3, .unexpectedEnd(expected: "null")),
    ("nulx", 3, .unexpectedByte(0x78, expected: "null")),
    ("True", 0, .unexpectedByte(0x54, expected: "a value")),
    ("tru", 3, .unexpectedEnd(expected: "true")),
    ("null null", 5, .trailingContent(0x6E)), ("[]]", 2, .trailingContent(0x5D)),
    ("1 2", 2, .trailingContent(0x32)), ("01", 1, .trailingContent(0x31)),
    ("-01", 2, .trailingContent(0x31)), ("1.e1", 2, .unexpectedByte(0x65, expected: "a digit")),
    ("1.", 2, .unexpectedEnd(expected: "a digit")), ("-", 1, .unexpectedEnd(expected: "a digit")),
    (".5", 0, .unexpectedByte(0x2E, expected: "a value")),
    ("+1", 0, .unexpectedByte(0x2B, expected: "a value")),
    ("1e", 2, .unexpectedEnd(expected: "a digit")), ("1e+", 3, .unexpectedEnd(expected: "a digit")),
    ("1e+-1", 3, .unexpectedByte(0x2D, expected: "a digit")), ("0x10", 1, .trailingContent(0x78)),
    ("1_000", 1, .trailingContent(0x5F)), ("--1", 1, .unexpectedByte(0x2D, expected: "a digit")),
    ("NaN", 0, .unexpectedByte(0x4E, expected: "a value")),
    ("Infinity", 0, .unexpectedByte(0x49, expected: "a value")),
    ("-Infinity", 1, .unexpectedByte(0x49, expected: "a digit")),
    ("'a'", 0, .unexpectedByte(0x27, expected: "a value")),
    ("\"a", 2, .unexpectedEnd(expected: "the end of a string")),
    ("\"\\\"", 3, .unexpectedEnd(expected: "the end of a string")),
    ("\"\\", 2, .unexpectedEnd(expected: "the end of a string")),
    ("\"a\nb\"", 2, .controlCharacter(0x0A)), ("\"\u{0}\"", 1, .controlCharacter(0)),
    (#""ab\x""#, 3, .invalidEscape), (#""\u12""#, 1, .invalidEscape),
    (#""\u+123""#, 1, .invalidEscape), (#""\u 123""#, 1, .invalidEscape),
    (#""\U0041""#, 1, .invalidEscape), ("\"\\é\"", 1, .invalidEscape),
    (#""\ud800""#, 1, .loneSurrogate), (#""\udc00""#, 1, .loneSurrogate),
    (#""\ud800\n""#, 1, .loneSurrogate), (#""\ud800\ud800""#, 1, .loneSurrogate),
    (#""\ud800\u0041""#, 1, .loneSurrogate), (#""\ud800\u00""#, 7, .invalidEscape),
    ("[", 1, .unexpectedEnd(expected: "',' or ']'")),
    ("[1", 2, .unexpectedEnd(expected: "',' or ']'")),
    ("[1,]", 3, .unexpectedByte(0x5D, expected: "a value")),
    ("[,1]", 1, .unexpectedByte(0x2C, expected: "a value")),
    ("[1 2]", 3, .unexpectedByte(0x32, expected: "',' or ']'")),
    ("[1}", 2, .unexpectedByte(0x7D, expected: "',' or ']'")),
    ("[[]1]", 3, .unexpectedByte(0x31, expected: "',' or ']'")),
    ("{", 1, .unexpectedEnd(expected: "',' or '}'")),
    ("{1:2}", 1, .unexpectedByte(0x31, expected: "a key in quotes")),
    ("{a:1}", 1, .unexpectedByte(0x61, expected: "a key in quotes")),
    (#"{"a"}"#, 4, .unexpectedByte(0x7D, expected: "':'")),
    (#"{"a":}"#, 5, .unexpectedByte(0x7D, expected: "a value")),
    (#"{"a":1,}"#, 7, .unexpectedByte(0x7D, expected: "a key in quotes")),
    (#"{"a":1"b":2}"#, 6, .unexpectedByte(0x22, expected: "',' or '}'")),
    (#"{"a":1,"a":2}"#, 7, .duplicateKey("a")), (#"{"a":1,"\u0061":2}"#, 7, .duplicateKey("a")),
    ("// x\n1", 0, .unexpectedByte(0x2F, expected: "a value")),
    ("/**/1", 0, .unexpectedByte(0x2F, expected: "a value")),
    ("\u{A0}1", 0, .unexpectedByte(0xC2, expected: "a value")),
    ("\u{C}1", 0, .unexpectedByte(0x0C, expected: "a value")),
  ]

  @Test(arguments: rejected)
  func invalidTextIsRefusedAtItsOffset(text: String, offset: Int, problem: JSONError.Problem) {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
    #expect(error == JSONError(offset: offset, problem: problem))
  }

  /// Bytes between quotes that are not UTF-8, and how far into them that shows.
  static let notUTF8: [(bytes: [UInt8], offset: Int)] = [
    ([0x80], 0), ([0x61, 0xFF], 1), ([0xC3], 0), ([0x61, 0xC3, 0x28], 1), ([0xC0, 0xAF], 0),
    ([0xED, 0xA0, 0x80], 0), ([0xF4, 0x90, 0x80, 0x80], 0), ([0xE2, 0x82], 0),
    ([0xC3, 0xA9, 0xE2, 0x28, 0xA1], 2),
  ]

  @Test(arguments: notUTF8)
  func bytesThatAreNotUTF8AreRefused(bytes: [UInt8], offset: Int) {
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: [0x22] + bytes + [0x22])
    }
    #expect(error == JSONError(offset: offset + 1, problem: .invalidUTF8))
  }

  @Test func nestingIsAllowedUpToTheLimit() throws {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
      let text = { (depth: Int, inner: String) in
        String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
      }
      #expect(throws: Never.self) { try JSONValue(parsing: text(128, "1")) }
      #expect(throws: JSONError.self) { try JSONValue(parsing: text(129, "1")) }
      #expect(throws: Never.self) { try JSONValue(parsing: text(2, "1"), depthLimit: 2) }
      #expect(throws: JSONError.self) { try JSONValue(parsing: text(3, "1"), depthLimit: 2) }
      #expect(throws: JSONError.self) { try JSONValue(parsing: text(1, "1"), depthLimit: 0) }
    }
  }

  @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
  func nestingOf200000LevelsThrows(open: String) {
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: String(repeating: open, count: 200_000))
    }
    #expect(error?.problem == .nestingTooDeep(limit: 128))
  }

  @Test func siblingsDoNotAddToTheDepth() throws {
    let text = "[" + Array(repeating: "[[]]", count: 300).joined(separator: ",") + "]"
    #expect(try JSONValue(parsing: text, depthLimit: 3).array?.count == 300)
  }

  @Test func onlyIntegersThatFitAreIntegers() throws {
    let expected: [(String, Int64?)] = [
      ("0", 0), ("-0", 0), ("9223372036854775807", .max), ("-9223372036854775808", .min),
      ("9223372036854775808", nil), ("-9223372036854775809", nil), ("1e3", nil), ("2.0", nil),
      ("1E0", nil), ("99999999999999999999999999", nil),
    ]
    for (text, value) in expected {
      #expect(try JSONValue(parsing: text).int64 == value, "\(text)")
    }
  }

  @Test func doublesAreNearestAndNeverInfinite() throws {
    let expected: [(String, Double?)] = [
      ("1e-12", 1e-12), ("0.1", 0.1), ("1e400", nil), ("-1e400", nil), ("1e-400", 0),
      ("1.7976931348623157e308", .greatestFiniteMagnitude), ("9007199254740993", 9007199254740992),
    ]
    for (text, value) in expected {
      #expect(try JSONValue(parsing: text).double == value, "\(text)")
    }
  }

  @Test func keysAreFoundByTheirBytes() throws {
    let composed = "\u{e9}"
    let decomposed = "e\u{301}"
    for extra in [0, 20] {
      let members = (0..<extra).map { ",\"k\($0)\":\($0)" }.joined()
      let text = "{\"\(composed)\":1,\"\(decomposed)\":2\(members)}"
      let object = try #require(try JSONValue(parsing: text).object)
      #expect(object.members.count == extra + 2)
      #expect(object[composed]?.int64 == 1)
      #expect(object[decomposed]?.int64 == 2)
      #expect(object["E"] == nil)
      for number in 0..<extra {
        #expect(object["k\(number)"]?.int64 == Int64(number))
      }
    }
  }

  @Test(arguments: [2, 8, 9, 10, 1000])
  func duplicateKeysAreFoundInObjectsOfAnySize(count: Int) {
    let members = (0..<count).map { "\"k\($0)\":0" }.joined(separator: ",")
    #expect(throws: Never.self) { try JSONValue(parsing: "{\(members)}") }
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "{\(members),\"k\(count / 2)\":0}")
    }
    #expect(error?.problem == .duplicateKey("k\(count / 2)"))
  }

  @Test func objectsCanBeEdited() {
    var object: JSONObject = ["b": .integer(1), "a": .integer(2)]
    object["c"] = .integer(3)
    object["b"] = .string("x")
    #expect(JSONValue.object(object).encoded() == #"{"b":"x","a":2,"c":3}"#)
    object["b"] = nil
    object["nothing"] = nil
    #expect(JSONValue.object(object).encoded() == #"{"a":2,"c":3}"#)
    for number in 0..<12 {
      object["k\(number)"] = .integer(number)
    }
    object["a"] = nil
    #expect(object["k11"]?.int64 == 11)
    #expect(object["a"] == nil)
    #expect(object.members.count == 13)
  }

  @Test func writtenFloatsReadBackToTheSameBits() throws {
    var generator = SeededGenerator(seed: 1)
    for _ in 0..<5000 {
      let double = Double(bitPattern: generator.next())
      let float = Float(bitPattern: UInt32(truncatingIfNeeded: generator.next()))
      if double.isFinite {
        let text = JSONValue.double(double).encoded()
        #expect(try JSONValue(parsing: text).double?.bitPattern == double.bitPattern, "\(text)")
      }
      if float.isFinite {
        let text = JSONValue.float(float).encoded()
        #expect(try JSONValue(parsing: text).double.map { Float($0) } == float, "\(text)")
      }
    }
    #expect(JSONValue.float(0.1).encoded() == "0.1")
    #expect(JSONValue.double(0.1).encoded() == "0.1")
    for value in [Float.infinity, -.infinity, .nan] {
      #expect(JSONValue.float(value).encoded() == "null")
      #expect(JSONValue.double(Double(value)).encoded() == "null")
    }
  }

  @Test func mutatedTextEndsInAValueOrAnError() {
    let seed: UInt64 = 42
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("{}[]\",:\\u0189.eE+-tfn \u{e9}".utf8) + [0, 0x1F, 0x80, 0xFF]
    let valid = Array("[\(Self.accepted.map(\.text).joined(separator: ","))]".utf8)
    var values = 0
    for round in 0..<20_000 {
      let source =
        round.isMultiple(of: 2)
        ? valid : Array(Self.accepted[round / 2 % Self.accepted.count].text.utf8)
      var bytes = source
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let position = Int.random(in: 0..<bytes.count, using: &generator)
        bytes[position] = alphabet.randomElement(using: &generator) ?? 0
      }
      do {
        _ = try JSONValue(parsing: bytes)
        values += 1
      } catch {
        #expect((0...bytes.count).contains(error.offset), "seed \(seed) round \(round)")
      }
    }
    #expect(values > 0, "seed \(seed): no mutation was valid, so the values were not tested")
  }

  @Test func messagesNameTheOffsetAndWhatWasExpected() throws {
    let error = #expect(throws: JSONError.self) { try JSONValue(parsing: "[1 2]") }
    #expect(error?.description == "byte 3: found '2', expected ',' or ']'")
    let key = #expect(throws: JSONError.self) {
      try JSONValue(parsing: #"{"\u001b":1,"\u001b":1}"#)
    }
    #expect(key?.description == #"byte 12: key "\u{1b}" occurs twice in one object"#)
  }
}
