/// A shape as messages show it: `[2, 3]`.
///
/// Embedded Swift has no text for an array.
package func listed(_ shape: [Int]) -> String {
  "[" + shape.map { String($0) }.joined(separator: ", ") + "]"
}
