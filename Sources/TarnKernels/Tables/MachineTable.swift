// One family of the module's table.

public import TarnKernelInterface

/// Measurements of the machine, without the other families: see ``kernelTable()``.
public func machineKernels() -> MachineKernels {
  MachineKernels(
    multiplyAddPeak: { multiplyAddPeak($0) },
    readAll: { readAll($0, count: $1) },
    copyAll: { copyAll($0, into: $1, count: $2) }
  )
}
