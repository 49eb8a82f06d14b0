// One family of the module's table.

import TarnKernelInterface

func fourierKernels() -> FourierKernels {
  FourierKernels(
    transform: { transformColumns(real: $0, imaginary: $1, $2, workspace: $3) },
    mixTokens: { mixTokens($0, columns: $1, $2, into: $3, workspace: $4) },
    mixHidden: { mixHidden($0, rows: $1, $2, into: $3, workspace: $4) }
  )
}
