// One family of the module's table.

import TarnKernelInterface

func rowKernels() -> RowKernels {
  RowKernels(
    layerNorm: { layerNorm($0, residual: $1, gain: $2, bias: $3, epsilon: $4, into: $5) },
    softmax: { softmax($0, scale: $1, into: $2) },
    elementwise: { elementwise($0, $1, $2, $3) }
  )
}
