// The promised bits as hashes, printed by one text on every target.
//
//     TarnGoldenHashes [--compare FILE] < parts
//
// Prints a line for each case: the hash of the result's bits and the case's name; at last a hash of all
// lines. Standard input holds the files of the models, which `.ci/golden-hashes` puts together. TARN_ISA
// chooses the kernels. Exit status 1 if FILE holds other lines, 2 if something is wrong with the input.

import Tarn
import TarnModels
import TarnText

@main
struct TarnGoldenHashes {
  static func main() {
    guard var parts = InputParts(), parts.count == 7 else {
      stop("standard input: expected a line with seven sizes, then so many bytes")
    }
    var cases: Cases
    do throws(TarnError) {
      cases = Cases(on: try Execution())
      try operatorCases(&cases)
    } catch {
      stop(error.description)
    }
    do throws(ModelError) {
      let poNet = ModelFiles(
        configuration: parts.next(), weights: parts.next(), inputs: parts.next())
      try poNetCases(&cases, poNet)
      try errorCases(&cases, poNet)
      try bertCases(
        &cases,
        ModelFiles(configuration: parts.next(), weights: parts.next(), inputs: parts.next()))
    } catch {
      stop(error.description)
    }
    do throws(TextError) {
      try textCases(&cases, vocabulary: parts.next())
    } catch {
      stop(error.description)
    }
    cases.finish()
    if let expected = expectedLines() { compare(cases.lines, expected) }
  }

  private static func operatorCases(_ cases: inout Cases) throws(TarnError) {
    try productCases(&cases)
    try rowCases(&cases)
    try poolingCases(&cases)
    try windowCases(&cases)
    try topKCases(&cases)
    try attentionCases(&cases)
    try fourierCases(&cases)
    try specialValueCases(&cases)
  }

  /// Ends the program with status 1 at the first line that is another.
  private static func compare(_ lines: [String], _ expected: [String]) {
    for i in 0..<max(lines.count, expected.count) {
      let found = i < lines.count ? lines[i] : "nothing"
      let other = i < expected.count ? expected[i] : "nothing"
      if found != other { stop("found \(found), expected \(other)", status: 1) }
    }
  }
}

/// Ends the program with a message.
func stop(_ message: String, status: Int32 = 2) -> Never {
  print(message)
  leave(status: status)
}
