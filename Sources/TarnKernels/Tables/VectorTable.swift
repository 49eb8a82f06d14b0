// One family of the module's table.

public import TarnKernelInterface

/// Vector operations, without the other families: see ``kernelTable()``.
public func vectorKernels() -> VectorKernels {
  VectorKernels(
    addProducts: { addProducts($0, $1, count: $2, to: $3) },
    addMagnitudes: { addMagnitudes($0, count: $1, to: $2) },
    joined: { joined($0) },
    addSquares: { addSquares($0, count: $1, to: $2) },
    addScaled: { addScaled($0, $1, to: $2, count: $3) },
    largestMagnitude: { largestMagnitude($0, count: $1) },
    firstMagnitude: { firstMagnitude($0, $1, count: $2) }
  )
}
