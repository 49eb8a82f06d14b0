// One family of the module's table.

public import TarnKernelInterface

/// Sliding and strided windows, without the other families: see ``kernelTable()``.
public func windowKernels() -> WindowKernels {
  WindowKernels(
    poolAlone: { poolAlone($0, $1, windows: $2, outputs: $3, into: $4) },
    poolBlocks: { poolBlocks($0, $1, windows: $2, into: $3, scratch: $4) },
    spreadAlone: {
      spreadAlone($0, windows: $1, divided: $2, adding: $3, tokens: $4, into: $5)
    },
    spreadBlocks: { spreadBlocks($0, windows: $1, divided: $2, into: $3, scratch: $4) },
    chooseAlone: { chooseAlone(isMaximum: $0, $1, windows: $2, upstream: $3, into: $4) },
    chooseShort: {
      chooseShort(isMaximum: $0, $1, windows: $2, upstream: $3, into: $4, scratch: $5)
    },
    chooseBlocks: {
      chooseBlocks(isMaximum: $0, $1, windows: $2, upstream: $3, into: $4, scratch: $5)
    }
  )
}
