// Level 1: one vector or two. Each routine once as Fortran and once as C calls it.

internal import Tarn

private func dot(
  _ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32, _ y: UnsafePointer<Float>?, _ incy: Int32
) -> Float {
  guard n > 0, let x = unsafe x, let y = unsafe y else { return 0 }
  return unsafe vector(x, Int(n), Int(incx)).innerProduct(
    vector(y, Int(n), Int(incy)), on: Library.execution)
}

private func axpy(
  _ n: Int32, _ alpha: Float, _ x: UnsafePointer<Float>?, _ incx: Int32,
  _ y: UnsafeMutablePointer<Float>?, _ incy: Int32
) {
  guard n > 0, alpha != 0, let x = unsafe x, let y = unsafe y else { return }
  let start = unsafe incy < 0 ? y - (Int(n) - 1) * Int(incy) : y
  // With an increment of 0 elements of y meet: they are added one after another.
  let execution = incy == 0 ? Execution(Library.execution, threads: 1) : Library.execution
  if incy == 0 {
    for i in 0..<Int(n) {
      unsafe vector(x + (incx < 0 ? Int(n) - 1 - i : i) * abs(Int(incx)), 1, 1).add(
        alpha, to: start, stride: 1, on: execution)
    }
  } else {
    unsafe vector(x, Int(n), Int(incx)).add(alpha, to: start, stride: Int(incy), on: execution)
  }
}

private func scal(_ n: Int32, _ alpha: Float, _ x: UnsafeMutablePointer<Float>?, _ incx: Int32) {
  guard n > 0, incx > 0, let x = unsafe x else { return }
  unsafe StridedVector.scale(
    x, count: Int(n), stride: Int(incx), by: alpha, on: Library.execution)
}

private func nrm2(_ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32) -> Float {
  guard n > 0, let x = unsafe x else { return 0 }
  return unsafe vector(x, Int(n), Int(incx)).norm(on: Library.execution)
}

private func asum(_ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32) -> Float {
  guard n > 0, incx > 0, let x = unsafe x else { return 0 }
  return unsafe vector(x, Int(n), Int(incx)).sumOfMagnitudes(on: Library.execution)
}

/// Counted from 0; -1 for no element.
private func amax(_ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32) -> Int {
  guard n > 0, incx > 0, let x = unsafe x else { return -1 }
  return unsafe vector(x, Int(n), Int(incx)).indexOfLargestMagnitude(on: Library.execution)
}

/// `Σ x[i]·y[i]`; 0 for n below 1.
@c(sdot_)
public func sdot(
  _ n: UnsafePointer<Int32>, _ x: UnsafePointer<Float>?, _ incx: UnsafePointer<Int32>,
  _ y: UnsafePointer<Float>?, _ incy: UnsafePointer<Int32>
) -> Float {
  unsafe dot(n.pointee, x, incx.pointee, y, incy.pointee)
}

/// `Σ x[i]·y[i]`; as `sdot_`.
@c(cblas_sdot)
public func cblasSdot(
  _ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32, _ y: UnsafePointer<Float>?, _ incy: Int32
) -> Float {
  unsafe dot(n, x, incx, y, incy)
}

/// `y = alpha·x + y`; nothing for n below 1 or alpha 0.
@c(saxpy_)
public func saxpy(
  _ n: UnsafePointer<Int32>, _ alpha: UnsafePointer<Float>, _ x: UnsafePointer<Float>?,
  _ incx: UnsafePointer<Int32>, _ y: UnsafeMutablePointer<Float>?, _ incy: UnsafePointer<Int32>
) {
  unsafe axpy(n.pointee, alpha.pointee, x, incx.pointee, y, incy.pointee)
}

/// `y = alpha·x + y`; as `saxpy_`.
@c(cblas_saxpy)
public func cblasSaxpy(
  _ n: Int32, _ alpha: Float, _ x: UnsafePointer<Float>?, _ incx: Int32,
  _ y: UnsafeMutablePointer<Float>?, _ incy: Int32
) {
  unsafe axpy(n, alpha, x, incx, y, incy)
}

/// `x = alpha·x`; nothing for n or incx below 1.
@c(sscal_)
public func sscal(
  _ n: UnsafePointer<Int32>, _ alpha: UnsafePointer<Float>, _ x: UnsafeMutablePointer<Float>?,
  _ incx: UnsafePointer<Int32>
) {
  unsafe scal(n.pointee, alpha.pointee, x, incx.pointee)
}

/// `x = alpha·x`; as `sscal_`.
@c(cblas_sscal)
public func cblasSscal(
  _ n: Int32, _ alpha: Float, _ x: UnsafeMutablePointer<Float>?, _ incx: Int32
) {
  unsafe scal(n, alpha, x, incx)
}

/// `√Σ x[i]²` without overflow or underflow on the way; 0 for n below 1.
@c(snrm2_)
public func snrm2(
  _ n: UnsafePointer<Int32>, _ x: UnsafePointer<Float>?, _ incx: UnsafePointer<Int32>
) -> Float {
  unsafe nrm2(n.pointee, x, incx.pointee)
}

/// `√Σ x[i]²`; as `snrm2_`.
@c(cblas_snrm2)
public func cblasSnrm2(_ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32) -> Float {
  unsafe nrm2(n, x, incx)
}

/// `Σ |x[i]|`; 0 for n or incx below 1.
@c(sasum_)
public func sasum(
  _ n: UnsafePointer<Int32>, _ x: UnsafePointer<Float>?, _ incx: UnsafePointer<Int32>
) -> Float {
  unsafe asum(n.pointee, x, incx.pointee)
}

/// `Σ |x[i]|`; as `sasum_`.
@c(cblas_sasum)
public func cblasSasum(_ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32) -> Float {
  unsafe asum(n, x, incx)
}

/// The first element of the largest magnitude, counted from 1; 0 for n or incx below 1.
///
/// NaN is never the largest, unless it comes first.
@c(isamax_)
public func isamax(
  _ n: UnsafePointer<Int32>, _ x: UnsafePointer<Float>?, _ incx: UnsafePointer<Int32>
) -> Int32 {
  Int32(unsafe amax(n.pointee, x, incx.pointee) + 1)
}

/// The first element of the largest magnitude, counted from 0; 0 also for n or incx below 1.
///
/// The result is as wide as a pointer.
@c(cblas_isamax)
public func cblasIsamax(_ n: Int32, _ x: UnsafePointer<Float>?, _ incx: Int32) -> UInt {
  UInt(max(0, unsafe amax(n, x, incx)))
}
