// sgemm and sgemv: checks in the order of the reference, then the one product.

internal import Tarn
internal import TarnKernelInterface

/// `C = alpha·op(A)·op(B) + beta·C`, matrices by columns, with the checks of the reference.
///
/// - Parameters: as `sgemm_`; `caller` says whose numbers a report has.
func gemm(
  _ transposesA: Bool?, _ transposesB: Bool?, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
  _ a: UnsafePointer<Float>?, _ lda: Int, _ b: UnsafePointer<Float>?, _ ldb: Int, _ beta: Float,
  _ c: UnsafeMutablePointer<Float>?, _ ldc: Int, _ caller: Caller
) {
  let rowsOfA = transposesA == true ? k : m
  let rowsOfB = transposesB == true ? n : k
  let wrong: Int32? =
    transposesA == nil
    ? 1
    : transposesB == nil
      ? 2
      : m < 0
        ? 3
        : n < 0
          ? 4
          : k < 0
            ? 5
            : lda < max(1, rowsOfA) ? 8 : ldb < max(1, rowsOfB) ? 10 : ldc < max(1, m) ? 13 : nil
  if let wrong {
    report("SGEMM ", wrong, caller)
    return
  }
  if m == 0 || n == 0 || (alpha == 0 || k == 0) && beta == 1 { return }
  guard let c = unsafe c else { return }
  let target = unsafe MutableStridedView(c, rows: m, columns: n, rowStride: 1, columnStride: ldc)
  // Where alpha is 0 the operands are not read, and need not exist.
  let unread = unsafe UnsafePointer(c)
  let isRead = alpha != 0 && k != 0
  multiply(
    unsafe matrix(
      a ?? unread, m, isRead ? k : 0, stride: lda, transposed: transposesA ?? false),
    unsafe matrix(
      b ?? unread, isRead ? k : 0, n, stride: ldb, transposed: transposesB ?? false),
    alpha: alpha, beta: beta, into: target, blocks: Library.blocks, on: Library.execution)
}

/// `y = alpha·op(A)·x + beta·y`, the matrix by columns, with the checks of the reference.
///
/// A product with one column: the bits of ``gemm``.
func gemv(
  _ transposes: Bool?, _ m: Int, _ n: Int, _ alpha: Float, _ a: UnsafePointer<Float>?, _ lda: Int,
  _ x: UnsafePointer<Float>?, _ incx: Int, _ beta: Float, _ y: UnsafeMutablePointer<Float>?,
  _ incy: Int, _ caller: Caller
) {
  let wrong: Int32? =
    transposes == nil
    ? 1
    : m < 0 ? 2 : n < 0 ? 3 : lda < max(1, m) ? 6 : incx == 0 ? 8 : incy == 0 ? 11 : nil
  if let wrong {
    report("SGEMV ", wrong, caller)
    return
  }
  if m == 0 || n == 0 || alpha == 0 && beta == 1 { return }
  guard let transposes, let y = unsafe y else { return }
  let (rows, depth) = transposes ? (n, m) : (m, n)
  let unread = unsafe UnsafePointer(y)
  let isRead = alpha != 0
  let start = unsafe incy < 0 ? y - (rows - 1) * incy : y
  let first = unsafe (x ?? unread) + (incx < 0 && isRead ? -(depth - 1) * incx : 0)
  multiply(
    unsafe matrix(a ?? unread, rows, isRead ? depth : 0, stride: lda, transposed: transposes),
    unsafe StridedView(
      first, rows: isRead ? depth : 0, columns: 1, rowStride: incx, columnStride: 1),
    alpha: alpha, beta: beta,
    into: unsafe MutableStridedView(
      start, rows: rows, columns: 1, rowStride: incy, columnStride: 1),
    blocks: Library.blocks, on: Library.execution)
}

/// Whether a letter asks for the transpose; nil for a letter that is none of N, T, C.
private func transposes(_ letter: UnsafePointer<CChar>) -> Bool? {
  switch UInt8(bitPattern: unsafe letter.pointee) {
  case UInt8(ascii: "N"), UInt8(ascii: "n"): false
  case UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: "C"), UInt8(ascii: "c"): true
  default: nil
  }
}

/// The same for the numbers of CBLAS: 111 no, 112 and 113 yes.
private func transposes(_ number: Int32) -> Bool? {
  number == 111 ? false : number == 112 || number == 113 ? true : nil
}

