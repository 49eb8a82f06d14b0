// One family of the module's table.

public import TarnKernelInterface

/// Normalisations, softmax and elementwise functions, without the other families: see ``kernelTable()``.
public func rowKernels() -> RowKernels {
  RowKernels(
    layerNorm: { layerNorm($0, residual: $1, gain: $2, bias: $3, epsilon: $4, into: $5) },
    softmax: { softmax($0, lengths: nil, scale: $1, into: $2) },
    elementwise: { elementwise($0, $1, $2, $3) },
    rmsNorm: { rmsNorm($0, gain: $1, epsilon: $2, into: $3) },
    maskedSoftmax: { softmax($0, lengths: $1, scale: $2, into: $3) },
    logSoftmax: { logSoftmax($0, scale: $1, into: $2) },
    logSumExp: { logSumExp($0, scale: $1, into: $2) },
    add: { add($0, $1, into: $2) },
    multiplyAdd: { multiplyAdd($0, $1, $2, into: $3) },
    layerNormGradient: {
      layerNormGradient($0, gain: $1, epsilon: $2, upstream: $3, into: $4, gain: $5, bias: $6)
    },
    rmsNormGradient: {
      rmsNormGradient($0, gain: $1, epsilon: $2, upstream: $3, into: $4, gain: $5)
    },
    softmaxGradient: { softmaxGradient($0, lengths: $1, scale: $2, upstream: $3, into: $4) },
    logSoftmaxGradient: { logSoftmaxGradient($0, scale: $1, upstream: $2, into: $3) },
    logSumExpGradient: { logSumExpGradient($0, scale: $1, upstream: $2, into: $3) },
    elementwiseGradient: { elementwiseGradient($0, $1, upstream: $2, into: $3, count: $4) }
  )
}
