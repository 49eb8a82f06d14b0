// One family of the module's table.

public import TarnKernelInterface

/// Soft and hard top-k, without the other families: see ``kernelTable()``.
public func topKKernels() -> TopKKernels {
  TopKKernels(
    rank: { rank($0, count: $1, into: $2, workspace: $3) },
    planSoftTopK: {
      planSoftTopK($0, lnBase: $1, flips: $2, keepsOrder: $3, order: $4, workspace: $5)
    },
    blendRows: { blendRows($0, tokens: $1, weights: $2, group: $3, into: $4) },
    spreadRows: { spreadRows($0, x: $1, places: $2, weights: $3, group: $4, into: $5, dots: $6) },
    softTopKScoreGradient: {
      softTopKScoreGradient($0, lnBase: $1, upstream: $2, dots: $3, weights: $4, into: $5)
    },
    iterativeTopK: { iterativeTopK($0, alpha: $1, into: $2, scores: $3) }
  )
}