/// `C = alpha·op(A)·op(B) + beta·C`, by columns.
///
/// As the reference BLAS: with beta 0, C is not read; with alpha 0, A and B are not. The hidden lengths
/// of the letters are ignored.
@c(sgemm_)
public func sgemm(
  _ transa: UnsafePointer<CChar>, _ transb: UnsafePointer<CChar>, _ m: UnsafePointer<Int32>,
  _ n: UnsafePointer<Int32>, _ k: UnsafePointer<Int32>, _ alpha: UnsafePointer<Float>,
  _ a: UnsafePointer<Float>?, _ lda: UnsafePointer<Int32>, _ b: UnsafePointer<Float>?,
  _ ldb: UnsafePointer<Int32>, _ beta: UnsafePointer<Float>, _ c: UnsafeMutablePointer<Float>?,
  _ ldc: UnsafePointer<Int32>
) {
  unsafe gemm(
    transposes(transa), transposes(transb), Int(m.pointee), Int(n.pointee), Int(k.pointee),
    alpha.pointee, a, Int(lda.pointee), b, Int(ldb.pointee), beta.pointee, c, Int(ldc.pointee),
    .fortran)
}

/// `C = alpha·op(A)·op(B) + beta·C`, by rows (101) or columns (102); as `sgemm_`.
@c(cblas_sgemm)
public func cblasSgemm(
  _ layout: Int32, _ transa: Int32, _ transb: Int32, _ m: Int32, _ n: Int32, _ k: Int32,
  _ alpha: Float, _ a: UnsafePointer<Float>?, _ lda: Int32, _ b: UnsafePointer<Float>?,
  _ ldb: Int32, _ beta: Float, _ c: UnsafeMutablePointer<Float>?, _ ldc: Int32
) {
  guard layout == 101 || layout == 102 else { return reportC("cblas_sgemm", 1) }
  let (left, right) = (transposes(transa), transposes(transb))
  if left == nil { return reportC("cblas_sgemm", 2) }
  if right == nil { return reportC("cblas_sgemm", 3) }
  if layout == 102 {
    unsafe gemm(
      left, right, Int(m), Int(n), Int(k), alpha, a, Int(lda), b, Int(ldb), beta, c, Int(ldc),
      .columnMajor)
  } else {
    // Rows of C are columns of its transpose, Bᵀ·Aᵀ.
    unsafe gemm(
      right, left, Int(n), Int(m), Int(k), alpha, b, Int(ldb), a, Int(lda), beta, c, Int(ldc),
      .rowMajor)
  }
}

/// `y = alpha·op(A)·x + beta·y`, A by columns.
///
/// As the reference BLAS: with beta 0, y is not read; with alpha 0, A and x are not.
@c(sgemv_)
public func sgemv(
  _ trans: UnsafePointer<CChar>, _ m: UnsafePointer<Int32>, _ n: UnsafePointer<Int32>,
  _ alpha: UnsafePointer<Float>, _ a: UnsafePointer<Float>?, _ lda: UnsafePointer<Int32>,
  _ x: UnsafePointer<Float>?, _ incx: UnsafePointer<Int32>, _ beta: UnsafePointer<Float>,
  _ y: UnsafeMutablePointer<Float>?, _ incy: UnsafePointer<Int32>
) {
  unsafe gemv(
    transposes(trans), Int(m.pointee), Int(n.pointee), alpha.pointee, a, Int(lda.pointee), x,
    Int(incx.pointee), beta.pointee, y, Int(incy.pointee), .fortran)
}

/// `y = alpha·op(A)·x + beta·y`, A by rows (101) or columns (102); as `sgemv_`.
@c(cblas_sgemv)
public func cblasSgemv(
  _ layout: Int32, _ trans: Int32, _ m: Int32, _ n: Int32, _ alpha: Float,
  _ a: UnsafePointer<Float>?, _ lda: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32,
  _ beta: Float, _ y: UnsafeMutablePointer<Float>?, _ incy: Int32
) {
  guard layout == 101 || layout == 102 else { return reportC("cblas_sgemv", 1) }
  guard let transposed = transposes(trans) else { return reportC("cblas_sgemv", 2) }
  if layout == 102 {
    unsafe gemv(
      transposed, Int(m), Int(n), alpha, a, Int(lda), x, Int(incx), beta, y, Int(incy),
      .columnMajor)
  } else {
    unsafe gemv(
      !transposed, Int(n), Int(m), alpha, a, Int(lda), x, Int(incx), beta, y, Int(incy), .rowMajor)
  }
}
