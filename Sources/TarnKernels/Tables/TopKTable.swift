// One family of the module's table.

import TarnKernelInterface

func topKKernels() -> TopKKernels {
  TopKKernels()
}
