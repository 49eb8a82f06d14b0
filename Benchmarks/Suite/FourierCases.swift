// Discrete Fourier transforms: cases of the kernel benchmark.

import Tarn
import TarnTestSupport

func fourierCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  []
}
