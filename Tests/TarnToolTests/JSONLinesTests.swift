// JSON Lines in, JSON Lines out: order, fields, bad lines, streams that wait and streams that end.

import Foundation
import TarnTestSystem
import TarnCheckpoints
import Testing

struct JSONLinesTests {
  @Test func theSamplesGiveWhatTheModelExpects() throws {
    let result = try tarn(["classify", "--samples", "--json"])
    #expect(result.code == 0)
    #expect(result.errors == "")
    let expected =
      try JSONValue(
        parsing: Array(Data(contentsOf: URL(fileURLWithPath: bundledModel + "/expected.json")))
      )
      .array ?? []
    #expect(expected.count == 6)
    #expect(result.lines.count == 6)
    for (line, expected) in zip(result.lines, expected.compactMap(\.object)) {
      let object = try json(line)
      for (key, other) in [
        ("id", "id"), ("tokens", "tokens"), ("segments", "segments"),
      ] {
        #expect(object[key]?.int64 == expected[other]?.int64)
      }
      #expect(object["label"]?.string == expected["predicted"]?.string)
      let probabilities = expected["probabilities"]?.array?.compactMap(\.double) ?? []
      let scores = object["scores"]?.object
      #expect(probabilities.count == 2)
      for (label, p) in zip(["mainstream", "hyperpartisan"], probabilities) {
        #expect(abs((scores?[label]?.double ?? .nan) - p) <= 1e-4)
      }
      #expect(object["score"]?.double == scores?.members.compactMap(\.value.double).max())
      #expect(object["text"] == nil)
    }
  }

