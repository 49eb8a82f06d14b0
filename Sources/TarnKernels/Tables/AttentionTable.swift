// One family of the module's table.

import TarnKernelInterface

func attentionKernels() -> AttentionKernels {
  AttentionKernels(
    attend: {
      attend($0, $1, $2, kept: $3, keys: $4, seen: $5, factor: $6, into: $7, scratch: $8)
    }
  )
}
