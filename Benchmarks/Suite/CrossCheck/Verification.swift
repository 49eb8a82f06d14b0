// `tarn verify`: results against Double, beside those of a BLAS library. Docs: CrossChecking.

package import Tarn
package import TarnCheckpoints

/// What to check and against what.
package struct VerificationSettings: Sendable {
  /// A library with cblas_sgemm or dnnl_sgemm: `[NAME=VALUE,...:]PATH`; or nil.
  package var library: String?
  /// Fewer and smaller shapes.
  package var isQuick = false
  /// Kernels and threads of Tarn; the library gets as many threads.
  package var execution: Execution
  /// The path of `tarn`, which is started again for each setting of a library.
  package var tool: String

  /// Everything, without a library.
  package init(on execution: Execution, tool: String) {
    self.execution = execution
    self.tool = tool
  }
}

/// The largest error of one side, in the unit of its line.
struct ErrorFigure {
  var error: Double
  /// What is proven; nil where nothing is.
  var bound: Double?

  var isWithin: Bool { bound.map { error <= $0 } ?? true }
}

/// One line: an operator, its shape and operands, and the errors.
struct VerifiedOperator {
  var name: String
  var shape: String
  var operands: String
  /// What errors and bounds are counted in.
  var unit: String
  var tarn: ErrorFigure
  var library: ErrorFigure?
  /// Between Tarn and the library, largest `|difference|` in the same unit.
  var difference: Double?
  /// Results by their error: how many at most ½, 1, 2, 4 and more than 4 ulp.
  var histogram: [Int]?
  /// The limits of the histogram.
  static let limits = [0.5, 1, 2, 4]

  static func histogram(_ errors: [Double]) -> [Int] {
    var counts = [Int](repeating: 0, count: limits.count + 1)
    for error in errors { counts[limits.firstIndex { error <= $0 } ?? limits.count] += 1 }
    return counts
  }

  var json: JSONValue {
    func figure(_ x: ErrorFigure) -> JSONValue {
      var object: JSONObject = ["max_error": number(x.error)]
      if let bound = x.bound { object["bound"] = number(bound) }
      return .object(object)
    }
    var object: JSONObject = [
      "name": .string(name), "shape": .string(shape), "operands": .string(operands),
      "unit": .string(unit), "tarn": figure(tarn),
    ]
    if let library { object["blas"] = figure(library) }
    if let difference { object["max_difference"] = number(difference) }
    if let histogram {
      object["ulp_histogram"] = .array(histogram.map { .integer($0) })
      object["ulp_limits"] = .array(Self.limits.map { .double($0) })
    }
    return .object(object)
  }
}

/// JSON has no infinity: a wrong special value is the largest number.
private func number(_ x: Double) -> JSONValue {
  .double(x.isFinite ? x : .greatestFiniteMagnitude)
}

/// In how many shapes a property of the bits holds.
struct BitProperty {
  var side: String
  var property: String
  var equal: Int
  var shapes: Int
  /// Between what; or why it could not be seen.
  var among: String

  var json: JSONValue {
    .object([
      "side": .string(side), "property": .string(property), "equal": .integer(equal),
      "shapes": .integer(shapes), "among": .string(among),
    ])
  }
}

