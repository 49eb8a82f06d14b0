import Foundation
import Testing

@Suite struct ToolTests {
  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// Runs the tool, which lies beside the test bundle; both streams go to one small pipe.
  func tool(_ words: [String]) throws -> (code: Int32, text: String) {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
      .deletingLastPathComponent().appendingPathComponent("tarn")
    process.arguments = words
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  @Test(arguments: [["nope"], ["classify", "--threads", "0"], ["classify", "--isa", "x"], []])
  func wrongUsageExitsWithTwo(words: [String]) throws {
    let result = try tool(words)
    #expect(result.code == 2)
    #expect(result.text.contains("\nusage: tarn"))
  }

  @Test(arguments: [["classify", "/nonexistent"], ["classify"]])
  func badInputExitsWithOneAndOneLine(words: [String]) throws {
    let result = try tool(words)
    #expect(result.code == 1)
    #expect(result.text.hasPrefix("tarn: error: "))
    #expect(result.text.split(separator: "\n").count == 1)
  }

  @Test func runReproducesEveryFixture() throws {
    let root = Self.repository + "/Tests/Fixtures/ponet/"
    for name in try FileManager.default.contentsOfDirectory(atPath: root).sorted() {
      let folder = root + name
      guard FileManager.default.fileExists(atPath: folder + "/model.safetensors") else { continue }
      let result = try tool([
        "run", "--model", folder, "--inputs", folder + "/inputs.safetensors", "--compare",
        folder + "/expected.safetensors", "--max-positions",
        name == "position_tiling" ? "96" : "4096",
      ])
      #expect(result.code == 0, "\(name): \(result.text)")
    }
  }
}
