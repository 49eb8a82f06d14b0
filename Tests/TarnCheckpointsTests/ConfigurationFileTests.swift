// config.json: every kind of wrong value is an error that names the key.

import TarnTestSupport
import Testing

@testable import TarnCheckpoints

private func configuration(_ json: String) throws -> ConfigurationFile {
  try ConfigurationFile(bytes: Array(json.utf8), path: "config.json")
}

@Test(arguments: [
  "-1", "0", "65537", "1.5", "1e3", "9223372036854775808", "-9223372036854775809", "1e400",
  "\"768\"", "true", "null", "[768]", "{}", "2.0",
])
func aWholeNumberOutOfRangeIsRejected(_ value: String) throws {
  let file = try configuration("{\"hidden_size\":\(value)}")
  let error = #expect(throws: CheckpointError.self) {
    try file.integer("hidden_size", in: 1...65536, default: 768)
  }
  guard case .wrongValue("config.json", "hidden_size", _, let expected)? = error else {
    Issue.record("\(String(describing: error))")
    return
  }
  #expect(expected == "a whole number from 1 to 65536")
}

@Test func valuesInRangeAreRead() throws {
  let file = try configuration(
    """
    {"n": 65536, "x": 1e-12, "b": false, "s": "gelu", "l": ["A", "B"], "z": null,
     "id2label": {"1": "no", "0": "yes"}}
    """)
  #expect(try file.integer("n", in: 1...65536) == 65536)
  #expect(try file.integer("absent", in: 1...10, default: 3) == 3)
  #expect(try file.number("x", in: 0...1) == 1e-12)
  #expect(try file.boolean("b") == false)
  #expect(try file.string("s") == "gelu")
  #expect(try file.strings("l") == ["A", "B"])
  #expect(try file.strings("z") == nil)
  #expect(try file.labels() == ["yes", "no"])
  #expect(file.isNull("z") && file.isNull("absent") && !file.isNull("n"))
}

@Test func aMissingKeyWithoutADefaultIsNamed() throws {
  let error = #expect(throws: CheckpointError.self) {
    try configuration("{}").integer("num_layers", in: 1...10)
  }
  #expect(
    error?.description
      == "config.json: key \"num_layers\" is missing, expected a whole number from 1 to 10")
}

@Test(arguments: [
  "{\"x\":\"1\"}", "{\"x\":-0.1}", "{\"x\":1.1}", "{\"x\":true}", "{\"x\":null}", "{\"x\":1e400}",
])
func aNumberOutOfRangeIsRejected(_ json: String) throws {
  let file = try configuration(json)
  #expect(throws: CheckpointError.self) { try file.number("x", in: 0...1, default: 0) }
}

@Test func otherKindsAreRejected() throws {
  let file = try configuration(
    "{\"b\":1,\"s\":2,\"l\":[1],\"id2label\":{\"0\":\"a\",\"2\":\"b\"}}")
  #expect(throws: CheckpointError.self) { try file.boolean("b") }
  #expect(throws: CheckpointError.self) { try file.string("s") }
  #expect(throws: CheckpointError.self) { try file.strings("l") }
  #expect(throws: CheckpointError.self) { try file.labels() }
}

@Test(arguments: ["", "[]", "{", "{\"a\":1,\"a\":2}", "nul", "{\"a\":01}", "\u{FEFF}{}"])
func aFileThatIsNoObjectIsRejected(_ json: String) {
  #expect(throws: CheckpointError.self) { try configuration(json) }
}

@Test func missingAndEmptyFilesAreNamed() {
  let missing = #expect(throws: CheckpointError.self) {
    try ConfigurationFile(path: "no/such/config.json")
  }
  #expect(missing == .missingFile(path: "no/such/config.json"))
  let directory = #expect(throws: CheckpointError.self) {
    try Checkpoint(directory: fixturePath("ponet"))
  }
  #expect(directory?.description.contains("config.json") == true)
}

@Test func weightScopesNameWhatDoesNotFit() throws {
  let file = try SafetensorsFile(
    path: fixturePath("ponet/fill_constant/model.safetensors"))
  let layer = WeightScope(file)["ponet"]["encoder"]["layer.0"]
  #expect(try layer.tensor("output.dense.weight", shape: [16, 24]).shape == [16, 24])
  let wrong = #expect(throws: CheckpointError.self) {
    try layer.tensor("output.dense.weight", shape: [16, 25])
  }
  #expect(
    wrong?.description
      == "model.safetensors: tensor \"ponet.encoder.layer.0.output.dense.weight\" has shape "
      + "[16, 24], expected [16, 25]")
  #expect(throws: CheckpointError.self) { try layer.tensor("absent", shape: []) }
  #expect(layer.has("output.dense.bias") && !layer.has("output.dense"))
  let ids = try SafetensorsFile(path: fixturePath("ponet/fill_constant/inputs.safetensors"))
  let integers = #expect(throws: CheckpointError.self) {
    try WeightScope(ids).tensor("input_ids", shape: [2, 15])
  }
  #expect(integers?.description.contains("I64") == true)
}
