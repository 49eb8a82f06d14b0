// Which bits stay equal: for threads, instruction sets, and a row alone or among others.

import Tarn
import TarnTestSupport

/// Products whose bits are compared: rows of text by layers, edges, one row, few columns.
private let bitShapes: [ProductShape] = [
  ProductShape(m: 128, k: 768, n: 768), ProductShape(m: 512, k: 768, n: 3072),
  ProductShape(m: 1, k: 768, n: 3072), ProductShape(m: 7, k: 515, n: 129),
  ProductShape(m: 512, k: 64, n: 512), ProductShape(m: 37, k: 2048, n: 41),
]

private func shapes(isQuick: Bool) -> [ProductShape] {
  isQuick ? bitShapes.filter { $0.operations < 5e7 } : bitShapes
}

/// What one way to multiply gives for a shape.
private struct Bits: Equatable {
  var shape: String
  var hash: UInt64
  /// Whether rows multiplied alone have the bits that they have among all; nil for one row.
  var rowsAloneAreEqual: Bool?
}

/// `C = A·B`, row-major, without gaps.
private typealias Multiply = (_ a: Matrix, _ b: Matrix) throws -> [Float]

private func bits(isQuick: Bool, _ multiply: Multiply) throws -> [Bits] {
  try shapes(isQuick: isQuick).map { shape in
    let a = try randomMatrix(shape.m, shape.k, seed: 1)
    let b = try randomMatrix(shape.k, shape.n, seed: 2)
    let c = try multiply(a, b)
    var areEqual: Bool?
    if shape.m > 1 {
      areEqual = try stride(from: 0, to: shape.m, by: max(1, shape.m / 8)).allSatisfy { i in
        let alone = try multiply(a.rows(i..<i + 1), b)
        return zip(alone, c[i * shape.n..<(i + 1) * shape.n]).allSatisfy { sameBits($0, $1) }
      }
    }
    return Bits(
      shape: shape.name, hash: bitHash(c),
      rowsAloneAreEqual: areEqual)
  }
}

/// In how many shapes all runs agree.
private func agreement(
  _ side: String, _ property: String, _ runs: [[Bits]], among: String
) -> BitProperty {
  guard let first = runs.first, runs.count > 1 else {
    return BitProperty(side: side, property: property, equal: 0, shapes: 0, among: among)
  }
  let equal = first.indices.count { i in runs.allSatisfy { $0[i].hash == first[i].hash } }
  return BitProperty(
    side: side, property: property, equal: equal, shapes: first.count, among: among)
}

private func rowsAlone(_ side: String, _ run: [Bits]) -> BitProperty {
  let several = run.compactMap(\.rowsAloneAreEqual)
  return BitProperty(
    side: side, property: "row alone = among others", equal: several.count { $0 },
    shapes: several.count, among: "")
}

private let threadCounts = [1, 2, 3]

/// Tarn's own promises.
func tarnBits(
  _ settings: VerificationSettings, _ progress: (String) -> Void
) throws -> [BitProperty] {
  func run(_ execution: Execution, packed: Bool = true) throws -> [Bits] {
    progress("bits: tarn, \(execution.instructionSet.rawValue), \(execution.threads) threads")
    return try bits(isQuick: settings.isQuick) { a, b in
      var c = try Matrix(rows: a.rows, columns: b.columns)
      if packed {
        try matmul(a, PackedMatrix(b, on: execution), into: &c, on: execution)
      } else {
        try matmul(a, b, into: &c, on: execution)
      }
      return c.elements
    }
  }
  let set = settings.execution.instructionSet
  let byThreads = try threadCounts.map { try run(Execution(instructionSet: set, threads: $0)) }
  let sets = InstructionSet.available.filter {
    $0.hasFusedMultiplyAdd == set.hasFusedMultiplyAdd
  }
  let bySets = try sets.map { try run(Execution(instructionSet: $0, threads: 1)) }
  let inside = try run(settings.execution, packed: false)
  var result = [
    agreement("tarn", "threads", byThreads, among: "1, 2, 3"),
    agreement(
      "tarn", "instruction sets", bySets, among: sets.map(\.rawValue).joined(separator: ", ")),
    rowsAlone("tarn", byThreads[0]),
    agreement("tarn", "packed ahead or inside", [byThreads[0], inside], among: ""),
  ]
  if sets.count == 1 { result[1].among = "no other set here" }
  return result
}

