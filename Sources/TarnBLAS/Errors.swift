// Illegal arguments, reported as the reference implementation does: a caller that defines xerbla_ or
// cblas_xerbla gets the call.

internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// How a routine was called: what its caller counts as the first argument, and in which order.
enum Caller: Int {
  /// `sgemm_`: arguments as Fortran counts them.
  case fortran
  /// `cblas_sgemm`, column-major: one argument more, the layout.
  case columnMajor
  /// `cblas_sgemm`, row-major: as column-major, with the operands exchanged.
  case rowMajor
}

private typealias FortranHandler =
  @convention(c) (UnsafePointer<CChar>, UnsafePointer<Int32>, Int) -> Void
private typealias CHandler =
  @convention(c) (Int32, UnsafePointer<CChar>, UnsafePointer<CChar>) -> Void

/// For ``xerbla(_:_:_:)``, as the reference has CBLAS_CallFromC and RowMajorStrg.
private let reporting = Atomic<Int>(Caller.fortran.rawValue)

/// Reports an argument of a routine; the routine then returns without having touched anything.
///
/// Calls the xerbla_ that the process sees first: the program's own, else this library's, which goes on to
/// cblas_xerbla if the call came through CBLAS. The reference's variables RowMajorStrg and
/// CBLAS_CallFromC, by which handlers know that, are set where they exist.
///
/// - Parameters:
///   - routine: six letters, filled up with blanks: `SGEMM `.
///   - number: as the Fortran routine counts, with operands exchanged if the caller is row-major.
///   - caller: how the routine was called.
func report(_ routine: String, _ number: Int32, _ caller: Caller) {
  reporting.store(caller.rawValue, ordering: .relaxed)
  setVariable("CBLAS_CallFromC", caller == .fortran ? 0 : 1)
  if caller != .fortran { setVariable("RowMajorStrg", caller == .rowMajor ? 1 : 0) }
  var number = number
  unsafe routine.withCString { name in
    if let symbol = unsafe symbol("xerbla_") {
      // SAFETY: the published signature: name, number, the length of the name.
      unsafe unsafeBitCast(symbol, to: FortranHandler.self)(name, &number, 6)
    } else {
      unsafe xerbla(name, &number, 6)
    }
  }
  setVariable("CBLAS_CallFromC", 0)
  if caller != .fortran { setVariable("RowMajorStrg", 0) }
  reporting.store(Caller.fortran.rawValue, ordering: .relaxed)
}

/// Reports an argument that only CBLAS has, or that it checks itself.
func reportC(_ routine: String, _ number: Int32) {
  unsafe routine.withCString { name in
    unsafe "".withCString { format in
      if let symbol = unsafe symbol("cblas_xerbla") {
        // SAFETY: the published signature; the format has no arguments, so that none are passed.
        unsafe unsafeBitCast(symbol, to: CHandler.self)(number, name, format)
      } else {
        unsafe cblasXerbla(number, name, format)
      }
    }
  }
}

/// The default handler of BLAS: a message on standard error.
///
/// A program replaces it by its own definition. The reference stops the program; this returns.
///
/// - Parameters:
///   - name: the routine, `length` letters without an end.
///   - number: the argument.
///   - length: at most 32 letters are read; the hidden argument of Fortran strings.
@c(xerbla_)
public func xerbla(_ name: UnsafePointer<CChar>, _ number: UnsafePointer<Int32>, _ length: Int) {
  var letters: [UInt8] = []
  while letters.count < min(max(length, 0), 32), unsafe name[letters.count] != 0 {
    letters.append(UInt8(bitPattern: unsafe name[letters.count]))
  }
  let routine = String(decoding: letters, as: UTF8.self).split(separator: " ").first ?? ""
  let number = unsafe number.pointee
  if reporting.load(ordering: .relaxed) != Caller.fortran.rawValue
    || variable("CBLAS_CallFromC") != 0
  {
    reportC("cblas_" + routine.lowercased(), number + 1)
  } else {
    Library.write(
      " ** On entry to \(routine) parameter number \(number) had an illegal value\n")
  }
}

/// The default handler of CBLAS: a message on standard error, in the caller's order of arguments.
///
/// A program replaces it by its own definition. The reference ends the program; this returns. The
/// C declaration takes further arguments for `format`, which are not read.
@c(cblas_xerbla)
public func cblasXerbla(
  _ number: Int32, _ routine: UnsafePointer<CChar>, _ format: UnsafePointer<CChar>
) {
  let name = unsafe String(cString: routine)
  var number = number
  if reporting.load(ordering: .relaxed) == Caller.rowMajor.rawValue
    || variable("RowMajorStrg") != 0
  {
    number = callersNumber(name, number)
  }
  Library.write("Parameter \(number) to routine \(name) was incorrect\n")
}

/// The argument that a row-major caller sees where the column-major routine counts `number`.
private func callersNumber(_ routine: String, _ number: Int32) -> Int32 {
  let exchanged: [Int32: Int32] =
    routine.contains("gemm")
    ? [4: 5, 5: 4, 9: 11, 11: 9]
    : routine.contains("gemv") ? [3: 4, 4: 3] : [:]
  return exchanged[number] ?? number
}

/// The definition of a symbol that the process sees first.
private func symbol(_ name: String) -> UnsafeMutableRawPointer? {
  // RTLD_DEFAULT, a cast that is not imported: null on Linux, -2 on Darwin.
  #if canImport(Darwin)
    let scope = UnsafeMutableRawPointer(bitPattern: -2)
  #else
    let scope: UnsafeMutableRawPointer? = nil
  #endif
  return unsafe dlsym(scope, name)
}

// SAFETY of both: the reference declares these variables as int.

private func setVariable(_ name: String, _ value: Int32) {
  if let variable = unsafe symbol(name) {
    unsafe variable.storeBytes(of: value, as: Int32.self)
  }
}

private func variable(_ name: String) -> Int32 {
  unsafe symbol(name).map { unsafe $0.load(as: Int32.self) } ?? 0
}
