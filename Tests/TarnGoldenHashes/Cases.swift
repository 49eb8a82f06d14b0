// The list of cases as it grows: a line with name and hash for each.

import Tarn

/// Runs cases on repeatable inputs and prints the hash of each result.
struct Cases {
  /// Kernels and threads.
  let execution: Execution
  /// The lines printed so far.
  private(set) var lines: [String] = []
  private var random = SplitMix64(seed: 0)

  init(on execution: Execution) {
    self.execution = execution
  }

  /// Begins a family of cases, whose inputs then do not depend on the families before it.
  mutating func start(seed: UInt64) {
    random = SplitMix64(seed: seed)
  }

  /// Multiples of 2⁻²³ between -1 and 1, times a scale.
  mutating func floats(_ count: Int, scale: Float = 1) -> [Float] {
    random.floats(count, scale: scale)
  }

  /// A matrix of such numbers.
  mutating func matrix(
    _ rows: Int, _ columns: Int, scale: Float = 1
  ) throws(TarnError) -> Matrix {
    try Matrix(rows: rows, columns: columns, floats(rows * columns, scale: scale))
  }

  /// Prints the hash of all elements of these matrices.
  mutating func note(_ name: String, _ results: Matrix...) {
    var hash = BitHash()
    for result in results {
      for x in result.elements { hash.add(x) }
    }
    note(name, hash)
  }

  /// Prints the hash of integers.
  mutating func note(_ name: String, _ result: [Int32]) {
    var hash = BitHash()
    for x in result { hash.add(UInt32(bitPattern: x)) }
    note(name, hash)
  }

  /// Runs an operator on a target of zeros, or on a copy of `start`, and prints the target's hash.
  mutating func run(
    _ name: String, _ rows: Int, _ columns: Int, onto start: Matrix? = nil,
    _ body: (inout Matrix) throws(TarnError) -> Void
  ) throws(TarnError) {
    var target = try Matrix(rows: rows, columns: columns)
    if let start { target = start }
    try body(&target)
    note(name, target)
  }

  /// Prints the number of cases and the hash of all lines, their ends included.
  mutating func finish() {
    var hash = BitHash()
    for line in lines {
      for byte in line.utf8 { hash.add(byte) }
      hash.add(UInt8(ascii: "\n"))
    }
    note("all \(lines.count) cases", hash)
  }

  private mutating func note(_ name: String, _ hash: BitHash) {
    let line = hash.digits + "  " + name
    print(line)
    lines.append(line)
  }
}

/// Sequences of a batch: more than one chunk of 256 tokens, a whole chunk and a part, one token.
func batch() throws(TarnError) -> Ragged {
  try Ragged(lengths: [37, 1, 259])
}
