// One family of the module's table.

public import TarnKernelInterface

/// Attention, without the other families: see ``kernelTable()``.
public func attentionKernels() -> AttentionKernels {
  AttentionKernels(
    attend: {
      attend(
        $0, $1, $2, heads: $3, kept: $4, keys: $5, seen: $6, factor: $7, relative: $8, into: $9,
        scratch: $10)
    }
  )
}
