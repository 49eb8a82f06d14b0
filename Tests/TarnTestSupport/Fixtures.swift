/// The path of a file or directory under Tests/Fixtures.
///
/// - Parameter relative: for example `ponet/cls_sentences/model.safetensors`.
/// - Returns: A path that does not depend on the working directory.
package func fixturePath(_ relative: String) -> String {
  let tests = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(2)
  return tests.joined(separator: "/") + "/Fixtures/" + relative
}
