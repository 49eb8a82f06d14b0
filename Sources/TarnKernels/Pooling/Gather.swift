// Embedding gather.

import TarnKernelInterface

/// `y[i] = table[indices[i]]`, or `y[i] + table[indices[i]]`.
///
/// - Parameters:
///   - table: `[entries × columns]`.
///   - indices: one row number for each row of `y`; checked by the caller.
///   - adding: whether the row is added to what `y` holds.
///   - y: `[rows × columns]`.
///
/// A copy is exact, a sum is rounded once. Cost: one read, one write; bound by memory. Rows are copied by
/// the standard library.
func gather(
  _ table: MatrixView, indices: UnsafePointer<Int32>, adding: Bool, into y: MutableMatrixView
) {
  for i in 0..<y.rows {
    let source = table.row(Int(indices[i]))
    let target = y.row(i)
    if adding {
      @inline(__always) func plus(_ y: Lanes, _ x: Lanes) -> Lanes { y + x }
      map(target, source, into: target, count: y.columns, plus)
    } else {
      target.update(from: source, count: y.columns)
    }
  }
}

/// `y[i]` = column `indices[i]` of a packed matrix, or that added to `y[i]`.
///
/// The rows of an embedding table that is packed as its transpose, for a product that shares it.
///
/// - Parameters:
///   - table: `depth × entries`; y[i, k] is element [k, indices[i]] times the column's scale.
///   - indices: one column number for each row of `y`; checked by the caller.
///   - adding: whether the column is added to what `y` holds.
///   - y: `[rows × depth]`.
///
/// A format without scales is exact, a scale and a sum round once each. Cost: a read of the sixteen
/// columns of a strip for each row, one after another as they lie in memory, one write.
func gatherColumns(
  of table: PackedView, indices: UnsafePointer<Int32>, adding: Bool, into y: MutableMatrixView
) {
  switch table.format {
  case .float32: gatherColumns(Float32Element.self, table, indices, adding, y)
  case .bfloat16: gatherColumns(BFloat16Element.self, table, indices, adding, y)
  case .float16: gatherColumns(Float16Element.self, table, indices, adding, y)
  case .int8: gatherColumns(Int8Element.self, table, indices, adding, y)
  }
}

@inline(__always)
private func gatherColumns<Element: WeightElement>(
  _ element: Element.Type, _ table: PackedView, _ indices: UnsafePointer<Int32>, _ adding: Bool,
  _ y: MutableMatrixView
) {
  for i in 0..<y.rows {
    let column = Int(indices[i])
    let start = (column & ~15) &* table.depth &+ (column & 15)
    let source = table.base + start &* Element.size
    let scale = table.scales?[column] ?? 1
    let target = y.row(i)
    for k in 0..<table.depth {
      let value = Element.element(source + 16 &* k &* Element.size) * scale
      target[k] = adding ? target[k] + value : value
    }
  }
}
