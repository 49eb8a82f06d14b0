// The module's only public function: its kernels as a table.

public import TarnKernelInterface

/// The kernels of this instruction set.
///
/// Call it only on a processor that has the instruction set this module was compiled for.
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
