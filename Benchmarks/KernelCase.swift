// One row of the kernel benchmark.

import Tarn

/// What limits a kernel, with the amount of one call.
enum Bound {
  /// Bytes that must be read and written; the limit is a copy of as many rows.
  case memory(bytes: Int)
  /// Multiplications and additions; the limit is the measured multiply-add peak.
  case arithmetic(operations: Int)
}

/// One kernel at one size: how to run it, what it must give, what bounds it.
struct KernelCase {
  var name: String
  var bound: Bound
  /// Runs the kernel and returns its output's storage.
  var run: (inout Matrix) throws -> Void
  var result: Matrix
  /// The oracle's values; only made where results are checked.
  var expected: () -> [Double]
}
