// One family of the module's table.

public import TarnKernelInterface

/// Matrix products, without the other families: see ``kernelTable()``.
public func matmulKernels() -> MatmulKernels {
  MatmulKernels(
    tileRows: TileShape.rows,
    tileColumns: TileShape.vectors &* 16,
    blockRows: TileShape.blockRows,
    pack: { pack($0, panels: $1, $2) },
    packTransposed: { packTransposed($0, panels: $1, $2) },
    packStrided: { packStrided($0, panels: $1, $2) },
    quantize: { quantize($0, depth: $1, columns: $2, into: $3, scales: $4) },
    multiply: {
      matmul($0, $1, panels: $2, adding: $3, epilogue: $4, into: $5, workspace: $6)
    },
    multiplyUnpacked: {
      matmul($0, unpacked: $1, panels: $2, epilogue: $3, into: $4, workspace: $5)
    },
    combine: { combine($0, alpha: $1, beta: $2, into: $3) }
  )
}
