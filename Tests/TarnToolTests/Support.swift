// The files that the tool is given.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import TarnTestSystem

/// The directory of the model that comes with the tool.
let bundledModel = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
  .appendingPathComponent("Sources/TarnTool/Resources/ponet-hyperpartisan-mini").path

/// A copy of a PoNet fixture, with another configuration and other tensors if asked.
func checkpoint(
  _ fixture: String, replacing: [String: JSONValue] = [:],
  tensors change: (inout [StoredTensor]) -> Void = { _ in }
) throws -> TemporaryDirectory {
  let source = fixturePath("ponet/" + fixture)
  let folder = try TemporaryDirectory()
  let bytes = try Data(contentsOf: URL(fileURLWithPath: source + "/config.json"))
  guard var object = try JSONValue(parsing: Array(bytes)).object else {
    throw CocoaError(.fileReadCorruptFile)
  }
  for (key, value) in replacing { object[key] = value }
  _ = try folder.write("config.json", Array(JSONValue.object(object).encoded().utf8))
  let file = try SafetensorsFile(path: source + "/model.safetensors")
  var tensors = try file.tensors.map {
    StoredTensor(name: $0.name.text, shape: $0.shape, values: try file.floats(of: $0))
  }
  change(&tensors)
  try write(tensors, to: folder.path + "/model.safetensors")
  return folder
}

/// A tensor with its elements.
struct StoredTensor {
  var name: String
  var shape: [Int]
  var values: [Float]
}

func write(_ tensors: [StoredTensor], to path: String) throws {
  var writer = SafetensorsWriter()
  for tensor in tensors {
    try writer.append(TensorName(tensor.name), shape: tensor.shape, floats: tensor.values)
  }
  try writer.write(to: path)
}

/// A document that the tool has printed.
func json(_ line: some StringProtocol) throws -> JSONObject {
  guard let object = try JSONValue(parsing: Array(line.utf8)).object else {
    throw CocoaError(.propertyListReadCorrupt)
  }
  return object
}

/// 101 lines before `[CLS]`, so that specials have the numbers that PoNet knows.
func vocabulary(count: Int) -> [UInt8] {
  var lines = ["[PAD]", "[UNK]"] + (2..<101).map { "word\($0)" } + ["[CLS]", "[SEP]", "[MASK]"]
  lines += (lines.count..<count).map { "more\($0)" }
  return Array((lines.joined(separator: "\n") + "\n").utf8)
}