/// What a verification found.
package struct VerificationResult {
  var operators: [VerifiedOperator] = []
  var bits: [BitProperty] = []
  var library: Rival?
  var execution: Execution

  /// Whether no error of Tarn exceeds its bound and Tarn's bits are equal.
  package var isGood: Bool {
    operators.allSatisfy(\.tarn.isWithin)
      && bits.allSatisfy { $0.side != "tarn" || $0.equal == $0.shapes }
  }

  /// One document with the keys that scripts rely on.
  package var json: JSONValue {
    var object: JSONObject = [
      "instruction_set": .string(execution.instructionSet.rawValue),
      "threads": .integer(execution.threads),
    ]
    if let library {
      object["library"] = .object([
        "name": .string(library.name), "kernel": .string(library.kernel),
        "integer_bits": .integer(library.hasWideIntegers ? 64 : 32),
      ])
    }
    object["operators"] = .array(operators.map(\.json))
    object["bits"] = .array(bits.map(\.json))
    return .object(object)
  }

  /// The tables, a line each.
  package var lines: [String] {
    var lines = ["tarn: \(execution.instructionSet.rawValue), \(execution.threads) thread(s)"]
    if let library {
      lines.append(
        "blas: \(library.name), kernel: \(library.kernel)"
          + (library.hasWideIntegers ? ", 64-bit integers" : ""))
    }
    lines += ["", "largest errors in units of u·Σ|a||b|, u = 2^-24; a bound is proven for each"]
    let hasLibrary = library != nil
    lines.append(
      column("product", 26) + column("shape", 16) + column("operands", 13) + "    tarn   bound"
        + (hasLibrary ? "    blas   bound  difference" : ""))
    for row in operators where row.histogram == nil { lines.append(line(row, hasLibrary)) }
    lines += ["", "errors as a share of the bound; results by their distance from Double in ulp"]
    lines.append(
      column("operator", 26) + column("shape", 16) + column("operands", 13)
        + "    tarn   bound     ≤ ½     ≤ 1     ≤ 2     ≤ 4     > 4")
    for row in operators {
      if let histogram = row.histogram {
        lines.append(
          line(row, false) + histogram.map { fixed(Double($0), 0, width: 8) }.joined())
      }
    }
    lines += ["", "products with equal bits, of so many shapes"]
    for property in bits {
      lines.append(
        column(property.side, 26) + column(property.property, 29)
          + (property.shapes == 0
            ? "      -" : fixed(Double(property.equal), 0, width: 3) + " of \(property.shapes)")
          + "   " + property.among)
    }
    let bad = operators.filter { !$0.tarn.isWithin }.count
    let worse = operators.filter { !($0.library?.isWithin ?? true) }.count
    lines += [
      "",
      "\(operators.count) lines; over the bound: tarn \(bad)"
        + (hasLibrary ? ", blas \(worse)" : ""),
    ]
    return lines
  }

  private func line(_ row: VerifiedOperator, _ hasLibrary: Bool) -> String {
    func figure(_ x: Double?) -> String {
      guard let x else { return fixed(.infinity, 0, width: 8) }
      return x.isFinite ? fixed(x, x < 100 ? 3 : 1, width: 8) : "   WRONG"
    }
    var text = column(row.name, 26) + column(row.shape, 16) + column(row.operands, 13)
    text += figure(row.tarn.error) + figure(row.tarn.bound)
    if hasLibrary {
      text += figure(row.library?.error) + figure(row.library?.bound)
      text += "    " + figure(row.difference)
    }
    return text + (row.tarn.isWithin ? "" : "  OVER THE BOUND")
  }
}

/// Checks products, functions, reductions and poolings against Double, and which bits are equal.
///
/// - Throws: ``BenchmarkError``.
package func verify(
  _ settings: VerificationSettings, progress: (String) -> Void
) throws(BenchmarkError) -> VerificationResult {
  do {
    let library = try settings.library.map {
      try Rival($0, threads: settings.execution.threads, others: [])
    }
    var result = VerificationResult(library: library, execution: settings.execution)
    for product in productCases(isQuick: settings.isQuick) {
      progress("\(product.name) \(product.shape), \(product.operands.rawValue)")
      result.operators.append(try product.verified(settings.execution, library))
    }
    progress("functions, reductions, poolings")
    result.operators += try verifiedFunctions(settings)
    result.operators += try verifiedRows(settings) + verifiedMixing(settings)
    result.bits = try tarnBits(settings, progress)
    if let specification = settings.library, let library {
      result.bits += libraryBits(specification, library, settings, progress)
    }
    return result
  } catch let error as BenchmarkError {
    throw error
  } catch {
    throw .failed("\(error)")
  }
}
