// From stored tensors to matrices of Float.

internal import Tarn
internal import TarnCheckpoints
internal import TarnKernelInterface

extension WeightScope {
  /// The tensor `name` of shape `[rows, columns]`, widened to Float.
  func matrix(
    _ name: String, rows: Int, columns: Int, on execution: Execution
  ) throws(ModelError) -> Matrix {
    try widened(name, shape: [rows, columns], rows: rows, columns: columns, on: execution)
  }

  /// The tensor `name` of shape `[count]` as one row.
  func vector(_ name: String, count: Int, on execution: Execution) throws(ModelError) -> Matrix {
    try widened(name, shape: [count], rows: 1, columns: count, on: execution)
  }

  /// The tensor `name` of a shape with `rows · columns` elements, as a matrix.
  func widened(
    _ name: String, shape: [Int], rows: Int, columns: Int, on execution: Execution
  ) throws(ModelError) -> Matrix {
    if surveys(name, shape: shape) {
      return try operation { () throws(TarnError) in
        try Matrix(rows: shape.count == 1 ? 1 : 0, columns: 0)
      }
    }
    let info = try checkpoint { () throws(CheckpointError) in try tensor(name, shape: shape) }
    var matrix = try operation { () throws(TarnError) in
      try Matrix(rows: rows, columns: columns)
    }
    let count = rows * columns
    let table = execution.table
    switch info.elementType {
    case .float32:
      file.withBytes(of: info) { bytes in
        matrix.withMutableView { view in
          unsafe bytes.withUnsafeBytes {
            // SAFETY: the file has checked that the tensor's bytes are count · 4.
            if let base = $0.baseAddress {
              unsafe UnsafeMutableRawPointer(view.base).copyMemory(
                from: base, byteCount: count * 4)
            }
          }
        }
      }
    case .float16, .bfloat16:
      let widen =
        unsafe info.elementType == .float16 ? table.memory.widenFloat16 : table.memory.widenBFloat16
      file.withBytes(of: info) { bytes in
        matrix.withMutableView { view in
          unsafe bytes.withUnsafeBytes {
            // SAFETY: the file has checked that the tensor's bytes are count · 2.
            if let base = $0.baseAddress { unsafe widen(base, view.base, count) }
          }
        }
      }
    default:
      let values = try checkpoint { () throws(CheckpointError) in try file.floats(of: info) }
      matrix = try operation { () throws(TarnError) in
        try Matrix(rows: rows, columns: columns, values)
      }
    }
    return matrix
  }
}

extension PackedMatrix {
  /// The tensor `name` of shape `[outputs, inputs]`, widened and packed.
  static func load(
    _ weights: WeightScope, _ name: String, outputs: Int, inputs: Int, on execution: Execution
  ) throws(ModelError) -> PackedMatrix {
    let matrix = try weights.matrix(name, rows: outputs, columns: inputs, on: execution)
    return try operation { () throws(TarnError) in
      try PackedMatrix(transposing: matrix, on: execution)
    }
  }
}
