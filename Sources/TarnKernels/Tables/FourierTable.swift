// One family of the module's table.

public import TarnKernelInterface

/// Fourier mixing, without the other families: see ``kernelTable()``.
public func fourierKernels() -> FourierKernels {
  FourierKernels(
    transform: { transformColumns(real: $0, imaginary: $1, $2, workspace: $3) },
    mixTokens: { mixTokens($0, part: $1, columns: $2, $3, into: $4, scratch: $5) },
    mixHidden: { mixHidden($0, rows: $1, $2, into: $3, workspace: $4) },
    mixRemainder: {
      mixRemainder($0, remainder: $1, tokens: $2, $3, into: $4, workspace: $5)
    }
  )
}
