// The table of one family of kernels.

/// Measurements of the machine.
///
/// See ``KernelTable``.
public struct MachineKernels: Sendable {
  /// A row or vector that is only read.
  public typealias Pointer = UnsafePointer<Float>
  /// A row or vector that is written, or workspace.
  public typealias MutablePointer = UnsafeMutablePointer<Float>

  /// Independent multiply-adds in registers, to measure the arithmetic peak.
  ///
  /// Returns the operations done (a multiply-add counts two) and a value that keeps the loop alive.
  public var multiplyAddPeak: @Sendable (_ iterations: Int) -> (operations: Int, sink: Float)
  /// Reads elements one after another, a multiple of 128 of them, to measure bandwidth.
  public var readAll: @Sendable (Pointer, Int) -> Float
  /// Copies elements one after another, a multiple of 64 of them, to measure bandwidth.
  public var copyAll: @Sendable (Pointer, MutablePointer, Int) -> Void

  /// A table of these members; see the properties.
  public init(
    multiplyAddPeak: @escaping @Sendable (Int) -> (operations: Int, sink: Float),
    readAll: @escaping @Sendable (Pointer, Int) -> Float,
    copyAll: @escaping @Sendable (Pointer, MutablePointer, Int) -> Void
  ) {
    self.multiplyAddPeak = multiplyAddPeak
    self.readAll = readAll
    self.copyAll = copyAll
  }
}
