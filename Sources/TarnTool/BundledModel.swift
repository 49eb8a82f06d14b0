// The model that comes with the tool. SwiftPM's Bundle.module would find it too, but it is Foundation's:
// three quarters of a static executable.

import TarnSystem

/// The classifier that comes with the tool.
enum BundledModel {
  /// Its checkpoint directory.
  ///
  /// - Throws: ``ToolError/failed(_:)`` that names all places where it may lie.
  static func directory() throws(ToolError) -> String {
    guard let place = places.first(where: { fileExists($0 + "/config.json") }) else {
      throw .failed(
        "the model that comes with the tool: found nothing, expected one of "
          + places.joined(separator: ", ") + "; or use --model DIR")
    }
    return place
  }

  /// Articles to try it on.
  static func samples() throws(ToolError) -> String { try directory() + "/samples.jsonl" }

  /// Beside the executable, where SwiftPM puts it, and where a package of a system would.
  private static var places: [String] {
    #if canImport(Darwin)
      let bundle = "tarn_TarnTool.bundle"
    #else
      let bundle = "tarn_TarnTool.resources"
    #endif
    let name = "/ponet-hyperpartisan-mini"
    let directory = Executable.directory
    return [directory + "/" + bundle + name, directory + "/../share/tarn" + name]
  }
}

extension Arguments {
  /// The checkpoint directory of `--model`, or of the model that comes with the tool.
  func modelDirectory() throws(ToolError) -> String {
    if let directory = values["--model"] { return directory }
    return try BundledModel.directory()
  }
}