  @Test func aReaderSeesLabelScoreTokensAndSegments() throws {
    let result = try tarn(["classify", "--samples"])
    #expect(result.code == 0)
    #expect(
      result.output.hasPrefix(
        "id        358\nlabel     hyperpartisan\nscore     0.80"))
    #expect(result.output.contains("\ntokens    1556\nsegments  54\n"))
  }

  @Test func tokensOffsetsAndSegmentsAreThoseOfTheText() throws {
    let text = "Straße. Two"
    let object = try json(try tarn(["tokenize", "--json"], text: text).output)
    let tokens = object["tokens"]?.array?.compactMap(\.string) ?? []
    let offsets = (object["offsets"]?.array ?? []).map {
      $0.array?.compactMap(\.int64).map { Int($0) } ?? []
    }
    #expect(tokens.first == "[CLS]")
    #expect(tokens.last == "[SEP]")
    #expect(object["ids"]?.array?.count == tokens.count)
    #expect(object["segments"]?.array?.compactMap(\.int64).first == 0)
    let bytes = Array(text.utf8)
    for (token, offset) in zip(tokens, offsets).dropFirst().dropLast() {
      let piece = String(decoding: bytes[offset[0]..<offset[1]], as: UTF8.self).lowercased()
      let bare = token.hasPrefix("##") ? String(token.dropFirst(2)) : token
      #expect(bare == "[UNK]" || piece == bare)
    }
  }

  @Test func fieldsAreCarriedOverAndResultsWin() throws {
    let line = #"{"id": 7, "text": "One. Two.", "label": "mine", "extra": {"a": [1, null]}}"#
    let object = try json(try tarn(["classify", "--jsonl", "--json"], text: line).output)
    #expect(object["id"]?.int64 == 7)
    #expect(object["extra"]?.encoded() == #"{"a":[1,null]}"#)
    #expect(object["label"]?.string != "mine")
    #expect(object["text"] == nil)
  }

  @Test func aPairIsTwoSegments() throws {
    let line = #"{"text": "one two", "text_pair": "three"}"#
    let object = try json(try tarn(["tokenize", "--jsonl", "--json"], text: line).output)
    let segments = object["segments"]?.array?.compactMap(\.int64) ?? []
    #expect(Set(segments) == [0, 1, 2, 3, 4])
    #expect(segments == segments.sorted())
    let classified = try tarn(["classify", "--jsonl", "--json"], text: line)
    #expect(try json(classified.output)["segments"]?.int64 == 5)
  }

  private static let mixed = """
    {"n": 1, "text": "first"}
    {"n": 2, "text": 5}

    not json
    {"n": 5, "text": ""}
    {"n": 6, "text": "a", "text_pair": 1}
    [1]
    {"n": 8, "text": "last"}
    """

  @Test func badLinesAreReportedAndTheRestGoesOn() throws {
    let result = try tarn(["classify", "--jsonl", "--json"], text: Self.mixed)
    #expect(result.code == 1)
    #expect(try result.lines.map { try json($0)["n"]?.int64 } == [1, 8])
    let reports = try result.errors.split(separator: "\n").map { try json($0) }
    #expect(reports.map { $0["line"]?.int64 } == [2, 4, 5, 6, 7])
    #expect(reports.allSatisfy { $0["error"]?.string?.isEmpty == false })
    #expect(reports.allSatisfy { $0["input"]?.string == "standard input" })
  }

  @Test func strictStopsAtTheFirstBadLine() throws {
    let result = try tarn(["classify", "--jsonl", "--json", "--strict"], text: Self.mixed)
    #expect(result.code == 1)
    #expect(try result.lines.map { try json($0)["n"]?.int64 } == [1])
    let reports = result.errors.split(separator: "\n")
    #expect(reports.count == 1)
    #expect(try json(reports[0])["line"]?.int64 == 2)
  }

  @Test func aLineThatIsNotUTF8IsABadLine() throws {
    let bytes = Array("{\"text\": \"a".utf8) + [0xFF] + Array("\"}\n{\"text\":\"b\"}".utf8)
    let result = try tarn(["classify", "--jsonl", "--json"], input: bytes)
    #expect(result.code == 1)
    #expect(result.lines.count == 1)
    #expect(try json(result.errors)["line"]?.int64 == 1)
  }

  @Test func theSameInputGivesTheSameBytes() throws {
    let once = try tarn(["classify", "--samples", "--json", "--threads", "1"])
    for words in [["--threads", "2"], ["--threads", "7"], ["--no-mmap"], ["--weights", "f32"]] {
      #expect(try tarn(["classify", "--samples", "--json"] + words).output == once.output)
    }
    // The bundled weights are bfloat16, which is kept exactly.
    for weights in ["bf16", "f16", "int8"] {
      let result = try tarn(["classify", "--samples", "--json", "--weights", weights])
      #expect((result.output == once.output) == (weights == "bf16"))
      let labels = { (lines: [Substring]) in try lines.map { try json($0)["label"]?.string } }
      #expect(try labels(result.lines) == labels(once.lines))
    }
    // Each line alone is the same line of the batch.
    let lines = try String(contentsOfFile: bundledModel + "/samples.jsonl", encoding: .utf8)
      .split(separator: "\n")
    for (line, together) in zip(lines, once.lines) {
      let alone = try tarn(["classify", "--jsonl", "--json"], text: String(line))
      #expect(alone.output == together + "\n")
    }
  }

  @Test func severalFilesComeInOrder() throws {
    let folder = try TemporaryDirectory()
    let first = try folder.write("a.txt", Array("one".utf8))
    let second = try folder.write("b.jsonl", Array("{\"text\":\"two three\",\"n\":2}\n".utf8))
    let result = try tarn(["tokenize", "--json", first, second, "-"], text: "four five six")
    #expect(result.code == 0)
    #expect(try result.lines.map { try json($0)["ids"]?.array?.count } == [3, 4, 5])
    let readable = try tarn(["classify", first, first])
    #expect(readable.lines.first == "\(first)")
  }

  @Test func aLineIsAnsweredBeforeTheNextIsWritten() throws {
    let process = Process()
    let input = Pipe()
    let output = Pipe()
    process.executableURL = toolURL
    process.arguments = ["classify", "--jsonl", "--json"]
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    for i in 1...3 {
      try input.fileHandleForWriting.write(contentsOf: Data("{\"text\":\"a b\",\"n\":\(i)}\n".utf8))
      let answer = output.fileHandleForReading.availableData
      #expect(try json(String(decoding: answer, as: UTF8.self))["n"]?.int64 == Int64(i))
    }
    try input.fileHandleForWriting.close()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
  }

  @Test func aReaderThatGoesEndsTheToolQuietly() throws {
    let folder = try TemporaryDirectory()
    let line = Array("{\"text\":\"some words that make a line\"}\n".utf8)
    let path = try folder.write("many.jsonl", Array(repeatElement(line, count: 5000).joined()))
    let process = Process()
    let output = Pipe()
    let errors = Pipe()
    process.executableURL = toolURL
    process.arguments = ["tokenize", "--json", path]
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    #expect(!output.fileHandleForReading.availableData.isEmpty)
    try output.fileHandleForReading.close()
    process.waitUntilExit()
    #expect(process.terminationReason == .exit)
    #expect(process.terminationStatus == 0)
    #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
  }

  #if os(Linux)
    @Test func memoryDoesNotGrowWithTheNumberOfLines() throws {
      let folder = try TemporaryDirectory()
      let process = Process()
      let input = Pipe()
      let outputPath = try folder.write("output", [])
      process.executableURL = toolURL
      process.arguments = ["classify", "--jsonl", "--json", "--threads", "1"]
      process.standardInput = input
      process.standardOutput = try FileHandle(
        forWritingTo: URL(fileURLWithPath: outputPath))
      try process.run()
      let line = "{\"text\":\"" + String(repeating: "word ", count: 20) + "\"}\n"
      let thousand = Data(String(repeating: line, count: 1000).utf8)
      // The largest resident size in KiB after so many thousand lines.
      var sizes: [Int] = []
      for k in 1...48 {
        try input.fileHandleForWriting.write(contentsOf: thousand)
        guard k == 16 || k == 48 else { continue }
        let status = try String(
          contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let high = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        sizes.append(high?.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0)
      }
      try input.fileHandleForWriting.close()
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let output = try Data(contentsOf: URL(fileURLWithPath: outputPath))
      #expect(output.count { $0 == 10 } == 48_000)
      #expect(sizes[0] > 0)
      // Kept whole, 32,000 lines would be 3.7 MB of text and their results 7.2 MB more. The heap grows
      // in steps of 1.2 MB at times of its own, and no more after some ten thousand lines.
      #expect(sizes[1] - sizes[0] <= 2500, "\(sizes) KiB")
    }
  #endif
}
