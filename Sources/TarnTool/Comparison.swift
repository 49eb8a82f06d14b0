// Two tensors side by side: the largest difference, where, and whether it is allowed.

import TarnCheckpoints
import TarnModels

/// |found - expected| may be absolute + relative · |expected|.
struct Tolerance {
  var absolute: Double
  var relative: Double
}

/// The largest difference of one tensor, and whether all differences are allowed.
struct Comparison {
  private var name: String
  private var shape: [Int]
  private var largest = 0.0
  private var place: [Int] = []
  private var problem: String?
  private(set) var isGood = true

  init(
    _ info: TensorInfo, _ expected: [Float], found: NamedTensor?, _ tolerance: Tolerance,
    allRows: Bool
  ) {
    name = info.name.text
    shape = info.shape
    guard let found else {
      problem = "is not among the outputs"
      isGood = false
      return
    }
    guard found.shape == shape else {
      problem = "found \(found.shape)"
      isGood = false
      return
    }
    // A mask has one entry for each leading row.
    let mask = allRows ? nil : found.mask
    let width = max(1, expected.count / max(1, mask?.count ?? 1))
    for i in expected.indices where mask?[i / width] ?? true {
      let difference = Double(abs(found.values[i] - expected[i]))
      let allowed = tolerance.absolute + tolerance.relative * Double(abs(expected[i]))
      // Written so that NaN is not allowed.
      if !(difference <= allowed) { isGood = false }
      if difference > largest || (difference.isNaN && !largest.isNaN) {
        largest = difference
        place = index(of: i)
      }
    }
  }

  private func index(of flat: Int) -> [Int] {
    var rest = flat
    var index: [Int] = []
    for size in shape.reversed() {
      index.append(rest % size)
      rest /= size
    }
    return index.reversed()
  }

  var line: String {
    let verdict = Output.colored(isGood ? "pass" : "FAIL", isGood ? .green : .red)
    if let problem { return "\(verdict)  \(name)  \(shape)  \(problem)" }
    return "\(verdict)  \(name)  \(shape)  \(largest)  at \(place)"
  }

  var json: JSONValue {
    .object(
      JSONObject([
        "name": .string(name), "shape": .array(shape.map { .integer($0) }),
        "max_abs_difference": problem == nil ? .double(largest) : .null,
        "at": .array(place.map { .integer($0) }), "ok": .boolean(isGood),
      ]))
  }
}
