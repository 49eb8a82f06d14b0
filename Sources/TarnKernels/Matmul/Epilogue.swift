// What happens to finished columns of C while they are still in L2.

import TarnKernelInterface

/// `c = activation(c + bias) + residual` for a part of C, in place.
///
/// Each step that is present is a pass over the tile and rounds on its own.
func apply(
  _ epilogue: EpilogueView, row: Int, rows: Int, firstColumn: Int, columns: Int,
  to c: MutableMatrixView
) {
  if let bias = epilogue.bias {
    for i in row..<row &+ rows {
      let target = c.row(i) + firstColumn
      @inline(__always) func plus(_ x: Lanes, _ bias: Lanes) -> Lanes { x + bias }
      map(target, bias + firstColumn, into: target, count: columns, plus)
    }
  }
  if let activation = epilogue.activation {
    for i in row..<row &+ rows {
      let target = c.row(i) + firstColumn
      elementwise(activation, target, target, columns)
    }
  }
  if let residual = epilogue.residual {
    for i in row..<row &+ rows {
      let target = c.row(i) + firstColumn
      @inline(__always) func plus(_ x: Lanes, _ y: Lanes) -> Lanes { x + y }
      map(target, residual.row(i) + firstColumn, into: target, count: columns, plus)
    }
  }
}
