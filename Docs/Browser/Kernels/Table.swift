// The kernels that PoNet runs, in place of the whole table: the module then holds half as much code.

public import TarnKernelInterface
import TarnKernels

/// What the linker takes for `TarnKernels.kernelTable()`, whose name this has, as it comes first.
///
/// No windows, top-k, Fourier transform, attention or gradient: a call of one would stop the module.
/// Kernels come into this object from the bodies in TarnKernels, compiled with the same settings.
@_silgen_name("$e11TarnKernels11kernelTable0A15KernelInterface0eD0VyF")
public func encoderKernelTable() -> KernelTable {
  var rows = rowKernels()
  rows.layerNormGradient = { _, _, _, _, _, _, _ in isMissing() }
  rows.rmsNormGradient = { _, _, _, _, _, _ in isMissing() }
  rows.softmaxGradient = { _, _, _, _, _ in isMissing() }
  rows.logSoftmaxGradient = { _, _, _, _ in isMissing() }
  rows.logSumExpGradient = { _, _, _, _ in isMissing() }
  rows.elementwiseGradient = { _, _, _, _, _ in isMissing() }
  var pooling = poolingKernels()
  pooling.segmentMaxGradient = { _, _, _, _, _ in isMissing() }
  pooling.aggregateGradientScores = { _, _, _, _, _, _ in isMissing() }
  pooling.aggregateGradient = { _, _, _, _, _, _, _, _ in isMissing() }
  return KernelTable(
    hasFusedMultiplyAdd: false, matmul: matmulKernels(), rows: rows, pooling: pooling,
    windows: noWindows(), topK: noTopK(), fourier: noFourier(),
    attention: AttentionKernels(attend: { _, _, _, _, _, _, _, _, _, _, _ in isMissing() }),
    vectors: vectorKernels(), memory: memoryKernels(), machine: machineKernels())
}

private func noWindows() -> WindowKernels {
  WindowKernels(
    poolAlone: { _, _, _, _, _ in isMissing() },
    poolBlocks: { _, _, _, _, _ in isMissing() },
    spreadAlone: { _, _, _, _, _, _ in isMissing() },
    spreadBlocks: { _, _, _, _, _ in isMissing() },
    chooseAlone: { _, _, _, _, _ in isMissing() },
    chooseShort: { _, _, _, _, _, _ in isMissing() },
    chooseBlocks: { _, _, _, _, _, _ in isMissing() })
}

private func noTopK() -> TopKKernels {
  TopKKernels(
    rank: { _, _, _, _ in isMissing() },
    planSoftTopK: { _, _, _, _, _, _ in isMissing() },
    blendRows: { _, _, _, _, _ in isMissing() },
    spreadRows: { _, _, _, _, _, _, _ in isMissing() },
    softTopKScoreGradient: { _, _, _, _, _, _ in isMissing() },
    iterativeTopK: { _, _, _, _ in isMissing() })
}

private func noFourier() -> FourierKernels {
  FourierKernels(
    transform: { _, _, _, _ in isMissing() },
    mixTokens: { _, _, _, _, _, _ in isMissing() },
    mixHidden: { _, _, _, _, _ in isMissing() },
    mixRemainder: { _, _, _, _, _, _ in isMissing() })
}

private func isMissing() -> Never { fatalError("the model runs a kernel that the module lacks") }
