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
    tileRows: TileShape.rows,
    tileColumns: TileShape.vectors &* 16,
    hasFusedMultiplyAdd: fused,
    pack: { pack($0, panels: $1, $2) },
    packTransposed: { packTransposed($0, panels: $1, $2) },
    matmul: {
      matmul($0, $1, panels: $2, adding: $3, epilogue: $4, into: $5, workspace: $6)
    },
    matmulUnpacked: {
      matmul($0, unpacked: $1, panels: $2, epilogue: $3, into: $4, workspace: $5)
    },
    layerNorm: { layerNorm($0, residual: $1, gain: $2, bias: $3, epsilon: $4, into: $5) },
    softmax: { softmax($0, scale: $1, into: $2) },
    elementwise: { elementwise($0, $1, $2, $3) },
    sumRows: { sumRows($0, keep: $1, into: $2) },
    accumulate: { accumulate($0, scale: $1, factor: $2, into: $3, count: $4) },
    divide: { divide($0, by: $1, count: $2) },
    segmentMax: { segmentMax($0, labels: $1, into: $2) },
    slidingMax: { slidingMax($0, window: $1, tokens: $2, into: $3) },
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
    gather: { gather($0, indices: $1, adding: $2, into: $3) },
    widenBFloat16: { widenBFloat16($0, $1, $2) },
    widenFloat16: { widenFloat16($0, $1, $2) },
    multiplyAddPeak: { multiplyAddPeak($0) },
    readAll: { readAll($0, count: $1) }
  )
}
