// Other libraries' SGEMM, found at run time: `--blas [NAME=VALUE,...:]PATH`.
//
// A library that is named again, under another environment, is loaded again, from a copy of the file:
// the loader would hand out the first one.
//
// Foundation: temporary files, and the C library with its loader. Only this file needs it.

import Foundation

/// `C = A·B` or `C = A·Bᵀ` by somebody else; all row-major, without gaps.
@safe struct Rival {
  /// The file's name and the environment it was loaded under.
  let name: String
  /// What the library says it runs here; empty if it says nothing.
  let kernel: String
  private let path: String
  private let product: Product

  @unsafe private enum Product {
    case cblas(CBLASFunction)
    case oneDNN(OneDNNFunction)
  }

  private typealias CBLASFunction =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32,
      UnsafePointer<Float>, Int32, Float, UnsafeMutablePointer<Float>, Int32
    ) -> Void
  private typealias OneDNNFunction =
    @convention(c) (
      CChar, CChar, Int, Int, Int, Float, UnsafePointer<Float>, Int, UnsafePointer<Float>, Int,
      Float, UnsafeMutablePointer<Float>, Int
    ) -> Int32

  /// Loads a library.
  ///
  /// - Parameters:
  ///   - specification: `[NAME=VALUE,...:]PATH`; the variables are set before the library is loaded
  ///     and stay set.
  ///   - threads: for libraries that read it from the environment.
  ///   - others: rivals that have been loaded before.
  /// - Throws: ``BenchmarkError/library(_:_:)``.
  init(_ specification: String, threads: Int, others: [Rival]) throws {
    let parts = specification.split(separator: ":", maxSplits: 1).map(String.init)
    let path = parts.last ?? ""
    let variables = parts.count == 2 ? parts[0].split(separator: ",") : []
    for name in ["OPENBLAS", "BLIS", "MKL", "OMP"] {
      unsafe setenv(name + "_NUM_THREADS", "\(threads)", 1)
    }
    for variable in variables {
      let pair = variable.split(separator: "=", maxSplits: 1).map(String.init)
      guard pair.count == 2 else { throw BenchmarkError.library(path, "\(variable) has no value") }
      unsafe setenv(pair[0], pair[1], 1)
    }
    self.path = path
    let isCopy = others.contains { $0.path == path }
    let loaded = isCopy ? try Rival.copy(path) : path
    // Once the loader has mapped it, the copy needs no name.
    defer { if isCopy { try? FileManager.default.removeItem(atPath: loaded) } }
    // SAFETY: dlopen takes a terminated string and returns nil or a handle, which is kept open.
    guard let handle = unsafe dlopen(loaded, RTLD_NOW | RTLD_LOCAL) else {
      let reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given"
      throw BenchmarkError.library(path, reason)
    }
    let file = path.split(separator: "/").last.map(String.init) ?? path
    name = variables.isEmpty ? file : file + " " + variables.joined(separator: " ")
    if let symbol = unsafe dlsym(handle, "dnnl_sgemm") {
      // SAFETY: oneDNN's documented signature; dnnl_dim_t is 64 bits.
      unsafe product = unsafe .oneDNN(unsafe unsafeBitCast(symbol, to: OneDNNFunction.self))
    } else {
      unsafe product = unsafe .cblas(try unsafe Rival.cblas(handle, path))
    }
    unsafe Rival.callOnce(product)
    for variable in variables { unsafe unsetenv(String(variable.prefix { $0 != "=" })) }
    kernel = unsafe Rival.kernelName(handle)
  }

  private static func cblas(
    _ handle: UnsafeMutableRawPointer, _ path: String
  ) throws -> CBLASFunction {
    guard
      let symbol = unsafe dlsym(handle, "cblas_sgemm") ?? dlsym(handle, "scipy_cblas_sgemm")
    else { throw BenchmarkError.library(path, "has neither cblas_sgemm nor dnnl_sgemm") }
    // SAFETY: the CBLAS signature with 32-bit integers.
    return unsafe unsafeBitCast(symbol, to: CBLASFunction.self)
  }

  /// Some libraries read their environment at the first call, and know their kernel from then on.
  private static func callOnce(_ product: Product) {
    let x: [Float] = [1]
    var y: [Float] = [0]
    // SAFETY: matrices of one element.
    unsafe multiply(product, 1, 1, 1, x, x, transposed: false, &y)
  }

  /// A copy of the file, which the loader takes for another library.
  private static func copy(_ path: String) throws -> String {
    let target = NSTemporaryDirectory() + "tarn-rival-" + UUID().uuidString
    do { try FileManager.default.copyItem(atPath: path, toPath: target) } catch {
      throw BenchmarkError.library(path, error.localizedDescription)
    }
    return target
  }

  /// What a library says of itself.
  private static func kernelName(_ handle: UnsafeMutableRawPointer) -> String {
    typealias Name = @convention(c) () -> UnsafePointer<CChar>?
    typealias Identifier = @convention(c) () -> Int32
    typealias NameOfIdentifier = @convention(c) (Int32) -> UnsafePointer<CChar>?
    typealias Version = @convention(c) (UnsafeMutablePointer<CChar>, Int32) -> Void
    // SAFETY: the documented signatures of OpenBLAS, BLIS, MKL and oneDNN; strings are terminated.
    for symbol in ["openblas_get_corename", "scipy_openblas_get_corename"] {
      if let function = unsafe dlsym(handle, symbol),
        let name = unsafe unsafeBitCast(function, to: Name.self)()
      {
        return unsafe String(cString: name)
      }
    }
    if let query = unsafe dlsym(handle, "bli_arch_query_id"),
      let string = unsafe dlsym(handle, "bli_arch_string"),
      let name = unsafe unsafeBitCast(string, to: NameOfIdentifier.self)(
        unsafe unsafeBitCast(query, to: Identifier.self)())
    {
      return unsafe String(cString: name)
    }
    if let function = unsafe dlsym(handle, "MKL_Get_Version_String") {
      var buffer = [CChar](repeating: 0, count: 256)
      unsafe unsafeBitCast(function, to: Version.self)(&buffer, 255)
      return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self)
        .split(separator: " ").joined(separator: " ")
    }
    if let symbol = unsafe dlsym(handle, "dnnl_get_effective_cpu_isa") {
      return oneDNNKernelName(
        UInt32(bitPattern: unsafe unsafeBitCast(symbol, to: Identifier.self)()))
    }
    return ""
  }

  private static func oneDNNKernelName(_ identifier: UInt32) -> String {
    let names: [UInt32: String] = [
      0x1: "sse41", 0x3: "avx", 0x7: "avx2", 0xF: "avx2_vnni", 0x27: "avx512_core",
      0x67: "avx512_core_vnni", 0xE7: "avx512_core_bf16",
    ]
    return names[identifier] ?? "isa 0x" + String(identifier, radix: 16)
  }

  /// `C = A·B`, or `A·Bᵀ` with B stored `[n × k]`.
  ///
  /// ## Safety
  /// `a` is `m × k`, `b` is `k × n` or `n × k`, `c` is `m × n`.
  @unsafe
  func multiply(
    _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    transposed: Bool, _ c: UnsafeMutablePointer<Float>
  ) {
    unsafe Rival.multiply(product, m, n, k, a, b, transposed: transposed, c)
  }

  @unsafe
  private static func multiply(
    _ product: Product, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>,
    _ b: UnsafePointer<Float>, transposed: Bool, _ c: UnsafeMutablePointer<Float>
  ) {
    let strideB = transposed ? k : n
    switch unsafe product {
    case .cblas(let function):
      // 101: row-major. 111: as it is. 112: transposed.
      unsafe function(
        101, 111, transposed ? 112 : 111, Int32(m), Int32(n), Int32(k), 1, a, Int32(k), b,
        Int32(strideB), 0, c, Int32(n))
    case .oneDNN(let function):
      let n8 = CChar(UInt8(ascii: "N"))
      let t8 = CChar(UInt8(ascii: "T"))
      _ = unsafe function(n8, transposed ? t8 : n8, m, n, k, 1, a, k, b, strideB, 0, c, n)
    }
  }
}
