extension SafetensorsWriter {
  /// Writes the file; a file that is there already is replaced once the new one is complete.
  ///
  /// - Parameter path: where the file goes; its directory must exist.
  /// - Throws: ``CheckpointError/unwritableFile(path:reason:)``, or what the contents of a tensor
  ///   throw. The path is left as it was then.
  public func write(to path: String) throws(CheckpointError) {
    let file = try FileReplacement(path: path)
    try file.append(header())
    for entry in entries {
      try file.append(contents(of: entry))
    }
    try file.commit()
  }
}
