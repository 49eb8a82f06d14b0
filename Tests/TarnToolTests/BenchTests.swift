// tarn bench: rows, files, and what is wrong with a command line.

import Foundation
import TarnCheckpoints
import TarnTestSupport
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Quick measurements of few kernels; no figure is judged.
struct BenchTests {
  @Test(arguments: [
    (
      ["bench", "nope"],
      "found \"nope\", expected matmul, pooling, rows, attention, models or all"
    ),
    (["bench", "rows", "models"], "found 2 operands, expected at most one"),
    (["bench", "--json"], "option --json needs a value"),
    (["bench", "--json", ""], "option --json: found \"\""),
    (["bench", "--svg"], "option --svg needs a value"),
    (["bench", "--filter", ""], "option --filter: found \"\""),
    (["bench", "--quick=1"], "option --quick takes no value"),
    (["bench", "rows", "--blas", "libnone.so"], "option --blas: found rows"),
    (["bench", "--isa", "sse9"], "sse9"),
    (["bench", "--threads", "0"], "option --threads: found \"0\""),
  ])
  func wrongUsageExitsWithTwo(words: [String], reason: String) throws {
    let result = try tarn(words)
    #expect(result.code == 2)
    #expect(result.output == "")
    #expect(result.errors.contains(reason), "\(result.errors)")
    #expect(result.errors.contains("\nusage: tarn bench [OPTION...] [matmul|"))
  }

  @Test func whatCannotBeDoneExitsWithOne() throws {
    let folder = try TemporaryDirectory()
    let missing = folder.path + "/none/rows.json"
    for option in ["--json", "--svg"] {
      let result = try tarn(["bench", "--quick", option, missing])
      #expect(result.code == 1)
      #expect(result.output == "")
      #expect(result.errors.hasPrefix("tarn: error: " + folder.path + "/none/rows"))
      #expect(result.errors.contains("cannot be written: "), "\(result.errors)")
    }
    let filter = try tarn(["bench", "rows", "--quick", "--filter", "no such kernel"])
    #expect(filter.code == 1)
    #expect(filter.errors.contains("no benchmark's name contains it"), "\(filter.errors)")
    let library = folder.path + "/libnone.so"
    let blas = try tarn(["bench", "matmul", "--quick", "--filter", "128x", "--blas", library])
    #expect(blas.code == 1)
    #expect(blas.errors.contains("tarn: error: " + library), "\(blas.errors)")
  }

  @Test func rowsGoToTheTableAndToJSON() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/rows.json"
    let result = try tarn(
      ["bench", "pooling", "--quick", "--filter", "segment-max-f32", "--json", path])
    #expect(result.code == 0, "\(result.errors)")
    #expect(result.errors == "")
    let lines = result.lines.filter { $0.hasPrefix("segment-max-f32-") }
    #expect(lines.count == 1)
    #expect(lines.first?.hasSuffix(" %") == true)
    #expect(!result.output.contains("masked-mean"))

    let document = try json(String(contentsOfFile: path, encoding: .utf8))
    let context = try #require(document["context"]?.object)
    for key in ["date", "machine", "num_cpus", "caches"] { #expect(context[key] != nil, "\(key)") }
    let date = try #require(context["date"]?.string)
    #expect(ISO8601DateFormatter().date(from: date) != nil, "\(date)")
    let rows = try #require(document["benchmarks"]?.array).compactMap(\.object)
    #expect(rows.count == 1)
    let row = try #require(rows.first)
    #expect(row["name"]?.string?.hasPrefix("segment-max-f32-") == true)
    #expect(row["run_name"]?.string == row["name"]?.string)
    #expect(row["time_unit"]?.string == "ns")
    #expect(row["group"]?.string == "pooling")
    #expect(row["operation"]?.string == "segment-max")
    #expect(row["rows"]?.int64 == 256)
    for key in [
      "iterations", "real_time", "cpu_time", "best_time", "ns_per_element", "gb_per_second",
      "gflops", "bound_share",
    ] {
      #expect(row[key]?.double ?? 0 > 0, "\(key)")
    }
    let best = try #require(row["best_time"]?.double)
    let time = try #require(row["real_time"]?.double)
    #expect(best <= time)
    let elements = try #require(row["ns_per_element"]?.double)
    #expect((elements * 256 * 768 / time - 1).magnitude < 1e-9)
  }

  @Test func picturesAreXMLWithAMarkForEachKernel() throws {
    let folder = try TemporaryDirectory()
    let result = try tarn(
      ["bench", "pooling", "--quick", "--filter", "max", "--svg", folder.path + "/out.svg"])
    #expect(result.code == 0, "\(result.errors)")
    #expect(folder.contents == ["out-roofline.svg", "out-scaling.svg"])
    let roofline = try Picture(folder.path + "/out-roofline.svg")
    #expect(roofline.texts.contains("GFLOP/s"))
    #expect(roofline.texts.contains { $0.contains("memory, ") && $0.hasSuffix(" GB/s") })
    #expect(roofline.texts.contains("segment-max"))
    #expect(roofline.texts.contains("1"))
    let scaling = try Picture(folder.path + "/out-scaling.svg")
    #expect(scaling.texts.contains("segment-max"))
    #expect(scaling.texts.contains { $0.hasPrefix("reference, not measured") })
    #expect(scaling.texts.contains("256"))
    // One mark for each length of the three-row window and the segment maximum.
    #expect(scaling.counts["circle"] == 6)
  }

  @Test func modelsAreMeasuredOnSoManyThreads() throws {
    let result = try tarn(["bench", "models", "--quick", "--threads", "3", "--filter", "n=64/"])
    #expect(result.code == 0, "\(result.errors)")
    let lines = result.lines.filter { $0.hasPrefix("64 ") }
    #expect(lines.map { $0.split(separator: " ")[1] } == ["1", "3"])
  }

  @Test func matmulNamesTheTileAndTheInstructionSet() throws {
    let result = try tarn(
      ["bench", "matmul", "--quick", "--isa", "baseline", "--filter", "128x768x768"])
    #expect(result.code == 0, "\(result.errors)")
    let lines = result.lines.filter { $0.hasPrefix("matmul-f32-") }
    #expect(lines.count == 1)
    #expect(lines.first?.contains("-baseline") == true)
  }
}

/// The texts and elements of a picture; fails where it is not XML.
private final class Picture: NSObject, XMLParserDelegate {
  private(set) var texts: [String] = []
  private(set) var counts: [String: Int] = [:]
  private var text = ""

  init(_ path: String) throws {
    super.init()
    let parser = XMLParser(data: try Data(contentsOf: URL(fileURLWithPath: path)))
    parser.delegate = self
    let isParsed = parser.parse()
    #expect(isParsed, "\(path): \(String(describing: parser.parserError))")
  }

  func parser(
    _: XMLParser, didStartElement name: String, namespaceURI _: String?, qualifiedName _: String?,
    attributes _: [String: String]
  ) {
    counts[name, default: 0] += 1
    text = ""
  }

  func parser(_: XMLParser, foundCharacters string: String) { text += string }

  func parser(
    _: XMLParser, didEndElement name: String, namespaceURI _: String?, qualifiedName _: String?
  ) {
    if name == "text" { texts.append(text) }
  }
}
