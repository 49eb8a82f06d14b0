// Sliding and strided pooling over the rows of a sequence, and upsampling: cases of the kernel benchmark.

import Tarn
import TarnTestSupport

func windowCases(rows n: Int, columns d: Int, on execution: Execution) throws -> [KernelCase] {
  []
}
