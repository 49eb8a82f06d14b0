// One family of the module's table.

import TarnKernelInterface

func memoryKernels() -> MemoryKernels {
  MemoryKernels(
    gather: { gather($0, indices: $1, adding: $2, into: $3) },
    widenBFloat16: { widenBFloat16($0, $1, $2) },
    widenFloat16: { widenFloat16($0, $1, $2) }
  )
}
