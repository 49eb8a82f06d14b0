import Foundation
import TarnFuzzTargets
import TarnTestSupport
import Testing

/// What the fuzzers have found, read again without them.
@Suite struct CorpusTests {
  @Test(arguments: FuzzTarget.allCases)
  func everyFileOfTheCorpusIsReadAsPromised(target: FuzzTarget) throws {
    let folder = fuzzPath("Corpus/\(target.rawValue)")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.count >= 10)
    for name in names {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
      #expect(throws: Never.self, "\(target.rawValue)/\(name)") {
        try target.check(Array(bytes))
      }
    }
  }
}

/// The path of a file under Tests/Fuzz.
private func fuzzPath(_ relative: String) -> String {
  fixturePath("../Fuzz/" + relative)
}
