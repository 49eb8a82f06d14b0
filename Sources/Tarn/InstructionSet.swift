// Which kernels run: found once, forced by an option or by TARN_ISA.

package import TarnKernelInterface
internal import TarnKernels
internal import TarnSystem

#if TARN_X86_VARIANTS
  internal import TarnKernelsAVX2
  internal import TarnKernelsAVX512
#endif

/// An instruction set that the kernels have been compiled for.
public enum InstructionSet: String, CaseIterable, Sendable, Comparable {
  /// SSE2 on x86-64, the plain target elsewhere: multiply and add round separately.
  case baseline
  /// AVX2 with fused multiply-add (x86-64-v3).
  case avx2
  /// AVX-512 F, BW, CD, DQ, VL (x86-64-v4).
  case avx512
  /// NEON with fused multiply-add (arm64).
  case neon
  /// VFPv4 or later: 32-bit Arm with fused multiply-add, one number at a time.
  case vfpv4

  /// The order of preference: later is faster.
  public static func < (a: InstructionSet, b: InstructionSet) -> Bool { a.rank < b.rank }

  private var rank: Int {
    switch self {
    case .baseline: 0
    case .avx2, .neon, .vfpv4: 1
    case .avx512: 2
    }
  }

  /// Whether `a·b + c` is rounded once.
  ///
  /// All such instruction sets give the same bits.
  public var hasFusedMultiplyAdd: Bool { self != .baseline }

  /// What this build and this processor both have, slowest first.
  public static let available: [InstructionSet] = detect()

  /// The fastest available instruction set.
  public static var best: InstructionSet { available.last ?? .baseline }

  /// Parses a name and checks that it is available.
  ///
  /// - Parameters:
  ///   - name: a raw value, for example "avx2".
  ///   - source: where the name came from, for the error: an option or a variable.
  /// - Throws: ``TarnError/unknownInstructionSet(name:source:)``,
  ///   ``TarnError/unavailableInstructionSet(name:source:available:)``.
  public init(name: String, source: String) throws(TarnError) {
    guard let set = InstructionSet(rawValue: name) else {
      throw .unknownInstructionSet(name: name, source: source)
    }
    guard InstructionSet.available.contains(set) else {
      throw .unavailableInstructionSet(
        name: name, source: source, available: InstructionSet.available.map { $0.rawValue })
    }
    self = set
  }

  /// The kernels of this instruction set.
  package var kernels: Kernels {
    switch self {
    case .baseline, .neon, .vfpv4: Kernels.plain
    #if TARN_X86_VARIANTS
      case .avx2: Kernels.avx2
      case .avx512: Kernels.avx512
    #else
      case .avx2, .avx512: Kernels.plain
    #endif
    }
  }

  private static func detect() -> [InstructionSet] {
    #if arch(arm64)
      return [.neon]
    #elseif arch(arm) && TARN_FMA
      return [.vfpv4]
    #elseif TARN_X86_VARIANTS
      let flags = processorFlags()
      var sets: [InstructionSet] = [.baseline]
      let v3: Set = ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"]
      let v4: Set = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]
      // Linux calls LZCNT "abm"; macOS calls it "lzcnt".
      let hasLZCNT = flags.contains("abm") || flags.contains("lzcnt")
      if hasLZCNT && v3.isSubset(of: flags) {
        sets.append(.avx2)
        if v4.isSubset(of: flags) { sets.append(.avx512) }
      }
      return sets
    #else
      return [.baseline]
    #endif
  }
}

#if TARN_X86_VARIANTS
  /// The processor's feature names in lower case.
  ///
  /// The system lists only what it supports itself, so that the wide registers are saved on a task
  /// switch is part of the answer.
  private func processorFlags() -> Set<String> {
    #if canImport(Darwin)
      var flags: Set<String> = []
      for name in ["machdep.cpu.features", "machdep.cpu.leaf7_features", "machdep.cpu.extfeatures"]
      {
        flags.formUnion(sysctlString(name).split(separator: " ").map { $0.lowercased() })
      }
      return Set(
        flags.map { $0 == "avx1.0" ? "avx" : $0 })
    #else
      guard let text = readTextFile("/proc/cpuinfo"),
        let line = text.split(separator: "\n").first(where: { $0.hasPrefix("flags") })
      else { return [] }
      return Set(line.split(separator: " ").map(String.init))
    #endif
  }
#endif

/// A kernel table in one place: operators hold a reference, not twenty closures.
package final class Kernels: Sendable {
  /// The kernels of one instruction set.
  package let table: KernelTable

  private init(_ table: KernelTable) {
    self.table = table
  }

  static let plain = Kernels(TarnKernels.kernelTable())
  #if TARN_X86_VARIANTS
    static let avx2 = Kernels(TarnKernelsAVX2.kernelTable())
    static let avx512 = Kernels(TarnKernelsAVX512.kernelTable())
  #endif
}
