// What netlib's testers (.ci/blas-testers) leave out: NaN, memory that must not be read, increments of 0,
// large vectors on several threads.

import TarnBLAS
import Testing

@Suite struct RoutineTests {
  private func gemm(
    _ transa: String, _ transb: String, _ m: Int32, _ n: Int32, _ k: Int32, _ alpha: Float,
    _ a: [Float], _ lda: Int32, _ b: [Float], _ ldb: Int32, _ beta: Float, _ c: [Float],
    _ ldc: Int32
  ) -> [Float] {
    var c = c
    let (m, n, k, alpha, lda, ldb, beta, ldc) = (m, n, k, alpha, lda, ldb, beta, ldc)
    withUnsafePointer(to: (m, n, k, lda, ldb, ldc)) { sizes in
      sizes.withMemoryRebound(to: Int32.self, capacity: 6) { sizes in
        withUnsafePointer(to: alpha) { alpha in
          withUnsafePointer(to: beta) { beta in
            sgemm(
              transa, transb, sizes, sizes + 1, sizes + 2, alpha, a, sizes + 3, b, sizes + 4, beta,
              &c, sizes + 5)
          }
        }
      }
    }
    return c
  }

  @Test func columnsAreMultipliedByRows() {
    // [1 3; 2 4] · [5 7; 6 8], by columns.
    let c = gemm("N", "N", 2, 2, 2, 1, [1, 2, 3, 4], 2, [5, 6, 7, 8], 2, 0, [0, 0, 0, 0], 2)
    #expect(c == [23, 34, 31, 46])
    #expect(
      gemm("t", "c", 2, 2, 2, 1, [1, 3, 2, 4], 2, [5, 7, 6, 8], 2, 1, [1, 1, 1, 1], 2)
        == [24, 35, 32, 47])
  }

  @Test func factorsOfZeroReadNothing() {
    let nan = [Float](repeating: .nan, count: 4)
    #expect(gemm("N", "N", 2, 2, 2, 0, nan, 2, nan, 2, 0, nan, 2) == [0, 0, 0, 0])
    #expect(gemm("N", "N", 2, 2, 2, 0, nan, 2, nan, 2, 2, [1, 2, 3, 4], 2) == [2, 4, 6, 8])
    #expect(gemm("N", "N", 2, 2, 0, 1, nan, 2, nan, 2, 1, [1, 2, 3, 4], 2) == [1, 2, 3, 4])
    #expect(
      gemm("N", "N", 2, 2, 2, 1, [1, 0, 0, 1], 2, [1, 2, 3, 4], 2, 0, nan, 2) == [1, 2, 3, 4])
    var y = nan
    cblasSgemv(102, 111, 2, 2, 1, [1, 0, 0, 1], 2, [5, 6], 1, 0, &y, 3)
    #expect(y[0] == 5 && y[3] == 6 && y[1].isNaN && y[2].isNaN)
    y = [1, 2, 3, 4]
    cblasSgemv(102, 111, 4, 4, 0, nil, 4, nil, 1, 2, &y, -1)
    #expect(y == [2, 4, 6, 8])
  }

  @Test func illegalArgumentsTouchNothing() {
    let c: [Float] = [1, 2, 3, 4]
    let a: [Float] = [1, 1, 1, 1]
    #expect(gemm("X", "N", 2, 2, 2, 1, a, 2, a, 2, 0, c, 2) == c)
    #expect(gemm("N", "N", -1, 2, 2, 1, a, 2, a, 2, 0, c, 2) == c)
    #expect(gemm("N", "N", 2, 2, 2, 1, a, 1, a, 2, 0, c, 2) == c)
    #expect(gemm("N", "N", 2, 2, 2, 1, a, 2, a, 2, 0, c, 1) == c)
    var y = c
    cblasSgemv(101, 111, 2, 2, 1, a, 2, a, 0, 0, &y, 1)
    cblasSgemv(7, 111, 2, 2, 1, a, 2, a, 1, 0, &y, 1)
    cblasSgemm(101, 111, 5, 2, 2, 2, 1, a, 2, a, 2, 0, &y, 2)
    #expect(y == c)
  }

  @Test func vectorsFollowTheReference() {
    #expect(cblasSdot(0, nil, 1, nil, 1) == 0)
    #expect(cblasSdot(3, [1, 2, 3], 1, [4, 5, 6], -1) == 28)
    #expect(cblasSdot(3, [2], 0, [1, 2, 3], 1) == 12)
    #expect(cblasSnrm2(2, [3e30, 4e30], 1) == 5e30)
    #expect(cblasSnrm2(2, [0x3p-140, 0x4p-140], 1) == 0x5p-140)
    #expect(cblasSnrm2(2, [.infinity, .nan], 1).isNaN)
    #expect(cblasSasum(3, [-1, 2, -3], 1) == 6)
    #expect(cblasSasum(3, [-1, 2, -3], -1) == 0)
    #expect(cblasIsamax(4, [1, .nan, -3, 3], 1) == 2)
    #expect(cblasIsamax(2, [.nan, 5], 1) == 0)
    #expect(cblasIsamax(0, nil, 1) == 0)
    var x: [Float] = [1, .nan, .infinity, 4]
    cblasSscal(4, 0, &x, -1)
    #expect(x[0] == 1)
    cblasSscal(4, 0, &x, 1)
    #expect(x[0] == 0 && x[1].isNaN && x[2].isNaN && x[3] == 0)
    var y: [Float] = [1, 2, 3]
    cblasSaxpy(3, 0, [.nan, .nan, .nan], 1, &y, 1)
    #expect(y == [1, 2, 3])
    cblasSaxpy(3, 2, [1, 2, 3], -1, &y, 1)
    #expect(y == [7, 6, 5])
    // Every term is added to the one element that an increment of 0 names.
    cblasSaxpy(3, 1, [1, 2, 3], 1, &y, 0)
    #expect(y == [13, 6, 5])
  }

  @Test func longVectorsAreDividedAmongThreads() {
    let n = 200_003
    let x = (0..<n).map { Float($0 % 17) }
    var y = (0..<n).map { Float($0 % 5) }
    cblasSaxpy(Int32(n), 3, x, 1, &y, 1)
    #expect(y.indices.allSatisfy { y[$0] == Float($0 % 17 * 3 + $0 % 5) })
    cblasSscal(Int32(n), 2, &y, 1)
    #expect(y.indices.allSatisfy { y[$0] == Float(2 * ($0 % 17 * 3 + $0 % 5)) })
  }
}