/// The same of a library, each setting in a process of its own.
func libraryBits(
  _ specification: String, _ library: Rival, _ settings: VerificationSettings,
  _ progress: (String) -> Void
) -> [BitProperty] {
  var failures: [String] = []
  func run(threads: Int, _ variable: String? = nil) -> (kernel: String, bits: [Bits])? {
    progress("bits: \(library.name), \(threads) threads \(variable ?? "")")
    let found = bitsOfChild(specification, threads: threads, variable: variable, settings)
    if found == nil { failures.append(variable ?? "\(threads) threads") }
    return found
  }
  let byThreads = threadCounts.compactMap { run(threads: $0)?.bits }
  // A setting that the library ignores gives the kernel of another: it counts once.
  var bySettings: [(name: String, bits: [Bits])] = []
  for setting in library.settings {
    guard let found = run(threads: 1, setting) else { continue }
    let name = setting.hasPrefix("MKL_") ? setting : found.kernel
    if !bySettings.contains(where: { $0.name == name }) { bySettings.append((name, found.bits)) }
  }
  let name = library.name
  return [
    agreement(name, "threads", byThreads, among: "1, 2, 3"),
    agreement(
      name, "instruction sets", bySettings.map(\.bits),
      among: bySettings.isEmpty
        ? "no setting known" : bySettings.map(\.name).joined(separator: ", ")),
    byThreads.first.map { rowsAlone(name, $0) }
      ?? BitProperty(
        side: name, property: "row alone = among others", equal: 0, shapes: 0,
        among: "the process that loads it failed: " + failures.joined(separator: ", ")),
  ]
}

/// Set in the environment of the processes that ``libraryBits`` starts.
package let bitsOfLibraryVariable = "TARN_VERIFY_BITS_OF_LIBRARY"

/// What such a process prints: the kernel's name, and a line for each shape.
package func printBits(
  ofLibrary specification: String, threads: Int, isQuick: Bool, line: (String) -> Void
) throws(BenchmarkError) {
  do {
    let library = try Rival(specification, threads: threads, others: [])
    let found = try bits(isQuick: isQuick) { a, b in
      let product = RivalProduct(library, a, b, columns: b.columns, transposed: false)
      product.run()
      return product.result
    }
    line(library.kernel)
    for bits in found {
      let alone = bits.rowsAloneAreEqual.map { $0 ? "equal" : "different" } ?? "-"
      line("\(bits.shape) \(bits.hash) \(alone)")
    }
  } catch let error as BenchmarkError {
    throw error
  } catch {
    throw .failed("\(error)")
  }
}

/// The bits that the library has in a new process; nil if that fails.
private func bitsOfChild(
  _ specification: String, threads: Int, variable: String?, _ settings: VerificationSettings
) -> (kernel: String, bits: [Bits])? {
  let arguments =
    ["verify", "--blas", specification, "--threads", "\(threads)"]
    + (settings.isQuick ? ["--quick"] : [])
  var variables = [bitsOfLibraryVariable: "1"]
  if let pair = variable?.split(separator: "=", maxSplits: 1), pair.count == 2 {
    variables[String(pair[0])] = String(pair[1])
  }
  guard let text = output(of: settings.tool, arguments, variables) else { return nil }
  let all = text.split(separator: "\n", omittingEmptySubsequences: false)
  let lines = all.dropFirst().compactMap { line -> Bits? in
    let words = line.split(separator: " ")
    guard words.count == 3, let hash = UInt64(words[1]) else { return nil }
    return Bits(
      shape: String(words[0]), hash: hash,
      rowsAloneAreEqual: words[2] == "-" ? nil : words[2] == "equal")
  }
  return lines.count == shapes(isQuick: settings.isQuick).count ? (String(all[0]), lines) : nil
}
