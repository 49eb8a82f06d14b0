// Other libraries' SGEMM, found at run time: `--blas [NAME=VALUE,...:]PATH`.
//
// A library that is named again, under another environment, is loaded again, from a copy of the file:
// the loader would hand out the first one.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// `C = A·B` or `C = A·Bᵀ` by somebody else; all row-major, without gaps.
@safe struct Rival {
  /// The file's name and the environment it was loaded under.
  let name: String
  /// What the library says it runs here; empty if it says nothing.
  let kernel: String
  /// Variables under which the library runs other kernels, if it is loaded with them: `NAME=VALUE`.
  let settings: [String]
  private let path: String
  private let product: Product

  @unsafe private enum Product {
    case cblas(CBLASFunction)
    case cblas64(CBLAS64Function)
    case oneDNN(OneDNNFunction)
  }

  private typealias CBLASFunction =
    @convention(c) (
      Int32, Int32, Int32, Int32, Int32, Int32, Float, UnsafePointer<Float>, Int32,
      UnsafePointer<Float>, Int32, Float, UnsafeMutablePointer<Float>, Int32
    ) -> Void
  private typealias CBLAS64Function =
    @convention(c) (
      Int, Int, Int, Int, Int, Int, Float, UnsafePointer<Float>, Int, UnsafePointer<Float>, Int,
      Float, UnsafeMutablePointer<Float>, Int
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
    let loaded = isCopy ? try temporaryCopy(of: path) : path
    // Once the loader has mapped it, the copy needs no name.
    defer { if isCopy { unsafe unlink(loaded) } }
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
      unsafe product = try unsafe Rival.cblas(handle, path)
    }
    unsafe Rival.callOnce(product)
    for variable in variables { unsafe unsetenv(String(variable.prefix { $0 != "=" })) }
    kernel = unsafe Rival.kernelName(handle)
    settings = unsafe Rival.settings(handle)
  }

  /// Whether the library's integers have 64 bits.
  var hasWideIntegers: Bool {
    if case .cblas64 = unsafe product { return true }
    return false
  }

  /// The sgemm of a CBLAS library, with integers as wide as the library has them.
  ///
  /// Builds with 64-bit integers put 64_, _64 or _64_ behind the names, but not all do; what the name
  /// says is probed.
  private static func cblas(_ handle: UnsafeMutableRawPointer, _ path: String) throws -> Product {
    for prefix in ["", "scipy_"] {
      for suffix in ["", "64_", "_64", "_64_"] {
        guard let symbol = unsafe dlsym(handle, prefix + "cblas_sgemm" + suffix) else { continue }
        let isWide =
          unsafe dlsym(handle, prefix + "cblas_sdot" + suffix).map {
            unsafe probeForWideIntegers($0)
          } ?? !suffix.isEmpty
        // SAFETY: the CBLAS signature; the enumerations fill a register of either width.
        return isWide
          ? unsafe .cblas64(unsafe unsafeBitCast(symbol, to: CBLAS64Function.self))
          : unsafe .cblas(unsafe unsafeBitCast(symbol, to: CBLASFunction.self))
      }
    }
    throw BenchmarkError.library(
      path, "has no cblas_sgemm, plain or with 64_, _64 or _64_ behind it, and no dnnl_sgemm")
  }

  /// Asks an inner product for a count whose lower half is 2 and whose upper half makes it negative.
  ///
  /// 32-bit integers see the lower half and give 3 + 8; 64-bit integers see no elements and give 0. Neither
  /// reads what it should not.
  private static func probeForWideIntegers(_ symbol: UnsafeMutableRawPointer) -> Bool {
    typealias Dot =
      @convention(c) (
        Int, UnsafePointer<Float>, Int, UnsafePointer<Float>, Int
      ) -> Float
    let x: [Float] = [1, 2]
    let y: [Float] = [3, 4]
    // SAFETY: an argument is a register of 64 bits, of which a narrow integer is the lower half.
    return unsafe unsafeBitCast(symbol, to: Dot.self)(Int.min + 2, x, 1, y, 1) != 11
  }

  /// Some libraries read their environment at the first call, and know their kernel from then on.
  private static func callOnce(_ product: Product) {
    let x: [Float] = [1]
    var y: [Float] = [0]
    // SAFETY: matrices of one element.
    unsafe x.withUnsafeBufferPointer { x in
      guard let x = x.baseAddress else { return }
      let one = unsafe Stored(x, stride: 1)
      unsafe multiply(product, 1, 1, 1, 1, one, one, 0, &y, 1)
    }
  }

  /// Variables that choose other kernels of a library, a setting each; empty where none is known.
  private static func settings(_ handle: UnsafeMutableRawPointer) -> [String] {
    func has(_ symbols: String...) -> Bool { symbols.contains { unsafe dlsym(handle, $0) != nil } }
    if has(
      "openblas_get_corename", "scipy_openblas_get_corename", "scipy_openblas_get_corename64_",
      "openblas_get_corename64_")
    {
      return ["OPENBLAS_CORETYPE=Haswell", "OPENBLAS_CORETYPE=Zen", "OPENBLAS_CORETYPE=SkylakeX"]
    }
    if has("bli_arch_query_id") {
      // By number: skx, haswell, zen3. A name is taken for 0 by BLIS 0.9.
      return ["BLIS_ARCH_TYPE=0", "BLIS_ARCH_TYPE=3", "BLIS_ARCH_TYPE=6"]
    }
    if has("MKL_Get_Version_String") {
      return ["MKL_CBWR=AVX2", "MKL_CBWR=AVX512"]
    }
    return []
  }

  /// What a library says of itself.
  private static func kernelName(_ handle: UnsafeMutableRawPointer) -> String {
    typealias Name = @convention(c) () -> UnsafePointer<CChar>?
    typealias Identifier = @convention(c) () -> Int32
    typealias NameOfIdentifier = @convention(c) (Int32) -> UnsafePointer<CChar>?
    typealias Version = @convention(c) (UnsafeMutablePointer<CChar>, Int32) -> Void
    // SAFETY: the documented signatures of OpenBLAS, BLIS, MKL and oneDNN; strings are terminated.
    for symbol in [
      "openblas_get_corename", "scipy_openblas_get_corename",
      "scipy_openblas_get_corename64_", "openblas_get_corename64_",
    ] {
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
    unsafe multiply(
      m, n, k, alpha: 1, Stored(a, stride: k), Stored(b, stride: transposed ? k : n, transposed),
      beta: 0, c, n)
  }

  /// A factor as it is stored: row-major, `stride` elements from row to row.
  @unsafe struct Stored {
    var base: UnsafePointer<Float>
    var stride: Int
    var isTransposed: Bool

    init(_ base: UnsafePointer<Float>, stride: Int, _ isTransposed: Bool = false) {
      (unsafe self.base, unsafe self.stride, unsafe self.isTransposed) = unsafe (
        base, stride, isTransposed
      )
    }
  }

  /// `C = alpha·op(A)·op(B) + beta·C`.
  ///
  /// ## Safety
  /// The factors and `c` have the elements of their shapes and strides.
  @unsafe
  func multiply(
    _ m: Int, _ n: Int, _ k: Int, alpha: Float, _ a: Stored, _ b: Stored, beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ strideC: Int
  ) {
    unsafe Rival.multiply(product, m, n, k, alpha, a, b, beta, c, strideC)
  }

  @unsafe
  private static func multiply(
    _ product: Product, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float, _ a: Stored, _ b: Stored,
    _ beta: Float, _ c: UnsafeMutablePointer<Float>, _ strideC: Int
  ) {
    // 101: row-major. 111: as it is. 112: transposed.
    let (left, right) = unsafe (a.isTransposed ? 112 : 111, b.isTransposed ? 112 : 111)
    switch unsafe product {
    case .cblas(let function):
      unsafe function(
        101, Int32(left), Int32(right), Int32(m), Int32(n), Int32(k), alpha, a.base,
        Int32(a.stride), b.base, Int32(b.stride), beta, c, Int32(strideC))
    case .cblas64(let function):
      unsafe function(
        101, left, right, m, n, k, alpha, a.base, a.stride, b.base, b.stride, beta, c, strideC)
    case .oneDNN(let function):
      let n8 = CChar(UInt8(ascii: "N"))
      let t8 = CChar(UInt8(ascii: "T"))
      _ = unsafe function(
        a.isTransposed ? t8 : n8, b.isTransposed ? t8 : n8, m, n, k, alpha, a.base, a.stride,
        b.base, b.stride, beta, c, strideC)
    }
  }
}
