// tarn bench: rows, files, and what is wrong with a command line.

import Foundation
import TarnCheckpoints
import TarnTestSystem
import Testing

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// Quick measurements of few kernels; no figure is judged.
struct BenchTests {
  @Test(arguments: [
    (
      ["bench", "nope"],
      "found \"nope\", expected matmul, pooling, rows, attention, weights, models, "
        + "pyramidion or all"
    ),
    (["bench", "rows", "models"], "found 2 operands, expected at most one"),
    (["bench", "--json"], "option --json needs a value"),
    (["bench", "--json", ""], "option --json: found \"\""),
    (["bench", "--svg"], "option --svg needs a value"),
    (["bench", "--filter", ""], "option --filter: found \"\""),
    (["bench", "--quick=1"], "option --quick takes no value"),
    (["bench", "rows", "--blas", "libnone.so"], "option --blas: found rows"),
    (["bench", "rows", "--model", "DIR"], "option --model: found rows"),
    (["bench", "matmul", "--lengths", "8"], "option --lengths: found matmul"),
    (["bench", "models", "--lengths", "8,,16"], "option --lengths: found \"8,,16\""),
    (["bench", "models", "--batch", "0"], "option --batch: found \"0\""),
    (["bench", "models", "--model", ""], "option --model: found \"\""),
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
    // A mark for each length of the three-row window and the segment maximum, and one in the key.
    #expect(scaling.counts["circle"] == 8)
  }

  @Test func modelsAreMeasuredOnSoManyThreads() throws {
    let result = try tarn(["bench", "models", "--quick", "--threads", "3", "--filter", "n=64/"])
    #expect(result.code == 0, "\(result.errors)")
    let rows = result.lines.map { $0.split(separator: " ").map(String.init) }
      .filter { $0.count > 4 && $0[1] == "64" }
    #expect(
      rows.map { $0[0] } == [
        "bert-tiny", "bert-tiny", "fnet-tiny", "fnet-tiny", "funnel-tiny", "funnel-tiny",
        "ponet-tiny", "ponet-tiny",
      ])
    #expect(rows.map { $0[3] } == ["1", "3", "1", "3", "1", "3", "1", "3"])
  }

  @Test func modelsAreComparedInWords() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/rows.json"
    let result = try tarn(
      [
        "bench", "models", "--quick", "--threads", "1", "--json", path, "--svg",
        folder.path + "/out.svg",
      ])
    #expect(result.code == 0, "\(result.errors)")
    let rows = try json(String(contentsOfFile: path, encoding: .utf8))["benchmarks"]?.array ?? []
    func time(_ model: String, _ n: Int64) throws -> Double {
      let found = rows.compactMap(\.object).filter {
        $0["operation"]?.string == model && $0["rows"]?.int64 == n
      }
      #expect(found.count == 1)
      return try #require(found.first?["real_time"]?.double)
    }
    for n: Int64 in [64, 128, 256] {
      // The words give two decimals of what the rows hold.
      for (other, words) in [
        ("bert-tiny", "BERT's time over PoNet's is "),
        ("fnet-tiny", "PoNet's time over FNet's is "),
      ] {
        let ratio = try time(other, n) / time("ponet-tiny", n)
        let line = try #require(result.lines.first { $0.contains(words) })
        let list = try #require(line.components(separatedBy: words).last)
        let part = try #require(
          list.components(separatedBy: ", ").first { $0.hasSuffix(" at n = \(n)") })
        let shown = try #require(part.split(separator: " ").first.flatMap { Double($0) })
        #expect((shown - (other == "bert-tiny" ? ratio : 1 / ratio)).magnitude < 0.0051, "\(line)")
      }
    }
    #expect(rows.count == 12)
    // Models have no roofline; their marks differ, and the key repeats each.
    #expect(folder.contents == ["out-scaling.svg", "rows.json"])
    let picture = try Picture(folder.path + "/out-scaling.svg")
    #expect(picture.counts["circle"] == 4)
    #expect(picture.counts["polygon"] == 12)
    for name in ["bert-tiny", "fnet-tiny", "funnel-tiny", "ponet-tiny"].map({ $0 + ", 1 thread" }) {
      #expect(picture.texts.contains(name))
    }
    #expect(picture.texts.count { $0.hasPrefix("reference, not measured: time ~ n") } == 2)
  }

  @Test func pyramidionIsMeasuredWithPoolingAndWithout() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/rows.json"
    let result = try tarn([
      "bench", "pyramidion", "--quick", "--threads", "1", "--lengths", "64", "--json", path,
    ])
    #expect(result.code == 0, "\(result.errors)")
    let rows = try #require(
      json(String(contentsOfFile: path, encoding: .utf8))["benchmarks"]?.array
    ).compactMap(\.object)
    let shape = "/n=64/threads=1"
    #expect(
      rows.compactMap { $0["name"]?.string } == [
        "pyramidion-encode-pooled" + shape, "pyramidion-step-pooled" + shape,
        "pyramidion-encode-blockwise" + shape, "pyramidion-step-blockwise" + shape,
      ])
    for (i, row) in rows.enumerated() {
      let gain = try #require(row["gain"]?.double)
      let time = try #require(row["real_time"]?.double)
      let other = try #require(rows[2 + i % 2]["real_time"]?.double)
      #expect((gain * time / other - 1).magnitude < 1e-9)
      #expect(try #require(row[i % 2 == 0 ? "gflops" : "bound_share"]?.double) > 0)
    }
  }

  @Test func aCheckpointIsMeasuredAtEachLengthAndBatch() throws {
    let folder = try TemporaryDirectory()
    let path = folder.path + "/rows.json"
    let result = try tarn(
      [
        "bench", "models", "--quick", "--model", bundledModel, "--lengths", "8,1", "--batch",
        "1,3", "--threads", "1", "--json", path,
      ])
    #expect(result.code == 0, "\(result.errors)")
    let rows = try #require(
      json(String(contentsOfFile: path, encoding: .utf8))["benchmarks"]?.array
    ).compactMap(\.object)
    let name = "ponet-hyperpartisan-mini/n="
    #expect(
      rows.compactMap { $0["name"]?.string } == [
        name + "1/threads=1", name + "1/batch=3/threads=1", name + "8/threads=1",
        name + "8/batch=3/threads=1",
      ])
    for row in rows {
      let (time, n) = (try #require(row["real_time"]?.double), try #require(row["rows"]?.int64))
      let batch = try #require(row["batch"]?.double)
      let rate = try #require(row["tokens_per_second"]?.double)
      #expect((rate * time / (1e9 * batch * Double(n)) - 1).magnitude < 1e-9)
      // 2 layers of 128, 512 and 4 heads.
      let operations = 2 * (2 * (4 * 128 * 128 + 2 * 128 * 512) + 4 * 128 * 4)
      #expect(
        (try #require(row["gflops"]?.double) / (rate * Double(operations) / 1e9) - 1).magnitude
          < 1e-9)
    }
    let missing = try tarn(["bench", "models", "--model", folder.path])
    #expect(missing.code == 1)
    #expect(missing.errors.contains("config.json"), "\(missing.errors)")
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
