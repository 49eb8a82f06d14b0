// Foundation: Bundle.module, which SwiftPM generates, is Foundation's Bundle. Only this file needs it.

import Foundation

/// The classifier that comes with the tool.
enum BundledModel {
  /// Its checkpoint directory.
  static var directory: String {
    Bundle.module.bundlePath + "/ponet-hyperpartisan-mini"
  }

  /// Articles to try it on.
  static var samples: String { directory + "/samples.jsonl" }
}
