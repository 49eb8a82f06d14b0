// One family of the module's table.

import TarnKernelInterface

func fourierKernels() -> FourierKernels {
  FourierKernels()
}
