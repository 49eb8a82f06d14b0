internal import Foundation

/// A directory that is removed when the object goes.
package final class TemporaryDirectory: Sendable {
  /// Its path.
  package let path: String

  /// A new directory with a name that no other has.
  package init() throws {
    path = NSTemporaryDirectory() + "tarn-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes a file and returns its path.
  package func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }

  /// Removes a file.
  package func remove(_ name: String) throws {
    try FileManager.default.removeItem(atPath: path + "/" + name)
  }

  /// Copies a file of another directory.
  package func copy(_ name: String, from directory: String) throws {
    try FileManager.default.copyItem(atPath: directory + "/" + name, toPath: path + "/" + name)
  }

  /// The names of its files.
  package var contents: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? []
  }
}
