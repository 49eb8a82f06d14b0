// One family of the module's table.

import TarnKernelInterface

func windowKernels() -> WindowKernels {
  WindowKernels()
}
