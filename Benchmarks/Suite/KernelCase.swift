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

/// A kernel that can be asked for by its name; nothing is allocated before that.
struct KernelCase {
  var name: String
  var group: KernelGroup
  /// Makes inputs and target.
  var prepare: () throws -> PreparedKernel

  init(
    _ name: String, _ group: KernelGroup = .pooling,
    _ prepare: @escaping () throws -> PreparedKernel
  ) {
    self.name = name
    self.group = group
    self.prepare = prepare
  }
}

/// One kernel at one size: how to run it, what it must give, what bounds it.
struct PreparedKernel {
  var bound: Bound
  /// Runs the kernel and returns its output's storage.
  var run: (inout Matrix) throws -> Void
  var result: Matrix
  /// The oracle's values; only made where results are checked.
  var expected: () -> [Double]
  /// Arithmetic of one call as the kernel's source has it, if the bound does not say it.
  ///
  /// A multiply-add counts two, any other arithmetic instruction of a lane (also minimum, maximum, division,
  /// root, a comparison, of tokens too) one. Signs, steps of integers and the additions that watch for NaN
  /// are not counted.
  var operations: Int? = nil
  /// Bytes of one call, if the bound does not say them: each input read once, each output written once.
  var bytes: Int? = nil
  /// Elements that it works on, if they are not those of the rows that were asked for.
  var elements: Int? = nil
}

extension PreparedKernel {
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

/// The elements, as oracles take them.
func doubles(_ x: Matrix) -> [Double] { x.elements.map(Double.init) }
