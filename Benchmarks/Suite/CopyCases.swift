// Copies in the orders in which kernels touch memory: what a kernel of that order can reach at most.

import Tarn
import TarnKernelInterface

/// The loop of the bound itself, a part of the matrix at a time.
///
/// - `copy-rows`: row after row.
/// - `copy-rows-by-4`: the first 64 columns of four rows, the next 64 of them, and so on.
/// - `copy-rows-scattered`: rows are read as `gather` reads them.
/// - `copy-strips`: 64 columns of all rows, then the next 64.
func copyCases(rows n: Int, columns d: Int, on execution: Execution) -> [KernelCase] {
  let width = 64
  let columns = (d + width - 1) / width * width
  let copy = unsafe execution.table.machine.copyAll
  let strips = stride(from: 0, to: columns, by: width)
  let source = { (i: Int) in i * 41 % n }
  func copies(
    _ name: String, from row: @escaping (Int) -> Int = { $0 },
    _ body: @escaping (MatrixView, MutableMatrixView) -> Void
  ) -> KernelCase {
    KernelCase(name) {
      let x = try randomMatrix(n, columns, seed: 41)
      return PreparedKernel(
        bound: .memory(bytes: 8 * n * columns),
        run: { y in x.withView { x in y.withMutableView { y in body(x, y) } } },
        result: try Matrix(rows: n, columns: columns),
        expected: {
          (0..<n).flatMap { i in (0..<columns).map { Double(x[row(i), $0]) } }
        })
    }
  }
  // SAFETY: both matrices have n rows of `columns` elements, a multiple of 64, and are two.
  return [
    copies("copy-rows") { x, y in
      for i in 0..<n { unsafe copy(x.row(i), y.row(i), columns) }
    },
    copies("copy-rows-by-4") { x, y in
      for first in stride(from: 0, to: n, by: 4) {
        for j in strips {
          for i in first..<min(n, first + 4) { unsafe copy(x.row(i) + j, y.row(i) + j, width) }
        }
      }
    },
    copies("copy-rows-scattered", from: source) { x, y in
      for i in 0..<n { unsafe copy(x.row(source(i)), y.row(i), columns) }
    },
    copies("copy-strips") { x, y in
      for j in strips {
        for i in 0..<n { unsafe copy(x.row(i) + j, y.row(i) + j, width) }
      }
    },
  ]
}
