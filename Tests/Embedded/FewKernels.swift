// A program that takes few kernels: what .ci/embedded-sizes compiles to see what such a program pays for.
// No function here calls `kernelTable()`, so that nothing but the kernels below is compiled into it.

import TarnKernelInterface
import TarnKernels

/// Rows of weights into panels, as `multiplyRows` reads them.
public func packWeights(
  _ weight: MatrixView, _ panels: Range<Int>, _ packed: UnsafeMutablePointer<Float>
) {
  matmulKernels().packTransposed(weight, panels, packed)
}

/// One linear layer with its epilogue.
public func multiplyRows(
  _ x: MatrixView, _ weight: PackedView, _ panels: Range<Int>, _ epilogue: EpilogueView,
  _ y: MutableMatrixView, _ workspace: UnsafeMutablePointer<Float>
) {
  matmulKernels().multiply(x, weight, panels, false, epilogue, y, workspace)
}

/// Layer norm of each row, with a residual.
public func normalizeRows(
  _ x: MatrixView, _ residual: MatrixView?, _ gain: UnsafePointer<Float>,
  _ bias: UnsafePointer<Float>, _ y: MutableMatrixView
) {
  rowKernels().layerNorm(x, residual, gain, bias, 1e-12, y)
}

/// PoNet's segment maxima.
public func poolSegments(_ x: MatrixView, _ labels: UnsafePointer<Int32>, _ y: MutableMatrixView) {
  poolingKernels().segmentMax(x, labels, y)
}

/// PoNet's local maxima.
public func poolNeighbours(
  _ x: MatrixView, _ neighbours: UnsafePointer<WindowNeighbours>, _ y: MutableMatrixView
) {
  poolingKernels().neighbourMax(x, neighbours, 0, y)
}

/// PoNet's global aggregation over one chunk of tokens.
public func aggregateTokens(
  _ x: MatrixView, _ u: PackedView, _ scores: MutableMatrixView, _ m: UnsafeMutablePointer<Float>,
  _ l: UnsafeMutablePointer<Float>, _ z: MutableMatrixView, _ workspace: UnsafeMutablePointer<Float>
) {
  poolingKernels().aggregate(x, nil, u, scores, nil, m, l, z, workspace)
}

/// The sum of PoNet's three poolings.
public func fusePoolings(
  _ kinds: UnsafePointer<FusionKind>, _ v: MatrixView, _ sequences: UnsafePointer<Int32>,
  _ maxima: MatrixView, _ labels: UnsafePointer<Int32>, _ o: MatrixView, _ local: MatrixView,
  _ y: MutableMatrixView
) {
  poolingKernels().fuse(kinds, v, sequences, maxima, labels, o, local, y)
}
