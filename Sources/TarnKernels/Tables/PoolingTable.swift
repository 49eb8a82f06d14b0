// One family of the module's table.

public import TarnKernelInterface

/// PoNet's poolings, without the other families: see ``kernelTable()``.
public func poolingKernels() -> PoolingKernels {
  PoolingKernels(
    sumRows: { sumRows($0, keep: $1, isNear: $2, into: $3) },
    accumulate: { accumulate($0, scale: $1, factor: $2, into: $3, count: $4) },
    divide: { divide($0, by: $1, count: $2) },
    segmentMax: { segmentMax($0, labels: $1, into: $2) },
    neighbourMax: { neighbourMax($0, neighbours: $1, fill: $2, into: $3) },
    aggregate: {
      aggregate(
        $0, keep: $1, u: $2, scores: $3, rawScores: $4, m: $5, l: $6, z: $7, workspace: $8)
    },
    joinAggregates: {
      joinAggregates(m: $0, l: $1, z: $2, intoM: $3, runningL: $4, runningZ: $5)
    },
    fuse: {
      fuse(kinds: $0, v: $1, sequences: $2, maxima: $3, labels: $4, o: $5, local: $6, into: $7)
    },
    segmentArgmax: { segmentArgmax($0, labels: $1, into: $2, tokens: $3, tokenStride: $4) },
    segmentMaxGradient: {
      segmentMaxGradient(labels: $0, tokens: $1, first: $2, dy: $3, into: $4)
    },
    addRows: { addRows($0, indices: $1, into: $2) },
    repeatRow: { repeatRow($0, keep: $1, into: $2) },
    aggregateGradientScores: {
      aggregateGradientScores($0, probabilities: $1, dz: $2, into: $3, c: $4, workspace: $5)
    },
    aggregateGradient: {
      aggregateGradient(
        $0, probabilities: $1, g: $2, c: $3, directions: $4, into: $5, sums: $6, workspace: $7)
    }
  )
}
