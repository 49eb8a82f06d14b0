// Where the tool looks for the model that comes with it.

import Foundation
import TarnTestSystem
import Testing

struct InstallationTests {
  let samples = ["classify", "--samples", "--json"]

  /// A copy of the tool alone, in `bin` of an empty folder.
  func installed() throws -> (folder: TemporaryDirectory, tool: URL) {
    let folder = try TemporaryDirectory()
    let bin = URL(fileURLWithPath: folder.path + "/bin")
    try FileManager.default.createDirectory(at: bin, withIntermediateDirectories: true)
    let tool = bin.appendingPathComponent("tarn")
    try FileManager.default.copyItem(at: toolURL, to: tool)
    return (folder, tool)
  }

  @Test func withoutItsModelTheToolSaysWhereItLooked() throws {
    let (folder, tool) = try installed()
    for words in [samples, ["classify", "--json"], ["tokenize", "--samples"]] {
      let result = try tarn(words, text: "Text.", tool: tool)
      #expect(result.isRefusal, "\(result)")
      for place in ["/bin/tarn_TarnTool.", "/share/tarn/ponet-hyperpartisan-mini", "--model DIR"] {
        #expect(result.errors.contains(place), "\(result.errors)")
      }
    }
    #expect(try tarn(["inspect", bundledModel], tool: tool).code == 0)
    withExtendedLifetime(folder) {}
  }

  @Test func theModelIsFoundBesideAndUnderShare() throws {
    let expected = try tarn(samples)
    #expect(expected.code == 0, "\(expected.errors)")
    let (folder, tool) = try installed()
    let share = URL(fileURLWithPath: folder.path + "/share/tarn/ponet-hyperpartisan-mini")
    try FileManager.default.createDirectory(
      at: share.deletingLastPathComponent(), withIntermediateDirectories: true)
    try FileManager.default.copyItem(at: URL(fileURLWithPath: bundledModel), to: share)
    #expect(try tarn(samples, tool: tool).output == expected.output)
    // A link, as it stands in a folder of PATH, leads to the tool and its folder.
    let link = URL(fileURLWithPath: folder.path + "/link")
    try FileManager.default.createSymbolicLink(at: link, withDestinationURL: tool)
    #expect(try tarn(samples, tool: link).output == expected.output)
  }
}
