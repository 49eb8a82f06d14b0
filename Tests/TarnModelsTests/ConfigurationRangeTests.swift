import TarnCheckpoints
import Testing

@testable import TarnModels

/// A number that a model reads from config.json, and the values that it may have.
private struct Field: Sendable, CustomTestStringConvertible {
  let model: String
  let key: String
  let range: ClosedRange<Int>
  let allowsNull: Bool

  var testDescription: String { "\(model) \(key)" }

  init(_ model: String, _ key: String, _ range: ClosedRange<Int>, allowsNull: Bool = false) {
    self.model = model
    self.key = key
    self.range = range
    self.allowsNull = allowsNull
  }
}

/// Every number of every model's config.json, with values that are wrong.
@Suite struct ConfigurationRangeTests {
  private static let arena = """
    "transformer_dim":16,"num_head":1,"head_dim":16,"embedding_dim":16,"transformer_hidden_dim":32,\
    "num_layers":2,"vocab_size":32,"num_classes":2,"segment_num":4
    """

  private static let integers: [Field] =
    ["bert", "fnet", "ponet"].flatMap { model in
      [
        Field(model, "hidden_size", 1...65536), Field(model, "num_hidden_layers", 1...1024),
        Field(model, "intermediate_size", 1...1_048_576),
        Field(model, "vocab_size", 1...16_777_216), Field(model, "type_vocab_size", 1...65536),
        Field(model, "max_position_embeddings", 1...16_777_216),
        Field(model, "num_labels", 1...65536),
      ]
    }
    + ["bert", "ponet"].map { Field($0, "num_attention_heads", 1...768) }
    + [
      Field("ponet-lra", "transformer_dim", 1...65536), Field("ponet-lra", "num_head", 1...16),
      Field("ponet-lra", "head_dim", 1...16), Field("ponet-lra", "embedding_dim", 1...65536),
      Field("ponet-lra", "transformer_hidden_dim", 1...1_048_576),
      Field("ponet-lra", "num_layers", 1...1024), Field("ponet-lra", "vocab_size", 1...16_777_216),
      Field("ponet-lra", "num_classes", 1...1_048_576),
      Field("ponet-lra", "segment_num", 1...1_000_000_000),
      Field("pyramidion", "encoder_layers", 1...1024),
      Field("pyramidion", "chunk_size", 1...1 << 20),
      Field("pyramidion", "encoder_attention_heads", 1...65536),
      Field("pyramidion", "decoder_layers", 1...1024),
      Field("pyramidion", "decoder_attention_heads", 1...65536),
    ]
    // None leaves these to the default.
    + [
      Field("pyramidion", "encoder_embed_dim", 1...65536, allowsNull: true),
      Field("pyramidion", "encoder_ffn_embed_dim", 1...1_048_576, allowsNull: true),
      Field("pyramidion", "decoder_embed_dim", 1...65536, allowsNull: true),
      Field("pyramidion", "decoder_ffn_embed_dim", 1...1_048_576, allowsNull: true),
      Field("pyramidion", "decoder_output_dim", 1...65536, allowsNull: true),
      Field("pyramidion", "max_source_positions", 1...1 << 20, allowsNull: true),
      Field("pyramidion", "max_target_positions", 1...1 << 20, allowsNull: true),
    ]

  /// What reading a configuration with one value gives, as an error or nil.
  private func problem(_ field: Field, _ value: String) throws -> CheckpointError? {
    let others = field.model == "ponet-lra" ? Self.arena : ""
    let members =
      others.split(separator: ",").filter { !$0.hasPrefix("\"\(field.key)\":") }.map(String.init)
      + ["\"\(field.key)\":\(value)"]
    let file = try ConfigurationFile(bytes: Array("{\(members.joined(separator: ","))}".utf8))
    do throws(ModelError) {
      switch field.model {
      case "bert": _ = try BERTConfiguration(file)
      case "fnet": _ = try FNetConfiguration(file)
      case "ponet": _ = try PoNetConfiguration(file)
      case "pyramidion": _ = try PyramidionConfiguration(file)
      default: _ = try LongRangeArenaConfiguration(file)
      }
      return nil
    } catch {
      guard case .checkpoint(let problem) = error else { throw error }
      return problem
    }
  }

  @Test(arguments: integers)
  private func integersOutOfRangeAreNamed(_ field: Field) throws {
    let (low, high) = (field.range.lowerBound, field.range.upperBound)
    let wrong = [
      "-9223372036854775808", "-1", "-0.0", "0", "1.0", "1.5", "1e3", "1e400", "\(high + 1)",
      "9223372036854775807", "9223372036854775808", "18446744073709551616", "\"\(low)\"", "\"\"",
      "true", "false", "null",
    ]
    let expected = "an integer from \(low) to \(high)"
    for value in wrong where !(field.allowsNull && value == "null") {
      #expect(
        try problem(field, value)
          == .wrongValue(file: "config.json", key: field.key, found: value, expected: expected))
    }
    for (value, found) in [("[1]", "an array of 1"), ("{}", "an object of 0")] {
      #expect(
        try problem(field, value)
          == .wrongValue(file: "config.json", key: field.key, found: found, expected: expected))
    }
    if field.allowsNull { #expect(try problem(field, "null") == nil) }
    // The ends of the range may be refused for what they mean beside other values, as no other size.
    for value in [low, high] {
      guard case .wrongValue(_, _, _, let other)? = try problem(field, "\(value)") else { continue }
      #expect(other != expected, "\(value)")
    }
  }

  @Test(arguments: ["bert", "fnet", "ponet"])
  func epsilonsOutOfRangeAreNamed(model: String) throws {
    let field = Field(model, "layer_norm_eps", 0...1)
    for value in ["-1", "-1e-12", "1.0000001", "2", "1e400", "-1e400", "\"1e-12\"", "true", "null"]
    {
      #expect(
        try problem(field, value)
          == .wrongValue(
            file: "config.json", key: field.key, found: value, expected: "a number from 0.0 to 1.0")
      )
    }
    for value in ["0", "1", "1e-400", "0.5", "1e-12"] {
      #expect(try problem(field, value) == nil)
    }
  }
}
