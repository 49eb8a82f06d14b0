// The module's kernels as a table. Public are this function and those of the families in Tables/ alone.

public import TarnKernelInterface

/// The kernels of this instruction set.
///
/// Call it only on a processor that has the instruction set this module was compiled for.
///
/// In Embedded Swift a caller's module would hold a copy of every kernel; with this attribute it calls
/// the one here. A program that takes few kernels calls a family's function instead, such as
/// `rowKernels().layerNorm(...)`: the compiler then finds the kernel itself, and no other is linked.
#if hasFeature(Embedded)
  @export(interface)
#endif
public func kernelTable() -> KernelTable {
  #if TARN_FMA || arch(arm64)
    let fused = true
  #else
    let fused = false
  #endif
  return KernelTable(
    hasFusedMultiplyAdd: fused, matmul: matmulKernels(), rows: rowKernels(),
    pooling: poolingKernels(), windows: windowKernels(), topK: topKKernels(),
    fourier: fourierKernels(), attention: attentionKernels(), vectors: vectorKernels(),
    memory: memoryKernels(), machine: machineKernels())
}
