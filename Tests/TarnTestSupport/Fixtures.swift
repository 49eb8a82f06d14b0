// Where golden data lie.

/// The path of a file or directory below Tests/Fixtures.
package func fixturePath(_ relative: String) -> String {
  let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
  return "/\(tests)/Fixtures/\(relative)"
}
