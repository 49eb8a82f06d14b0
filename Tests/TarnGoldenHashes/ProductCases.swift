// Products of matrices.

import Tarn
import TarnKernelInterface

/// The elementwise functions by name.
let functions: [(name: String, function: ElementwiseFunction)] = [
  ("exp", .exp), ("tanh", .tanh), ("erf", .erf), ("gelu", .gelu), ("geluTanh", .geluTanh),
  ("relu", .relu), ("sigmoid", .sigmoid), ("silu", .silu),
]

/// The formats of weights by name.
let formats: [(name: String, format: WeightFormat)] = [
  ("float32", .float32), ("bfloat16", .bfloat16), ("float16", .float16), ("int8", .int8),
]

/// Every form of matmul, on sizes beside those of tiles, panels and blocks of depth.
func productCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  cases.start(seed: 1)
  for (m, k, n) in [
    (1, 1, 1), (3, 5, 7), (17, 33, 49), (64, 385, 96), (5, 768, 100), (1, 400, 130), (2, 0, 3),
  ] {
    let (a, b) = try (cases.matrix(m, k), cases.matrix(k, n))
    let packed = try PackedMatrix(b, on: execution)
    try cases.run("matmul \(m)x\(k)x\(n)", m, n) { c throws(TarnError) in
      try matmul(a, packed, into: &c, on: execution)
    }
    try cases.run("matmul \(m)x\(k)x\(n), not packed", m, n) { c throws(TarnError) in
      try matmul(a, b, into: &c, on: execution)
    }
  }
  try epilogueCases(&cases)
  for (name, format) in formats {
    let b = try cases.matrix(33, 400)
    let packed = try PackedMatrix(transposing: b, as: format, on: execution)
    for m in [1, 19] {
      let a = try cases.matrix(m, 400)
      try cases.run("matmul \(m)x400x33, \(name)", m, 33) { c throws(TarnError) in
        try matmul(a, packed, into: &c, on: execution)
      }
    }
    try cases.run("gather, columns of \(name)", 5, 400) { y throws(TarnError) in
      try gather(columnsOf: packed, [32, 0, 7, 7, 16], into: &y, on: execution)
    }
  }
  try stridedCases(&cases)
}

/// Bias, activation and residual, which matmul adds to its columns.
private func epilogueCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  let (m, k, n) = (21, 40, 50)
  let (a, b) = try (cases.matrix(m, k), cases.matrix(n, k))
  let packed = try PackedMatrix(transposing: b, on: execution)
  let (bias, residual) = try (cases.matrix(1, n), cases.matrix(m, n))
  try cases.run("matmul, bias", m, n) { c throws(TarnError) in
    try matmul(a, packed, epilogue: Epilogue(bias: bias), into: &c, on: execution)
  }
  try cases.run("matmul, bias and residual", m, n) { c throws(TarnError) in
    try matmul(
      a, packed, epilogue: Epilogue(bias: bias, residual: residual), into: &c, on: execution)
  }
  for (name, function) in functions {
    let epilogue = Epilogue(bias: bias, activation: function, residual: residual)
    try cases.run("matmul, bias, \(name) and residual", m, n) { c throws(TarnError) in
      try matmul(a, packed, epilogue: epilogue, into: &c, on: execution)
    }
  }
  try cases.run("matmul, transposed", m, n) { c throws(TarnError) in
    try matmul(a, b, transposingB: true, into: &c, on: execution)
  }
}

/// Matrices of the caller's memory with any strides, and factors.
private func stridedCases(_ cases: inout Cases) throws(TarnError) {
  let execution = cases.execution
  for (m, k, n, byColumns) in [(30, 50, 13, true), (7, 390, 13, false), (40, 9, 1, true)] {
    let (a, b) = (cases.floats(m * k), cases.floats(k * n))
    var c = cases.floats(m * n)
    try a.withUnsafeBufferPointer { a throws(TarnError) in
      try b.withUnsafeBufferPointer { b throws(TarnError) in
        try c.withUnsafeMutableBufferPointer { c throws(TarnError) in
          try matmul(
            StridedMatrix(
              a, rows: m, columns: k, rowStride: byColumns ? 1 : k,
              columnStride: byColumns ? m : 1),
            StridedMatrix(b, rows: k, columns: n, rowStride: n), alpha: 0.7, beta: -1.3,
            into: StridedMutableMatrix(
              c, rows: m, columns: n, rowStride: byColumns ? 1 : n,
              columnStride: byColumns ? m : 1),
            on: execution)
        }
      }
    }
    cases.note("matmul with factors \(m)x\(k)x\(n)", Matrix(c))
  }
}
