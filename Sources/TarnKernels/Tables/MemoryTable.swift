// One family of the module's table.

public import TarnKernelInterface

/// Gathers, conversions and transpositions, without the other families: see ``kernelTable()``.
public func memoryKernels() -> MemoryKernels {
  MemoryKernels(
    gather: { gather($0, indices: $1, adding: $2, into: $3) },
    gatherColumns: { gatherColumns(of: $0, indices: $1, adding: $2, into: $3) },
    widenBFloat16: { widen(BFloat16Element.self, $0, $1, $2) },
    widenFloat16: { widen(Float16Element.self, $0, $1, $2) },
    narrowBFloat16: { narrowBFloat16($0, $1, $2) },
    narrowFloat16: { narrowFloat16($0, $1, $2) },
    transpose: { transpose($0, rows: $1, into: $2) },
    copyStrided: { copy($0, into: $1) }
  )
}
