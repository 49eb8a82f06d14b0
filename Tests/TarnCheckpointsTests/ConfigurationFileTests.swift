import TarnTestSupport
import TarnTestSystem
import Testing

@testable import TarnCheckpoints

@Suite struct ConfigurationFileTests {
  /// The numeric keys of a PoNet configuration with ranges as a model may ask for them.
  static let integerKeys: [(key: String, range: ClosedRange<Int>)] = [
    ("hidden_size", 1...65536), ("num_hidden_layers", 1...1024), ("num_attention_heads", 1...1024),
    ("intermediate_size", 1...1 << 20), ("vocab_size", 1...1 << 24), ("type_vocab_size", 1...1024),
    ("max_position_embeddings", 1...1 << 24), ("num_labels", 1...65536),
  ]

  /// Values that no integer key accepts, as they are shown in the error.
  static let wrongIntegers = [
    "-1", "0", "1.5", "2.0", "1e3", "1e400", "-9223372036854775808", "9223372036854775807",
    "9223372036854775808", "18446744073709551616", "true", "false", "null", "\"768\"", "\"\"",
  ]

  private func configuration(_ text: String) throws -> ConfigurationFile {
    try ConfigurationFile(bytes: Array(text.utf8))
  }

  @Test func aSectionIsAFileOfItsOwn() throws {
    let file = try configuration(#"{"model": {"size": 3, "name": 7}, "none": null, "list": [1]}"#)
    let section = try #require(try file.section("model"))
    #expect(try section.integer("size", in: 1...9) == 3)
    #expect(
      throws: CheckpointError.wrongValue(
        file: "config.json, model", key: "name", found: "7", expected: "a string")
    ) { try section.string("name") }
    #expect(try file.section("none") == nil)
    #expect(try file.section("absent") == nil)
    #expect(throws: CheckpointError.notAnObject(file: "config.json, list", found: "an array")) {
      try file.section("list")
    }
  }

  @Test func aFileMayHoldAnyValue() throws {
    let folder = try TemporaryDirectory()
    let path = try folder.write("modules.json", Array(#"[{"a": 1}, 2]"#.utf8))
    #expect(try ConfigurationFile.value(path: path).elements?.map(\.kind) == [.object, .number])
    #expect(throws: CheckpointError.notAnObject(file: "modules.json", found: "an array")) {
      try ConfigurationFile(path: path)
    }
    let broken = try folder.write("broken.json", Array("[1,".utf8))
    #expect(throws: CheckpointError.self) { try ConfigurationFile.value(path: broken) }
    #expect(throws: CheckpointError.missingFile(path: folder.path + "/none.json")) {
      try ConfigurationFile.value(path: folder.path + "/none.json")
    }
  }

  @Test(arguments: integerKeys)
  func integersOutOfRangeAreNamed(key: String, range: ClosedRange<Int>) throws {
    let expected = "an integer from \(range.lowerBound) to \(range.upperBound)"
    let wrong = Self.wrongIntegers + ["\(range.upperBound + 1)"]
    for value in wrong {
      let file = try configuration("{\"\(key)\":\(value)}")
      for fallback in [nil, 1] {
        #expect(
          throws: CheckpointError.wrongValue(
            file: "config.json", key: key, found: value, expected: expected)
        ) { try file.integer(key, in: range, default: fallback) }
      }
    }
    for (value, found) in [("[1]", "an array of 1"), ("{}", "an object of 0")] {
      #expect(
        throws: CheckpointError.wrongValue(
          file: "config.json", key: key, found: found, expected: expected)
      ) { try configuration("{\"\(key)\":\(value)}").integer(key, in: range) }
    }
    for value in [range.lowerBound, range.upperBound] {
      #expect(try configuration("{\"\(key)\":\(value)}").integer(key, in: range) == value)
    }
    let empty = try configuration("{}")
    #expect(try empty.integer(key, in: range, default: 17) == 17)
    #expect(
      throws: CheckpointError.wrongValue(
        file: "config.json", key: key, found: nil, expected: expected)
    ) { try empty.integer(key, in: range) }
  }

  @Test func numbersOutOfRangeAreNamed() throws {
    let key = "layer_norm_eps"
    let range = 0.0...1.0
    for value in ["-1", "-1e-12", "1.0000001", "1e400", "-1e400", "true", "null", "\"1e-12\""] {
      let file = try configuration("{\"\(key)\":\(value)}")
      #expect(
        throws: CheckpointError.wrongValue(
          file: "config.json", key: key, found: value, expected: "a number from 0.0 to 1.0")
      ) { try file.number(key, in: range, default: 1e-12) }
    }
    for (value, number) in [("1e-12", 1e-12), ("0", 0), ("1", 1), ("1e-400", 0), ("0.5", 0.5)] {
      #expect(try configuration("{\"\(key)\":\(value)}").number(key, in: range) == number)
    }
    #expect(try configuration("{}").number(key, in: range, default: 1e-12) == 1e-12)
    #expect(throws: CheckpointError.self) { try configuration("{}").number(key, in: range) }
  }

  @Test func booleansAndStringsAreNotConverted() throws {
    let file = try configuration(
      #"{"yes":true,"no":false,"one":1,"text":"true","null":null,"list":["a","b"],"mixed":["a",1]"#
        + #","numbers":[4,9]}"#
    )
    #expect(try file.boolean("yes"))
    #expect(try !file.boolean("no", default: true))
    #expect(try file.boolean("absent", default: true))
    #expect(try file.string("text") == "true")
    #expect(try file.string("absent", default: "x") == "x")
    #expect(try file.strings("list") == ["a", "b"])
    #expect(try file.strings("absent", default: []) == [])
    #expect(try file.integers("numbers", in: 1...9) == [4, 9])
    #expect(try file.integers("absent", in: 1...9, default: [7]) == [7])
    for (key, range) in [
      ("numbers", 1...8), ("numbers", 5...9), ("list", 1...9), ("absent", 1...9),
    ] {
      #expect(throws: CheckpointError.self) { try file.integers(key, in: range) }
    }
    for key in ["one", "text", "null", "list", "absent"] {
      #expect(throws: CheckpointError.self) { try file.boolean(key) }
    }
    for key in ["one", "yes", "null", "list", "absent"] {
      #expect(throws: CheckpointError.self) { try file.string(key) }
    }
    for key in ["one", "yes", "null", "text", "mixed", "absent"] {
      #expect(throws: CheckpointError.self) { try file.strings(key) }
    }
    #expect(file.has("one"))
    #expect(!file.has("null"))
    #expect(!file.has("absent"))
  }

  @Test func choicesAreNamedInTheError() throws {
    let choices = ["gelu", "gelu_new", "relu"]
    let file = try configuration(#"{"hidden_act":"tanh","other":"relu"}"#)
    let error = #expect(throws: CheckpointError.self) {
      try file.string("hidden_act", oneOf: choices)
    }
    #expect(
      error?.description == """
        config.json: key "hidden_act" is "tanh", expected "gelu", "gelu_new" or "relu"
        """)
    #expect(try file.string("other", oneOf: choices) == "relu")
    #expect(try file.string("absent", oneOf: choices, default: "gelu") == "gelu")
  }

  @Test func labelsComeInTheOrderOfTheirNumbers() throws {
    let file = try configuration(#"{"id2label":{"1":"b","0":"a","2":"a"}}"#)
    #expect(try file.labels() == ["a", "b", "a"])
    #expect(try configuration("{}").labels() == ["LABEL_0", "LABEL_1"])
    #expect(try configuration("{}").labels(default: ["x"]) == ["x"])
    #expect(try configuration(#"{"num_labels":3}"#).labels() == ["LABEL_0", "LABEL_1", "LABEL_2"])
    let eleven = (0..<11).map { "\"\($0)\":\"l\($0)\"" }.joined(separator: ",")
    #expect(try configuration("{\"id2label\":{\(eleven)}}").labels().last == "l10")
  }

  @Test(arguments: [
    "null", "[]", "{}", "3", "\"a\"", #"{"1":"a"}"#, #"{"0":"a","2":"b"}"#, #"{"00":"a"}"#,
    #"{"0":1}"#, #"{"0":null}"#, #"{"0":"a","x":"b"}"#, #"{"-0":"a"}"#, #"{"0 ":"a"}"#,
  ])
  func labelsWithGapsAreRefused(value: String) throws {
    let file = try configuration("{\"id2label\":\(value)}")
    let error = #expect(throws: CheckpointError.self) { try file.labels() }
    guard case .wrongValue("config.json", "id2label", _?, _) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test func numberOfLabelsIsChecked() {
    for value in ["0", "-1", "65537", "1e3", "null", "true"] {
      #expect(throws: CheckpointError.self) {
        try configuration("{\"num_labels\":\(value)}").labels()
      }
    }
  }

  @Test func filesThatAreNotAnObjectAreRefused() throws {
    for (text, found) in [("[]", "an array"), ("1", "a number"), ("null", "null")] {
      #expect(throws: CheckpointError.notAnObject(file: "config.json", found: found)) {
        try configuration(text)
      }
    }
    let error = #expect(throws: CheckpointError.self) { try configuration("{\"a\":1,}") }
    #expect(
      error?.description
        == "config.json: not valid JSON: byte 7: found '}', expected a key in quotes")
    #expect(throws: CheckpointError.self) { try configuration("") }
    #expect(throws: CheckpointError.self) { try configuration(#"{"a":1,"a":1}"#) }
  }

  @Test func largeFilesAreNotRead() throws {
    let directory = try TemporaryDirectory()
    let limit = FileLimits().configurationBytes
    let path = try directory.write("config.json", zeros(limit + 1))
    #expect(throws: CheckpointError.fileTooLarge(path: path, bytes: limit + 1, limit: limit)) {
      try ConfigurationFile(path: path)
    }
  }

  @Test func messagesNameFileKeyFoundAndExpected() throws {
    let file = try configuration(#"{"hidden_size":-1}"#)
    let error = #expect(throws: CheckpointError.self) {
      try file.integer("hidden_size", in: 1...65536)
    }
    #expect(
      error?.description == """
        config.json: key "hidden_size" is -1, expected an integer from 1 to 65536
        """)
    let missing = #expect(throws: CheckpointError.self) { try file.boolean("clsgsepg") }
    #expect(
      missing?.description == """
        config.json: key "clsgsepg" is missing, expected true or false
        """)
  }

  @Test(arguments: ponetFixtures)
  func fixturesAreReadable(fixture: String) throws {
    let file = try ConfigurationFile(path: fixturePath("ponet/\(fixture)/config.json"))
    #expect(file.name == "config.json")
    if fixture.hasPrefix("lra") {
      #expect(try file.integer("transformer_dim", in: 1...65536) == 16)
    } else {
      #expect(try file.string("model_type") == (fixture == "weights_legacy" ? "bert" : "ponet"))
      #expect(try file.strings("architectures").count == 1)
      for (key, range) in Self.integerKeys where key != "num_labels" {
        #expect(try range.contains(file.integer(key, in: range)))
      }
      #expect(try (2...5).contains(file.labels().count))
    }
  }
}
