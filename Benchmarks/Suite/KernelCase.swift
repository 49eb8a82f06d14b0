// One row of the kernel benchmark.

import Tarn

/// What limits a kernel, with the amount of one call.
enum Bound {
  /// Bytes that must be read and written; the limit is a copy of as many.
  case memory(bytes: Int)
  /// Bytes that must be read, where next to nothing is written; the limit is reading as many.
  case read(bytes: Int)
  /// Multiplications and additions; the limit is the measured multiply-add peak.
  case arithmetic(operations: Int)
}

/// A part of the kernel benchmark that can be asked for by itself.
enum KernelGroup: String {
  /// Normalisation, softmax, elementwise functions, conversion, gathering: a row at a time.
  case rows
  /// Whatever mixes tokens: pooling, windows, top-k, Fourier transforms.
  case pooling
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
  var group = KernelGroup.pooling
  /// Arithmetic of one call, if the bound does not say it: a multiply-add counts two, any other
  /// arithmetic instruction of a lane (also minimum, maximum, comparison, division, root) one.
  var operations: Int? = nil
  /// Bytes of one call, if the bound does not say them.
  var bytes: Int? = nil
  /// Rows that it works on, if they are not those that were asked for.
  var rows: Int? = nil
}

extension KernelCase {
  /// Operations of one call, nil if nobody counted.
  var countedOperations: Int? {
    if case .arithmetic(let operations) = bound { return operations }
    return operations
  }

  /// Bytes of one call, nil if nobody counted.
  var countedBytes: Int? {
    switch bound {
    case .memory(let bytes), .read(let bytes): bytes
    case .arithmetic: bytes
    }
  }
}

extension [KernelCase] {
  /// The same cases as part of a group.
  func grouped(_ group: KernelGroup) -> [KernelCase] {
    map {
      var kernel = $0
      kernel.group = group
      return kernel
    }
  }
}
